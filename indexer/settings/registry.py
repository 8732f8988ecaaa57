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
        description="The name of this registry in answers.",
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
    ca_file: Path | None = Field(
        None, description="A file with certificates (PEM) to trust beside those of the system."
    )
    client_cert: Path | None = Field(
        None, description="A file with the certificate (PEM) that regsearch shows to it."
    )
    client_key: Path | None = Field(
        None, description="The key of that certificate, if it is not in the same file."
    )
    insecure: bool = Field(
        False, description="Whether its certificate is not checked, so anybody may answer for it."
    )
    blob_hosts: tuple[Host, ...] = Field(
        (),
        description="Hosts that it may redirect blobs to at private and loopback addresses too.",
    )
    token_realm: str = Field(
        "", description="The address of its token service; if empty, the first that it names."
    )
    repositories: tuple[RepositoryName, ...] = Field(
        (),
        max_length=1_000,
        description="The repositories that are crawled in place of those of its catalog.",
    )
    include: tuple[str, ...] = Field(("*",), description="Patterns of the repositories to read.")
    exclude: tuple[str, ...] = Field((), description="Patterns of the repositories not to read.")
    webhook_secret: str = Field(
        "", repr=False, description="The secret for its notifications; if empty, the common one."
    )
    webhook_secret_file: Path | None = Field(None, description="A file that holds that secret.")
    previous_webhook_secret: str = Field(
        "", repr=False, description="The secret before it, which is accepted too for a while."
    )
    previous_webhook_secret_file: Path | None = Field(
        None, description="A file that holds the secret before it."
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
    access: Literal["", "public", "registry", "rules"] = Field(
        "",
        description="Who may see it: all, those whom it lets pull, or those of the rules; if empty,"
        " `registry` if it is read with credentials, else `public`.",
    )
    rights_lifetime: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        timedelta(minutes=5), description="How long what it let a caller see is believed."
    )
    basic_means_all: bool = Field(
        False, description="Whether everybody whom it lets in with a password may see all of it."
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
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name}_file: {error}") from error
        if not found[name]:
            raise ValueError(f"{name}_file: {str(path)!r} is empty")
    return found


def refuse_short_secrets(settings: Any, *, of: str) -> None:
    """Raise :class:`ValueError` for a webhook secret of these settings that is too short."""
    for name in _WEBHOOK_SECRETS:
        secret: str = getattr(settings, name)
        if secret and (problem := short_secret(f"{name}{of}", secret)):
            raise ValueError(problem)
