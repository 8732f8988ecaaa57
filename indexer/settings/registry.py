"""The settings of one registry."""

import os
import re
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from indexer.errors import InvalidValueError, SettingsError
from indexer.model import RepositoryName, parse_repository_name
from indexer.settings.access import RuleSettings
from indexer.settings.secret_files import read_secret_file
from indexer.settings.values import REGISTRY_NAME, Duration, Host, web_address

SECRET_MIN = 16
"""Characters of a webhook secret: a shorter one can be guessed."""
STORED_ANYWHERE = Path("auto")
"""The ``docker_config`` of a registry whose credentials are wherever a login kept them."""
_WEBHOOK_SECRETS = ("webhook_secret", "previous_webhook_secret")


class RegistrySettings(BaseModel):
    """One ``[[registry]]`` table: a registry to search."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(
        "default",
        pattern=REGISTRY_NAME,
        max_length=64,
        description="The name of this registry in answers; also the last part of its webhook"
        " address.",
    )
    url: str = Field(
        description="The address of the registry, such as `https://registry.example.org`."
    )
    registry_host: str = Field(
        "",
        description="The host and port that clients type. If it is not set: the URL's host and"
        " port.",
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Other hosts and ports that clients type for it, such as"
        ' `["registry.internal:5000"]`.',
    )
    username: str = Field(
        "",
        description="The account for reading it, with Basic authentication or through a token"
        " service. If it is not set: anonymous.",
    )
    password: str = Field("", repr=False, description="The password of that account.")
    password_file: Path | None = Field(None, description="A file that holds the password.")
    password_env: str = Field("", description="An environment variable that holds the password.")
    docker_config: Path | None = Field(
        None,
        description="Where `docker login` or `podman login` keeps the credentials, used if no"
        " `username` is set: the path of a `config.json` or `auth.json`, or `auto` for"
        " [all usual places](how-it-works.md#credentials). Credential helpers and"
        " identity tokens are used too.",
    )
    ca_file: Path | None = Field(
        None,
        description="A file with certificates (PEM) that are trusted for this registry, beside"
        " those that the system or `SSL_CERT_FILE` trusts. For a private authority or"
        " a self-signed certificate. Like the next three, it also holds for the token"
        " service of the registry and for the hosts of its blobs.",
    )
    client_cert: Path | None = Field(
        None,
        description="The certificate (PEM) that regsearch shows to a registry that asks for one.",
    )
    client_key: Path | None = Field(
        None,
        description="Its key, without a password. It may be left out if the key is in the same"
        " file.",
    )
    insecure: bool = Field(
        False,
        description="Whether its certificate is not checked. Then anybody on the way can answer"
        " in its place and read the password: use `ca_file` instead where you can. The"
        " log says it at each start.",
    )
    blob_hosts: tuple[Host, ...] = Field(
        (),
        description="Hosts to which it may redirect blobs although they are at private or"
        ' loopback addresses, such as `["minio.internal:9000"]`; without a port, all'
        " ports. Link-local addresses stay forbidden: see [where a registry may"
        " lead](how-it-works.md#where-a-registry-may-lead).",
    )
    token_realm: str = Field(
        "",
        description="The address of its token service, such as `https://auth.example.org/token`."
        " Credentials go to this origin and to the registry's own host, and nowhere"
        " else. With `http://` they may go there without TLS. If it is not set: the"
        " first that it names.",
    )
    repositories: tuple[RepositoryName, ...] = Field(
        (),
        max_length=1_000,
        description='The repositories that a crawl reads, such as `["team/app", "team/web"]`, at'
        " most 1,000, for a registry without a catalog"
        " ([why](how-it-works.md#a-registry-without-a-catalog)). Others that"
        " notifications name are read too. If it is not set: those of its catalog.",
    )
    include: tuple[str, ...] = Field(
        ("*",),
        description='Patterns of the repositories to read, such as `["team/*"]`; `*` matches'
        " slashes too.",
    )
    exclude: tuple[str, ...] = Field(
        (),
        description="Patterns of the repositories not to read; a change of `include` or `exclude`"
        " takes effect with the next crawl.",
    )
    webhook_secret: str = Field(
        "",
        repr=False,
        description="The secret for notifications of this registry. If it is not set: the common"
        " one.",
    )
    webhook_secret_file: Path | None = Field(None, description="A file that holds that secret.")
    previous_webhook_secret: str = Field(
        "",
        repr=False,
        description="The secret before it, accepted too while you [change"
        " it](operations.md#the-webhook-secret). If it is not set: without a secret of"
        " its own, the common previous one.",
    )
    previous_webhook_secret_file: Path | None = Field(
        None, description="A file that holds the secret before it."
    )
    crawl_interval: Duration = Field(
        timedelta(hours=6),
        description="The time between the end of a crawl and the next one; `0s`: no crawls,"
        " except after a loss of events, such as a restart of the registry.",
    )
    learn_moves: bool = Field(
        True,
        description="Without notifications: whether tags that move often are asked for between"
        " crawls, with the requests that other tags [need not"
        " take](how-it-works.md#tags-that-move). If not, each crawl asks for every tag.",
    )
    notifications: bool = Field(
        True,
        description="Whether this registry sends notifications. If not, its last complete crawl"
        " decides whether answers are complete.",
    )
    count_pulls: bool = Field(
        False,
        description="Whether pulls are counted. The registry must then notify of pulls too; the"
        " block of `regsearch notifications` asks for that.",
    )
    pull_through: bool = Field(
        False,
        description="Whether this registry caches another one (`proxy.remoteurl` of the"
        " distribution registry). Then only pulls tell what it has, and regsearch"
        " never makes it ask the other one. The registry must notify of all pulls,"
        " also of blobs; the block of `regsearch notifications` asks for that.",
    )
    pull_through_ttl: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        timedelta(hours=168),
        description="How long such a cache keeps what was pulled through it. What was not pulled"
        " again for this time is shown as perhaps expired, and hidden after twice this"
        " time.",
    )
    max_in_flight: int = Field(
        8,
        ge=1,
        le=32,
        description="How many requests to this registry run at the same time, 1 to 32.",
    )
    access: Literal["", "public", "registry", "rules"] = Field(
        "",
        description="[who may see it](access.md): `public`: everybody; `registry`: those whom it"
        " lets pull, asked with their own credentials; `rules`: those whom its rules"
        " name. If it is not set: `registry` if it is read with credentials, else"
        " `public`.",
    )
    rights_lifetime: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        timedelta(minutes=5),
        description='For `access = "registry"`: how long what the registry let somebody see is'
        " believed.",
    )
    basic_means_all: bool = Field(
        False,
        description='For `access = "registry"`: whether everybody whom it lets in with a password'
        " may see all of it. Right for a distribution registry with htpasswd.",
    )
    rule: tuple[RuleSettings, ...] = Field((), description="Who may see which repositories.")

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: Any) -> Any:
        return with_webhook_secrets(values)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Take the credentials and the host out of the URL."""
        if not isinstance(values, dict) or not isinstance(values.get("url"), str):
            return values
        parts = web_address(values["url"])
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
            # People copy the address of its API.
            "url": parts._replace(netloc=host, path=parts.path.removesuffix("/v2")).geturl(),
        }

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        if re.search(r"[\s,;]+https?://", url):
            raise ValueError(
                "these are several URLs: write a [[registry]] table for each into regsearch.toml,"
                " or set REGSEARCH_REGISTRY__NAME__URL for each"
            )
        if web_address(url) is None:
            raise ValueError("write a URL such as https://registry.example.org")
        return url

    @field_validator("repositories")
    @classmethod
    def _are_names(cls, names: tuple[RepositoryName, ...]) -> tuple[RepositoryName, ...]:
        for name in names:
            try:
                parse_repository_name(name)
            except InvalidValueError as error:
                raise ValueError(f"{error}; write names such as team/app, no patterns") from error
        return names

    @field_validator("token_realm")
    @classmethod
    def _is_realm(cls, realm: str) -> str:
        parts = web_address(realm)
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
    def _whole_tls(self) -> "RegistrySettings":
        if self.client_key and not self.client_cert:
            raise ValueError(
                f"registry {self.name!r} has client_key without client_cert: set client_cert too"
            )
        if self.insecure and self.ca_file:
            raise ValueError(
                f"registry {self.name!r} has insecure = true, so its ca_file would not be used:"
                " remove one of them"
            )
        return self

    @model_validator(mode="after")
    def _long_secrets(self) -> "RegistrySettings":
        refuse_short_secrets(self, of=f" of registry {self.name!r}")
        return self

    @model_validator(mode="after")
    def _rules_count(self) -> "RegistrySettings":
        if self.rule and self.access != "rules":
            raise ValueError(
                f"registry {self.name!r} has rules, but its access is {self.mode!r}:"
                ' write access = "rules", or remove the rules'
            )
        if self.access == "rules" and not self.rule:
            raise ValueError(
                f"registry {self.name!r} has access = 'rules' and no rule, so nobody could see it:"
                " write a [[registry.rule]]"
            )
        if self.basic_means_all and self.mode != "registry":
            raise ValueError(
                f"registry {self.name!r} has basic_means_all, but its access is {self.mode!r}:"
                ' write access = "registry", or remove basic_means_all'
            )
        return self

    @property
    def is_read_with_credentials(self) -> bool:
        """Whether it is read as somebody, and not anonymously."""
        return bool(self.username or self.docker_config)

    @property
    def learns_moves(self) -> bool:
        """Whether what moves is learned: not where notifications or pulls tell of it."""
        is_told = self.notifications or self.pull_through
        return self.learn_moves and not is_told and bool(self.crawl_interval)

    @property
    def mode(self) -> Literal["public", "registry", "rules"]:
        """Who may see it. What is read with credentials is not shown to all without being told."""
        if self.access:
            return self.access
        return "registry" if self.is_read_with_credentials else "public"

    def includes(self, repository: str) -> bool:
        """Tell whether a repository is read, by its name."""
        return any(fnmatchcase(repository, pattern) for pattern in self.include) and not any(
            fnmatchcase(repository, pattern) for pattern in self.exclude
        )

    def check_files(self) -> None:
        """Raise :class:`SettingsError` for the first file of the settings that cannot be read."""
        self.secret()
        for name in ("ca_file", "client_cert", "client_key", "docker_config"):
            path: Path | None = getattr(self, name)
            if path is None or (name == "docker_config" and path == STORED_ANYWHERE):
                continue
            try:
                path.open("rb").close()
            except OSError as error:
                raise SettingsError(
                    f"{name} of registry {self.name!r}: {str(path)!r}: {error.strerror}"
                ) from error

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
        return read_secret_file(
            self.password_file, setting=f"password_file of registry {self.name!r}"
        )


