"""The settings: one table, read once at start from ``regsearch.toml`` and the environment.

It is long because a table has a line for each setting. What others need is in files beside it.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from indexer.errors import SettingsError
from indexer.model import fold, words
from indexer.settings.access import AccessSettings, OidcSettings, RuleSettings
from indexer.settings.environment import (
    CONFIG_VARIABLE,
    NESTED,
    PREFIX,
    REGISTRY_VARIABLE,
    find_variable,
    nearest,
    refuse_unknown_variables,
    registry_tables,
    variable_name,
)
from indexer.settings.nodes import NodeSettings, read_node_secret, refuse_partial_nodes
from indexer.settings.opensearch import ClusterUrl, read_password, refuse_partial_cluster
from indexer.settings.registry import (
    RegistrySettings,
    refuse_short_secrets,
    with_webhook_secrets,
)
from indexer.settings.values import (
    PLAIN_PATH,
    REGISTRY_NAME,
    Duration,
    Network,
    Origin,
    Retention,
    listed,
    web_address,
)

OFFICIAL = ("library",)
"""Namespaces of official images, if no others are set."""
CONFIG_FILE = "regsearch.toml"
_SECRETS = {
    "password",
    "opensearch_password",
    "node_secret",
    "webhook_secret",
    "previous_webhook_secret",
    "client_secret",
}
_SHOWN = (str, int, float)
"""Error messages repeat values of these types; others may contain secrets."""
PORT_MAX = 65_535


class _Registries(PydanticBaseSettingsSource):
    """The registries of file and environment together, by their names."""

    def __init__(self, settings_cls: type[BaseSettings], file: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._in_file = file().get("registry", [])

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: all is in the call."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the tables, if the file has such."""
        if not _is_tables(self._in_file):
            return {}
        tables = registry_tables(os.environ, self._in_file)
        return {"registry": tables} if tables else {}


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _registries(value: object) -> object:
    if isinstance(value, str):
        return [{"url": value}]
    if isinstance(value, dict):
        raise ValueError("write [[registry]], with two brackets")  # noqa: TRY004
    return value


