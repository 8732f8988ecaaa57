"""The nodes of an installation: which of them has which registries, and where it is."""

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from indexer.errors import SettingsError
from indexer.settings.registry import short_secret
from indexer.settings.secret_files import read_secret_file
from indexer.settings.values import REGISTRY_NAME, web_address


def _is_node(url: str) -> str:
    parts = web_address(url)
    if parts is None or "@" in parts.netloc:
        raise ValueError("write a URL such as http://indexer-a:8080")
    return parts.geturl().rstrip("/")


class NodeSettings(BaseModel):
    """An indexer node, and the registries that are its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(
        pattern=REGISTRY_NAME,
        max_length=64,
        description="The name of the node: in the cluster, in messages, and for `node_name`.",
    )
    url: Annotated[str, AfterValidator(_is_node)] = Field(
        max_length=1_000,
        description="Where search nodes reach its service, with the path of `public_url` if there"
        " is one. They pass on what users ask for: use TLS on a network that others read.",
    )
    registries: tuple[str, ...] = Field(
        min_length=1, description="The names of its registries, which belong to no other node."
    )


def refuse_partial_nodes(settings: Any) -> None:
    """Raise :class:`ValueError` if the nodes and the rest of the settings do not go together."""
    nodes: tuple[NodeSettings, ...] = settings.node
    name: str = settings.node_name
    if not nodes:
        if name:
            raise ValueError(f"node_name is {name!r}, but there is no [[node]] table")
        return
    if settings.engine != "opensearch":
        raise ValueError("[[node]] needs engine = 'opensearch': nodes share a search index")
    _refuse_twice("nodes are named", [node.name for node in nodes])
    owned = [registry for node in nodes for registry in node.registries]
    _refuse_twice("nodes have registry", owned)
    known = [registry.name for registry in settings.registry]
    for one in owned:
        if one not in known:
            raise ValueError(f"[[node]]: no registry is named {one!r}; known are {_listed(known)}")
    for one in known:
        if one not in owned:
            raise ValueError(f"registry {one!r} belongs to no [[node]]: name it in one")
    if name and name not in [node.name for node in nodes]:
        raise ValueError(
            f"node_name is {name!r}, but no [[node]] has that name; known are"
            f" {_listed(node.name for node in nodes)}"
        )


def read_node_secret(settings: Any) -> str:
    """Return the secret of the nodes; :class:`SettingsError` if there is none that can be used."""
    secret: str = settings.node_secret
    name = "node_secret"
    if settings.node_secret_file is not None:
        name = f"node_secret_file {str(settings.node_secret_file)!r}"
        secret = read_secret_file(settings.node_secret_file, setting=name)
    if not secret:
        raise SettingsError(
            "[[node]] needs a secret that all nodes share: set node_secret_file, and write the"
            " output of `openssl rand -hex 32` into the file"
        )
    if problem := short_secret(name, secret):
        raise SettingsError(problem)
    return secret


def _refuse_twice(what: str, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"two {what} {name!r}")


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
