"""The settings of who may see what: ``[access]``, and the rules of a registry."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from indexer.errors import SettingsError
from indexer.settings.secret_files import read_secret_file
from indexer.settings.values import listed, web_address

_HEADER = r"^([A-Za-z0-9-]+)?$"
_TABLE = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

Operator = Annotated[str, Field(pattern=r"^(user|group):.+$", max_length=300)]
"""A user or a group that may see everything: ``user:alice``, ``group:platform``."""
Name = Annotated[str, Field(min_length=1, max_length=300)]
"""The name of a user or a group, or a pattern of repositories."""


class RuleSettings(BaseModel):
    """One ``[[registry.rule]]`` table: who may see some repositories of a registry."""

    model_config = _TABLE

    repositories: tuple[Name, ...] = Field(
        min_length=1, description="Patterns of the repositories, such as team/payments/*."
    )
    users: tuple[Name, ...] = Field(
        (), description="Users who may see them; `*`: everybody, signed in or not."
    )
    groups: tuple[Name, ...] = Field((), description="Groups whose users may see them.")

    @model_validator(mode="after")
    def _is_for_somebody(self) -> "RuleSettings":
        if not self.users and not self.groups:
            raise ValueError(
                "this rule is for nobody: name users or groups;"
                ' users = ["*"] is everybody, signed in or not'
            )
        return self


class OidcSettings(BaseModel):
    """The ``[access.oidc]`` table: where users sign in with a browser."""

    model_config = _TABLE

    issuer: str = Field(
        description="Where users sign in with a browser (OpenID Connect), such as"
        " `https://login.example.org`; a table `[access.oidc]`."
    )
    client_id: str = Field(min_length=1, description="The name of this service at the issuer.")
    client_secret: str = Field(
        "", repr=False, description="The secret of this service at the issuer."
    )
    client_secret_file: Path | None = Field(None, description="A file that holds that secret.")
    client_secret_env: str = Field(
        "", description="An environment variable that holds that secret."
    )
    name_claim: str = Field(
        "preferred_username",
        min_length=1,
        description="The claim that is the user name; users must not be able to change it by"
        " themselves.",
    )
    groups_claim: str = Field(
        "groups", min_length=1, description="The claim that lists the groups of a user."
    )

    @field_validator("issuer")
    @classmethod
    def _is_issuer(cls, issuer: str) -> str:
        parts = web_address(issuer)
        is_safe = parts is not None and "@" not in parts.netloc
        if parts is None or not is_safe or not _is_private(parts.scheme, parts.hostname or ""):
            raise ValueError("write a URL such as https://login.example.org, with https")
        return issuer.strip()

    def secret(self) -> str:
        """Return the secret from its source; :class:`SettingsError` if the source is missing."""
        if self.client_secret_env:
            if self.client_secret_env not in os.environ:
                raise SettingsError(
                    f"access.oidc.client_secret_env: {self.client_secret_env} is not set"
                )
            return os.environ[self.client_secret_env]
        if self.client_secret_file is None:
            return self.client_secret
        return read_secret_file(self.client_secret_file, setting="access.oidc.client_secret_file")


def _is_private(scheme: str, host: str) -> bool:
    """Tell whether nobody on the way reads what is sent; a trial on this machine needs no TLS."""
    return scheme == "https" or host in {"localhost", "127.0.0.1", "::1"}


class AccessSettings(BaseModel):
    """The ``[access]`` table: how callers show who they are, and who may see everything."""

    model_config = _TABLE

    operators: Annotated[tuple[Operator, ...], NoDecode, BeforeValidator(listed)] = Field(
        (),
        description="Who sees every repository, the status in full and the metrics, such as"
        ' `["user:alice", "group:platform"]`.',
    )
    user_header: str = Field(
        "",
        pattern=_HEADER,
        description="The header in which a proxy of `trusted_proxies` names the user, such as"
        " `X-Forwarded-User`.",
    )
    groups_header: str = Field(
        "",
        pattern=_HEADER,
        description="The header in which it lists the groups of the user, with commas.",
    )
    htpasswd_file: Path | None = Field(
        None,
        description="Users of this service with their passwords: a file that `htpasswd -B` makes.",
    )
    tokens_file: Path | None = Field(
        None,
        description="The file in which `regsearch token` keeps the hashes of tokens. If it is not"
        " set: `tokens.json` in `data_dir`.",
    )
    session_secret_file: Path | None = Field(
        None,
        description="A file with the key that signs the sessions of the page. If it is not set:"
        " made and kept in `data_dir`.",
    )
    challenge: bool = Field(
        False,
        description="Whether `/v2/` asks for a sign-in, so that podman sends credentials.",
    )
    audit_log: bool = Field(
        False,
        description="Whether each search is a line of JSON on standard output: caller, address,"
        " query, number of results, request id.",
    )
    oidc: OidcSettings | None = Field(None, description="Where users sign in with a browser.")

    @model_validator(mode="after")
    def _groups_are_of_somebody(self) -> "AccessSettings":
        if self.groups_header and not self.user_header:
            raise ValueError(
                f"groups_header is {self.groups_header!r}, but no header names the user:"
                " set user_header too"
            )
        return self