class Settings(BaseSettings):
    """Everything that can be set, each with its default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        env_nested_delimiter=NESTED,
        hide_input_in_errors=True,
    )

    registry: Annotated[tuple[RegistrySettings, ...], NoDecode, BeforeValidator(_registries)] = (
        Field(
            (),
            description="The registries, as `[[registry]]` tables. In the environment: the URL of a"
            " single registry, which is then named `default`. It may contain credentials:"
            " `https://user:password@host`. [Several by"
            " variables](#registries-by-variables).",
        )
    )
    data_dir: Path = Field(
        Path("regsearch-data"), description="The folder for journal, store and search index."
    )
    listen: str = Field(
        "127.0.0.1:8080",
        description="The address and port of the web process, such as `0.0.0.0:8080`, `[::]:8080`"
        " or `:8080`, which is at all addresses of IPv4.",
    )
    public_url: str = Field(
        "",
        max_length=1_000,
        description="The address at which users reach this service, such as"
        " `https://example.org/regsearch`. All addresses in pages and answers begin"
        " with its path. The service answers with that path and without it, so a proxy"
        " may cut it off or not.",
    )
    page: bool = Field(True, description="Whether there is a web page.")
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        description="Web sites whose pages may read the API in a browser, such as"
        ' `["https://portal.example.org"]`; `["*"]`: all.',
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        description='Networks of proxies in front of regsearch, such as `["10.0.0.0/8"]`: what'
        " they forward of a client (`Forwarded`, `X-Forwarded-Host`, `-For`, `-Proto`)"
        " is believed.",
    )
    caller_requests_per_second: int = Field(
        20,
        ge=0,
        le=100_000,
        description="How many requests a second one address may send, with bursts of five times"
        " as many; more are answered 429. `0`: any number. Notifications, `/healthz`,"
        " `/readyz` and `/metrics` are never limited.",
    )
    caller_streams: int = Field(
        5,
        ge=0,
        le=100,
        description="How many streams of changes one address may have open; all addresses"
        " together have 100. `0`: only the limit of all.",
    )
    access_log: bool = Field(
        False,
        description="Whether each request is a line of JSON on standard output: address, method,"
        " path without the query, status, milliseconds, bytes, request id, user agent.",
    )
    webhook_secret: str = Field(
        "",
        repr=False,
        description="The password that registries send with a notification, at least 16"
        " characters; `openssl rand -hex 32` makes one. If it is not set: made at the"
        " first start and kept in `data_dir`.",
    )
    webhook_secret_file: Path | None = Field(
        None, description="A file that holds that password; it comes before `webhook_secret`."
    )
    previous_webhook_secret: str = Field(
        "",
        repr=False,
        description="The secret before it, accepted too while you [change"
        " it](operations.md#the-webhook-secret).",
    )
    previous_webhook_secret_file: Path | None = Field(
        None, description="A file that holds the secret before it."
    )
    journal_retention: Retention = Field(
        timedelta(days=7), description="How long received events are kept; `0s`: for ever."
    )
    hidden_retention: Retention = Field(
        timedelta(days=7),
        description="How long regsearch remembers content that the registry no longer holds."
        " Within this time it can come back with its history. `0s`: for ever.",
    )
    history_retention: Retention = Field(
        timedelta(days=365),
        description="How long earlier targets of tags, and past crawls, are kept; the present"
        " target of a tag always is. `0s`: for ever.",
    )
    engine: Literal["whoosh", "tantivy", "opensearch"] = Field(
        "whoosh",
        description="The search engine: `whoosh`, good to about 30,000 documents, nothing to"
        ' install; `tantivy` (`pip install "regsearch[tantivy]"`); or `opensearch`'
        ' (`pip install "regsearch[opensearch]"`), for [more than one'
        " machine](cluster.md). After a change the old search index answers until the new"
        " one is built from the store.",
    )
    opensearch_url: Annotated[tuple[ClusterUrl, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        max_length=100,
        description="The addresses of nodes of the OpenSearch cluster, such as"
        ' `["https://node1:9200", "https://node2:9200"]`. If one does not answer, another is'
        " asked. While it is set, a search index in the cluster can be read, with any"
        " `engine`.",
    )
    opensearch_username: str = Field("", description="The account at the cluster.")
    opensearch_password: str = Field("", repr=False, description="The password of that account.")
    opensearch_password_file: Path | None = Field(
        None, description="A file that holds that password."
    )
    opensearch_ca_file: Path | None = Field(
        None,
        description="A file with certificates (PEM) that are trusted for the cluster, beside those"
        " that the system or `SSL_CERT_FILE` trusts.",
    )
    opensearch_prefix: str = Field(
        "regsearch",
        pattern=REGISTRY_NAME,
        max_length=64,
        description="What the names of indexes in the cluster begin with.",
    )
    opensearch_shards: int = Field(
        1,
        ge=1,
        le=100,
        description="The parts of each index of the next rebuild. More than one spread an index"
        " over several machines.",
    )
    opensearch_replicas: int = Field(
        1,
        ge=0,
        le=10,
        description="The copies of each part beside the first, of the next rebuild. `0` loses the"
        " search index with a node, until it is built again.",
    )
    node: tuple[NodeSettings, ...] = Field(
        (),
        description="The indexer nodes of an installation of [several machines](cluster.md#nodes),"
        " as `[[node]]` tables. All nodes may have the same file.",
    )
    node_name: str = Field(
        "",
        description="Which of the nodes this service is. It reads only the registries of that"
        " node. Empty on search nodes.",
    )
    node_secret: str = Field(
        "",
        repr=False,
        description="The secret that all nodes share, at least 16 characters; `openssl rand -hex"
        " 32` makes one. Whoever has it sees everything.",
    )
    node_secret_file: Path | None = Field(
        None, description="A file that holds that secret; it comes before `node_secret`."
    )
    synonyms: tuple[tuple[str, ...], ...] = Field(
        (), description='Words that mean the same, in groups: `[["billing", "payments"]]`.'
    )
    official: tuple[str, ...] = Field(
        OFFICIAL,
        description="Namespaces whose images come before copies in other namespaces, if nothing"
        ' else decides: `["library", "platform/base"]`.',
    )
    search_processes: int = Field(
        2,
        ge=0,
        le=64,
        description="How many processes search; each needs 70 MB or more. With `0` the web"
        " process searches itself, and one search waits for another.",
    )
    search_deadline: Annotated[
        Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))
    ] = Field(
        timedelta(seconds=10),
        description="How long a search may take, with its waiting for others; from `1s` to `10m`.",
    )
    access: AccessSettings = Field(
        default_factory=AccessSettings, description="How callers show who they are."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is written to the log: `debug`, `info`, `warning`, `error`."
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="`json`: each line of the log is an object with `timestamp`, `level`,"
        " `process`, `event` and more keys for what it is about. Messages with which a"
        " command ends stay text.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: Any) -> Any:
        return with_webhook_secrets(values)

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, url: str) -> str:
        parts = web_address(url) if url else None
        if url and (parts is None or "@" in parts.netloc or not PLAIN_PATH.fullmatch(parts.path)):
            raise ValueError("write a URL such as https://example.org/regsearch")
        return parts.geturl() if parts else ""

    @property
    def base_path(self) -> str:
        """The path of ``public_url``, without a slash behind it; empty at the root of the host."""
        return urlsplit(self.public_url).path

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        if not re.fullmatch(r".*:[0-9]{1,5}", listen):
            raise ValueError("write HOST:PORT such as 0.0.0.0:8080; :8080 is at all addresses")
        if int(listen.rpartition(":")[2]) > PORT_MAX:
            raise ValueError(f"a port is at most {PORT_MAX}")
        return listen

    @field_validator("synonyms")
    @classmethod
    def _are_groups(cls, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for group in groups:
            if len(group) < 2 or not all(words(fold(text)) for text in group):
                raise ValueError("write groups of two texts or more, each with a word")
        return groups

    @model_validator(mode="after")
    def _distinct_names(self) -> "Settings":
        names = [registry.name for registry in self.registry]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two registries are named {name!r}")
        return self

    @model_validator(mode="after")
    def _believes_somebody(self) -> "Settings":
        if self.access.user_header and not self.trusted_proxies:
            raise ValueError(
                f"access.user_header is {self.access.user_header!r}, but no proxy is believed:"
                " name the networks of the proxies that set it in trusted_proxies"
            )
        return self

    @model_validator(mode="after")
    def _whole_cluster(self) -> "Settings":
        refuse_partial_cluster(self)
        return self

    def opensearch_secret(self) -> str:
        """Return the password at the cluster; :class:`SettingsError` if its file is missing."""
        return read_password(self)

    @model_validator(mode="after")
    def _whole_nodes(self) -> "Settings":
        refuse_partial_nodes(self)
        return self

    def own_node(self) -> NodeSettings | None:
        """Return which of the nodes this service is; None if it is none of them."""
        return next((one for one in self.node if one.name == self.node_name), None)

    def shared_secret(self) -> str:
        """Return the secret of the nodes, "" without nodes; :class:`SettingsError` if none."""
        return read_node_secret(self) if self.node else ""

    def of_own_node(self) -> "Settings":
        """Return these settings with the registries of this node alone, if it is one."""
        own = self.own_node()
        if own is None:
            return self
        registries = tuple(one for one in self.registry if one.name in own.registries)
        return self.model_copy(update={"registry": registries})

    @model_validator(mode="after")
    def _long_secrets(self) -> "Settings":
        refuse_short_secrets(self, of=" of all registries without one of their own")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give arguments priority over the environment, and the environment over the file."""
        file = _file_source(settings_cls)
        return (init_settings, _Registries(settings_cls, file), env_settings, file)

    def address(self) -> tuple[str, int]:
        """Return the host and port of ``listen``."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


def config_file(environment: Mapping[str, str]) -> Path | None:
    """Return the settings file: from the environment, else from this folder, else None."""
    named = environment.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{CONFIG_VARIABLE}: no such file: {named!r}")
        return Path(named)
    return Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None


def load_settings() -> Settings:
    """Return the settings of the file and the environment.

    Of registries they have those of this node, if it is one of several.
    :class:`SettingsError` names every setting that is unknown or malformed, and its value.
    """
    refuse_unknown_variables(os.environ, settings=set(Settings.model_fields))
    try:
        return Settings().of_own_node()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item) for item in error.errors())) from error
    except (ValueError, OSError) as error:  # the file is not TOML or not readable
        raise SettingsError(f"{config_file(os.environ)}: {error}") from error


def _file_source(settings_cls: type[BaseSettings]) -> TomlConfigSettingsSource:
    return TomlConfigSettingsSource(settings_cls, toml_file=config_file(os.environ))


def _explain(error: Any) -> str:
    """Return one error of pydantic as one line, which names the variable, or the file."""
    path, message = [str(part) for part in error["loc"]], error["msg"]
    message = message.removeprefix("Value error, ")
    source, name = _find_source(path)
    if error["type"] == "extra_forbidden":
        candidates = set(_table(path).model_fields)
        return f"{source}unknown setting {name!r}{nearest(path[-1], candidates)}"
    is_secret = bool(path) and path[-1] in _SECRETS
    if is_secret or error["type"] == "missing" or not isinstance(error["input"], _SHOWN):
        return f"{source}{name}: {message}"
    return f"{source}{name}: {message}, not {_without_credentials(error['input'])}"


def _find_source(path: list[str]) -> tuple[str, str]:
    """Return where a setting is written, as the beginning of a message, and its name there."""
    file = config_file(os.environ)
    source, name = f"{file}: " if file else "", ".".join(path) or "settings"
    in_file = _file_source(Settings)().get("registry", [])
    if path[:1] == ["registry"] and len(path) > 1 and _is_tables(in_file):
        table = registry_tables(os.environ, in_file)[int(path[1])]
        own = ["registry", variable_name(table), *path[2:3]]
        named = any(variable_name(one) == own[1] for one in in_file)
        if os.environ.get(REGISTRY_VARIABLE) and path[2:3] in ([], ["url"]):
            return "", REGISTRY_VARIABLE
        if find_variable(own, os.environ) or not named:
            return "", PREFIX + NESTED.join(own).upper()
    elif variable := find_variable(path, os.environ):
        return "", variable
    return source, name


def _table(path: list[str]) -> type[BaseModel]:
    """Return the table of a setting, by its path."""
    if path[0] == "registry":
        return RuleSettings if "rule" in path[:-1] else RegistrySettings
    if path[0] == "node":
        return NodeSettings
    if path[0] == "access" and len(path) > 1:
        return OidcSettings if "oidc" in path[:-1] else AccessSettings
    return Settings


def _without_credentials(value: object) -> str:
    """Return a value for a message, without the parts of a URL that may be secrets."""
    if not isinstance(value, str):
        return repr(value)
    before, at, shown = value.rpartition("@")
    scheme = re.match(r"(?:https?://)?", before)
    shown = re.split(r"[?#]", shown)[0]
    return repr(f"{scheme[0] if scheme else ''}{'…@' if at else ''}{shown}"[:300])