def short_secret(name: str, secret: str) -> str | None:
    """Return what is wrong with a webhook secret that is too short, None for a longer one."""
    if len(secret) >= SECRET_MIN:
        return None
    return (
        f"{name} has {len(secret)} characters, and {SECRET_MIN} are the least:"
        " write the output of `openssl rand -hex 32`"
    )


def with_webhook_secrets(values: Any) -> Any:
    """Return settings with the webhook secrets that are in files; :class:`ValueError` names one."""
    if not isinstance(values, dict):
        return values
    found = dict(values)
    for name in _WEBHOOK_SECRETS:
        path = values.get(f"{name}_file")
        if not isinstance(path, str | Path) or not path:
            continue
        try:
            found[name] = read_secret_file(Path(path), setting=f"{name}_file")
        except SettingsError as error:
            raise ValueError(str(error)) from error
        if not found[name]:
            raise ValueError(f"{name}_file: {str(path)!r} is empty")
    return found


def refuse_short_secrets(settings: Any, *, of: str) -> None:
    """Raise :class:`ValueError` for a webhook secret of these settings that is too short."""
    for name in _WEBHOOK_SECRETS:
        secret: str = getattr(settings, name)
        if secret and (problem := short_secret(f"{name}{of}", secret)):
            raise ValueError(problem)
