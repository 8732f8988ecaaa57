"""The settings: one table, read once at start from ``regsearch.toml`` and the environment."""

import difflib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from indexer.errors import SettingsError
from indexer.model import fold, words

OFFICIAL = ("library",)
"""Namespaces of official images, if no others are set."""
CONFIG_FILE = "regsearch.toml"
PREFIX = "REGSEARCH_"
_CONFIG_VARIABLE = "REGSEARCH_CONFIG"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SECRETS = {"password", "webhook_secret", "previous_webhook_secret"}
SECRET_MIN = 16
"""Characters of a webhook secret: a shorter one can be guessed."""
_SHOWN = (str, int, float)
"""Error messages repeat values of these types; others may contain secrets."""
PORT_MAX = 65_535


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]{1,8})\s*([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 30s, 15m, 6h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Retention = Annotated[timedelta | None, BeforeValidator(lambda value: _duration(value) or None)]
"""How long something is kept; None: for ever."""
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[a-z0-9.\-\[\]:]+)$", max_length=300)]
"""The origin of a web page, as a browser sends it: scheme, host and port, no path."""


def _network(value: object) -> object:
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("write an address or a network such as 10.0.0.0/8") from None


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""A network of the internet protocol; a single address is a network of one."""
Host = Annotated[str, Field(pattern=r"^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$", max_length=300)]
"""A host in small letters, perhaps with a port."""
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
"""A path that needs no escapes."""
_NAME = r"^[a-z0-9]+([._-][a-z0-9]+)*$"


class RegistrySettings(BaseModel):
    """One ``[[registry]]`` table: a registry to search."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(
        "default", pattern=_NAME, max_length=64, description="The name of this registry in answers."
    )
    url: str = Field(
        description="The address of the registry, such as https://registry.example.org."
    )
    registry_host: str = Field(
        "", description="The host and port that clients type; if empty, those of the URL."
    )
    hosts: tuple[str, ...] = Field(
        (), description="Other hosts and ports that clients type for it."
    )
    username: str = Field("", description="The account for reading it; anonymous if empty.")
    password: str = Field("", repr=False, description="The password of that account.")
    password_file: Path | None = Field(None, description="A file that holds the password.")
    password_env: str = Field("", description="An environment variable that holds the password.")
    docker_config: Path | None = Field(
        None, description="Docker's config.json, where docker login keeps the credentials."
    )
    blob_hosts: tuple[Host, ...] = Field(
        (),
        description="Hosts that it may redirect blobs to at private and loopback addresses too.",
    )
    token_realm: str = Field(
        "", description="The address of its token service; if empty, the first that it names."
    )
    include: tuple[str, ...] = Field(("*",), description="Patterns of the repositories to read.")
    exclude: tuple[str, ...] = Field((), description="Patterns of the repositories not to read.")
    webhook_secret: str = Field(
        "", repr=False, description="The secret for its notifications; if empty, the common one."
    )
    previous_webhook_secret: str = Field(
        "", repr=False, description="The secret before it, which is accepted too for a while."
    )
    crawl_interval: Duration = Field(
        timedelta(hours=6), description="The time between two crawls; 0s: no crawls."
    )
    notifications: bool = Field(
        True, description="Whether it sends notifications; if not, only crawls find its changes."
    )
    count_pulls: bool = Field(False, description="Whether pulls are counted.")
    pull_through: bool = Field(
        False, description="Whether it caches another registry; only pulls tell what it has."
    )
    pull_through_ttl: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        timedelta(hours=168), description="How long such a cache keeps what was pulled through it."
    )
    max_in_flight: int = Field(
        8, ge=1, le=32, description="How many requests to it run at the same time."
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Take the credentials and the host out of the URL."""
        if not isinstance(values, dict) or not isinstance(values.get("url"), str):
            return values
        parts = _web_address(values["url"])
        if parts is None:
            return values
        host = parts.netloc.rpartition("@")[2]
        found = {
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "registry_host": host,
        }
        return {
            **values,
            **{key: values.get(key) or value for key, value in found.items()},
            "url": parts._replace(netloc=host).geturl(),
        }

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        if _web_address(url) is None:
            raise ValueError("write a URL such as https://registry.example.org")
        return url

    @field_validator("token_realm")
    @classmethod
    def _is_realm(cls, realm: str) -> str:
        parts = _web_address(realm)
        if realm and (parts is None or "@" in parts.netloc):
            raise ValueError("write a URL such as https://auth.example.org/token")
        return realm.strip()

    @model_validator(mode="after")
    def _whole_credentials(self) -> "RegistrySettings":
        has_password = self.password or self.password_file or self.password_env
        if has_password and not self.username:
            raise ValueError("a password needs a username")
        return self

    @model_validator(mode="after")
    def _long_secrets(self) -> "RegistrySettings":
        _refuse_short_secrets(self, of=f" of registry {self.name!r}")
        return self

    def includes(self, repository: str) -> bool:
        """Tell whether a repository is read, by its name."""
        return any(fnmatchcase(repository, pattern) for pattern in self.include) and not any(
            fnmatchcase(repository, pattern) for pattern in self.exclude
        )

    def secret(self) -> str:
        """Return the password from its source; :class:`SettingsError` if the source is missing."""
        if self.password_env:
            if self.password_env not in os.environ:
                raise SettingsError(
                    f"password_env of registry {self.name!r}: {self.password_env} is not set"
                )
            return os.environ[self.password_env]
        if self.password_file is None:
            return self.password
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"password_file of registry {self.name!r}: {error}") from error


def short_secret(name: str, secret: str) -> str | None:
    """Return what is wrong with a webhook secret that is too short, None for a longer one."""
    if len(secret) >= SECRET_MIN:
        return None
    return (
        f"{name} has {len(secret)} characters, and {SECRET_MIN} are the least:"
        " write the output of `openssl rand -hex 32`"
    )


def _refuse_short_secrets(settings: "RegistrySettings | Settings", *, of: str) -> None:
    for name in ("webhook_secret", "previous_webhook_secret"):
        secret: str = getattr(settings, name)
        if secret and (problem := short_secret(f"{name}{of}", secret)):
            raise ValueError(problem)


def _web_address(url: str) -> SplitResult | None:
    """Return the parts of the URL of a registry; None if the text is no such URL."""
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # An at sign in the path means that the password contains a slash.
    is_plain = not (parts.query or parts.fragment or "@" in parts.path)
    is_plain = is_plain and not re.search(r"[\s\\]", parts.netloc)
    return parts if parts.scheme in {"http", "https"} and has_host and is_plain else None


def _registries(value: object) -> object:
    if isinstance(value, str):
        return [{"url": value}]
    if isinstance(value, dict):
        raise ValueError("write [[registry]], with two brackets")  # noqa: TRY004
    return value


def _listed(value: object) -> object:
    """Split a list from the environment, where it is written with commas."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything that can be set, each with its default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    registry: Annotated[tuple[RegistrySettings, ...], NoDecode, BeforeValidator(_registries)] = (
        Field((), description="The registries; in the environment, the URL of a single registry.")
    )
    data_dir: Path = Field(
        Path("regsearch-data"), description="The folder for journal, store and search index."
    )
    listen: str = Field(
        "127.0.0.1:8080", pattern=r"^.+:\d{1,5}$", description="The address of the web process."
    )
    public_url: str = Field(
        "",
        max_length=1_000,
        description="The address at which users reach this service, such as"
        " https://example.org/regsearch; all addresses lie below its path.",
    )
    page: bool = Field(True, description="Whether there is a web page.")
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (),
        description="Web sites whose pages may read the API in a browser, such as https://example.org;"
        " `*`: all.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (),
        description="Networks of proxies whose forwarded hosts and addresses are believed, such as"
        " 10.0.0.0/8.",
    )
    caller_requests_per_second: int = Field(
        20,
        ge=0,
        le=100_000,
        description="How many requests a second one address may send, with bursts of five times"
        " as many; 0: any number.",
    )
    caller_streams: int = Field(
        5, ge=0, le=100, description="How many streams of changes one address may have; 0: any."
    )
    access_log: bool = Field(
        False, description="Whether each request is a line of JSON on standard output."
    )
    webhook_secret: str = Field(
        "",
        repr=False,
        description="The secret that registries send; if empty, made at the first start.",
    )
    previous_webhook_secret: str = Field(
        "", repr=False, description="The secret before it, which is accepted too for a while."
    )
    journal_retention: Retention = Field(
        timedelta(days=7), description="How long received events are kept; 0s: for ever."
    )
    hidden_retention: Retention = Field(
        timedelta(days=7),
        description="How long content that a registry no longer holds is kept; 0s: for ever.",
    )
    history_retention: Retention = Field(
        timedelta(days=365), description="How long the history of tags is kept; 0s: for ever."
    )
    engine: Literal["whoosh", "tantivy"] = Field("whoosh", description="The search engine.")
    synonyms: tuple[tuple[str, ...], ...] = Field(
        (), description='Words that mean the same, in groups: `[["billing", "payments"]]`.'
    )
    official: tuple[str, ...] = Field(
        OFFICIAL, description="Namespaces of which the images come before their copies elsewhere."
    )
    search_processes: int = Field(
        2, ge=0, le=64, description="How many processes search; 0: the web process itself searches."
    )
    search_deadline: Annotated[
        Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))
    ] = Field(timedelta(seconds=10), description="How long a search may take, with its waiting.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is written to the log."
    )

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, url: str) -> str:
        parts = _web_address(url) if url else None
        if url and (parts is None or "@" in parts.netloc or not _PATH.fullmatch(parts.path)):
            raise ValueError("write a URL such as https://example.org/regsearch")
        return parts.geturl() if parts else ""

    @property
    def base_path(self) -> str:
        """The path of ``public_url``, without a slash behind it; empty at the root of the host."""
        return urlsplit(self.public_url).path

    @field_validator("listen")
    @classmethod
    def _real_port(cls, listen: str) -> str:
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
    def _long_secrets(self) -> "Settings":
        _refuse_short_secrets(self, of=" of all registries without one of their own")
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
        path = config_file(os.environ)
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path))

    def address(self) -> tuple[str, int]:
        """Return the host and port of ``listen``."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


def config_file(environment: Mapping[str, str]) -> Path | None:
    """Return the settings file: from the environment, else from this folder, else None."""
    named = environment.get(_CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{_CONFIG_VARIABLE}: no such file: {named!r}")
        return Path(named)
    return Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None


def load_settings() -> Settings:
    """Return the settings of the file and the environment.

    :class:`SettingsError` names every setting that is unknown or malformed, and its value.
    """
    _refuse_unknown_variables(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item) for item in error.errors())) from error
    except (ValueError, OSError) as error:  # the file is not TOML or not readable
        raise SettingsError(f"{config_file(os.environ)}: {error}") from error


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    known.add(_CONFIG_VARIABLE.removeprefix(PREFIX))
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in known:
            nearest = _nearest(name, known, prefix=PREFIX)
            raise SettingsError(f"unknown environment variable {variable}{nearest}")


def _nearest(name: str, known: set[str], *, prefix: str = "") -> str:
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if found:
        return f"; did you mean {prefix}{found[0]}?"
    return f"; known are {', '.join(prefix + each for each in sorted(known))}"


def _explain(error: Any) -> str:
    """Return one error of pydantic as one line."""
    path, message = [str(part) for part in error["loc"]], error["msg"]
    message = message.removeprefix("Value error, ")
    name = ".".join(path) or "settings"
    if error["type"] == "extra_forbidden":
        model = RegistrySettings if path[0] == "registry" else Settings
        return f"unknown setting {name!r}{_nearest(path[-1], set(model.model_fields))}"
    is_secret = bool(path) and path[-1] in _SECRETS
    if is_secret or error["type"] == "missing" or not isinstance(error["input"], _SHOWN):
        return f"{name}: {message}"
    return f"{name}: {message}, not {_without_credentials(error['input'])}"


def _without_credentials(value: object) -> str:
    """Return a value for a message, without the parts of a URL that may be secrets."""
    if not isinstance(value, str):
        return repr(value)
    before, at, shown = value.rpartition("@")
    scheme = re.match(r"(?:https?://)?", before)
    shown = re.split(r"[?#]", shown)[0]
    return repr(f"{scheme[0] if scheme else ''}{'…@' if at else ''}{shown}"[:300])
