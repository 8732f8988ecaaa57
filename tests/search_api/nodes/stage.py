"""Two indexer nodes and a search node before them, each served on a socket of its own.

Node ``a`` has a registry with rules and a public one, node ``b`` another one with rules. Their
search index is in a real cluster.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from indexer.engines.opensearch import OpenSearchEngine
from indexer.model import make_rights
from indexer.nodes import Announcer
from indexer.settings import (
    AccessSettings,
    NodeSettings,
    RegistrySettings,
    RuleSettings,
    Settings,
)
from search_api.access import add_token, make_token
from search_api.processes import make_joint_engine
from search_api.web import make_web
from tests.builders import image
from tests.fakes.clock import START, ManualClock
from tests.fakes.serving import serving
from tests.opensearch.cluster import Cluster
from tests.search_api.access.asking import basic, bearer, write_users
from tests.search_api.access.proof.world import HOSTS, World, fill_world, make_world
from tests.search_api.filling import Pushed, settings_for

SECRET = "a secret that all nodes share"
SEARCH_HOST = "search.example"
USERS = ("alice", "bob", "root")
OF_NODES: Mapping[str, tuple[str, ...]] = {"a": ("inner7", "open"), "b": ("outer8",)}
ON_BOTH = image(seed="on both nodes")
REPOSITORIES = 24
_RULES: Mapping[str, tuple[RuleSettings, ...]] = {
    "inner7": (
        RuleSettings(repositories=("payments/*", "web/*", "both/*"), users=("alice",)),
        RuleSettings(repositories=("*",), groups=("platform",)),
    ),
    "outer8": (
        RuleSettings(repositories=("data/*", "tools/*"), users=("alice",)),
        RuleSettings(repositories=("*",), users=("bob",)),
    ),
}


def make_content() -> World:
    """Return what is pushed: a world, and an image that both nodes have."""
    both = [Pushed("both/image", ON_BOTH, "1", name) for name in ("inner7", "outer8")]
    return World((*make_world(REPOSITORIES, seed=4).pushed, *both))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the nodes are, and who asks them."""

    world: World
    urls: Mapping[str, str]
    """Of the indexer nodes, by their names."""
    search_url: str
    apps: Mapping[str, Starlette]
    callers: Mapping[str, Mapping[str, str]]
    """What each caller sends."""
    client: httpx2.Client

    def get(
        self, node: str, address: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> httpx2.Response:
        """Ask an indexer node, or the search node for an empty name."""
        sent = {"Host": SEARCH_HOST, **(headers or {})}
        url = self.urls[node] if node else self.search_url
        return self.client.request(method, url + address, headers=sent)


class Building:
    """Starts nodes over data directories, each of which is filled at first."""

    def __init__(self, folder: Path, cluster: Cluster, stack: ExitStack) -> None:
        self.folder = folder
        self._cluster = cluster
        self._stack = stack
        self._access: dict[str, Any] = {
            "operators": ["user:root"],
            "htpasswd_file": write_users(folder / "users", *USERS),
            "tokens_file": folder / "tokens.json",
        }
        text, token = make_token("carol", ("platform",), metrics=False, now=START, expires_at=None)
        add_token(folder / "tokens.json", token)
        self.token = token.id
        self.callers = {
            "": {},
            **{name: basic(name) for name in USERS},
            "carol": bearer(text),
        }

    def settings(
        self,
        directory: str,
        urls: Mapping[str, str],
        *,
        node: str = "",
        asked: str = "",
        **changed: Any,
    ) -> Settings:
        """Return the settings that all nodes share, with those of one node.

        With ``asked``, the address of ``outer8``, that registry decides by itself.
        """
        registries = [_registry(name, asked if name == "outer8" else "") for name in HOSTS]
        nodes = tuple(
            NodeSettings(
                name=name, url=urls.get(name, "http://unknown.example"), registries=OF_NODES[name]
            )
            for name in OF_NODES
        )
        update = {
            "registry": tuple(registries),
            "access": AccessSettings.model_validate(self._access),
            "node": nodes,
            "node_name": node,
            "node_secret": SECRET,
            "engine": "opensearch",
            "opensearch_url": tuple(self._cluster.urls),
            # Other tests remove what begins with "t".
            "opensearch_prefix": "details",
            "opensearch_replicas": 0,
            **changed,
        }
        (self.folder / directory).mkdir(exist_ok=True)
        made = settings_for(self.folder / directory).model_copy(update=update)
        return made.of_own_node()

    async def fill(self, world: World) -> None:
        """Make the stores of the indexer nodes, and their parts of the search index."""
        clock = ManualClock()
        for name, registries in OF_NODES.items():
            settings = self.settings(name, {}, node=name)
            part = World(tuple(one for one in world.pushed if one.registry in registries))
            engine, node = make_joint_engine(settings), settings.own_node()
            make_engine = partial(_given, engine)
            await fill_world(settings.data_dir, part, make_rights(registries), make_engine)
            assert node is not None
            announcer = Announcer(
                settings.data_dir,
                node=node,
                table=engine.node_table(),
                read_owner=engine.owner,
                clock=clock,
            )
            await announcer.announce()
            await announcer.close()

    def serve(self, app: Starlette) -> str:
        """Serve an application until the end; return its URL."""
        return self._stack.enter_context(serving(app))

    def indexer(self, name: str, **changed: Any) -> tuple[Starlette, str]:
        """Start an indexer node; return its application and URL."""
        app = make_web(self.settings(name, {}, node=name, **changed), clock=ManualClock())
        return app, self.serve(app)

    def search(self, urls: Mapping[str, str], **changed: Any) -> str:
        """Start a search node before indexer nodes; return its URL."""
        settings = self.settings("search", urls, **{"search_deadline": timedelta(5), **changed})
        return self.serve(make_web(settings, clock=ManualClock(), search_only=True))


def _registry(name: str, asked: str) -> RegistrySettings:
    given: dict[str, Any] = {"name": name, "url": asked or f"http://{HOSTS[name]}"}
    if asked:
        given |= {"access": "registry"}
    elif name in _RULES:
        given |= {"access": "rules", "rule": _RULES[name]}
    return RegistrySettings.model_validate({**given, "registry_host": HOSTS[name]})


def _given(engine: OpenSearchEngine, _: Path) -> OpenSearchEngine:
    return engine
