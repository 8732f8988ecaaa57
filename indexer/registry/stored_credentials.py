"""Credentials where ``docker login`` and ``podman login`` keep them: in a file, or in a helper.

A helper is a program, such as ``docker-credential-ecr-login``, that a file names for one host
(``credHelpers``) or for all (``credsStore``). For a host, its helper comes first, then what the
file itself has.
"""

import base64
import binascii
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import InvalidValueError, SettingsError
from indexer.model import one_line, parse_json_object
from indexer.registry.auth import TOKEN_USER, Credentials

HELPER_SECONDS = 30
"""How long a helper may take: some ask a service of a cloud."""
_HELPER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)
_NOT_FOUND = "credentials not found"
"""What every helper says where it has nothing; it ends with a failure then."""
_DOCKER_HUB = frozenset({"docker.io", "registry-1.docker.io", "index.docker.io"})
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"


def credential_files() -> list[Path]:
    """Return where credentials are looked for, in this order; the files need not be there.

    ``REGISTRY_AUTH_FILE`` alone, if it is set. Else those of podman, ``containers/auth.json`` below
    ``XDG_RUNTIME_DIR`` (or ``/run/containers`` with the user's number) and below
    ``XDG_CONFIG_HOME`` (or ``~/.config``), and then ``config.json`` of docker, in ``DOCKER_CONFIG``
    (or ``~/.docker``).
    """
    if named := os.environ.get("REGISTRY_AUTH_FILE"):
        return [Path(named)]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    config = os.environ.get("XDG_CONFIG_HOME")
    return [
        Path(runtime, "containers") / "auth.json"
        if runtime
        else Path("/run/containers", str(os.getuid())) / "auth.json",
        (Path(config) if config else Path.home() / ".config") / "containers" / "auth.json",
        docker_file(),
    ]


def docker_file() -> Path:
    """Return where docker keeps credentials; the file need not be there."""
    named = os.environ.get("DOCKER_CONFIG")
    return (Path(named) if named else Path.home() / ".docker") / "config.json"


def find_credentials(host: str, *, file: Path | None = None) -> Credentials | None:
    """Return what is kept for a host and port, from the first file that has it; None for nothing.

    ``file`` is the only one to look in, else :func:`credential_files`. A helper may run for 30
    seconds, so this is nothing for an event loop. :class:`SettingsError` names a file or a helper
    that cannot be used; a file that is not there is one without credentials, but for ``file``.
    """
    if file is not None and not file.exists():
        raise SettingsError(f"{file}: no such file")
    for path in credential_files() if file is None else [file]:
        if found := CredentialFile.read(path).find(host):
            return found
    return None


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """One file with credentials, and with the names of helpers that keep others."""

    path: Path
    config: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "CredentialFile":
        """Return a file; one that is not there is empty, :class:`SettingsError` for an unusable."""
        try:
            return cls(path, parse_json_object(path.read_bytes()))
        except FileNotFoundError:
            return cls(path, {})
        except (OSError, InvalidValueError) as error:
            raise SettingsError(f"{path}: {error}") from error

    @property
    def auths(self) -> dict[str, Any]:
        """What the file itself keeps, by host."""
        auths = self.config.get("auths")
        return auths if isinstance(auths, dict) else {}

    def helper(self, host: str) -> str:
        """Return the name of the helper for a host; "" if there is none."""
        helpers = self.config.get("credHelpers")
        own = next(_entries(helpers, host), None) if isinstance(helpers, dict) else None
        name = own or self.config.get("credsStore") or ""
        if name and not (isinstance(name, str) and _HELPER.fullmatch(name)):
            shown = one_line(str(name), limit=100)
            raise SettingsError(f"{self.path}: {shown!r} is no name of a credential helper")
        return str(name)

    def find(self, host: str) -> Credentials | None:
        """Return what is kept for a host, in its helper or in the file."""
        if helper := self.helper(host):
            key = _DOCKER_HUB_KEY if host in _DOCKER_HUB else host
            try:
                said = run_helper(helper, "get", key)
            except SettingsError as error:
                raise SettingsError(f"{error} ({self.path} names it for {host})") from error
            if said is not None:
                return Credentials(str(said.get("Username", "")), str(said.get("Secret", "")))
        for entry in _entries(self.auths, host):
            if isinstance(entry, dict) and (found := self._credentials(entry, host)):
                return found
        return None

    def _credentials(self, entry: Mapping[str, Any], host: str) -> Credentials | None:
        token, auth = entry.get("identitytoken"), entry.get("auth")
        if isinstance(token, str) and token:
            return Credentials(TOKEN_USER, token)
        username, password = entry.get("username"), entry.get("password")
        if isinstance(auth, str) and auth:
            try:
                text = base64.b64decode(auth, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise SettingsError(f"{self.path}: bad auth of {host}") from error
            username, _, password = text.partition(":")
        if not (isinstance(username, str) and isinstance(password, str) and username and password):
            return None
        return Credentials(username, password)


def run_helper(helper: str, verb: str, sent: str) -> dict[str, Any] | None:
    """Run a helper, whose name was checked; return the object that it prints for ``get``.

    ``sent`` is what it reads. None if it has nothing for a host. :class:`SettingsError` names the
    program, and what it said, if it fails.
    """
    program = f"docker-credential-{helper}"
    try:
        ended = subprocess.run(  # noqa: S603 - the name is checked
            [program, verb],
            input=sent.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise SettingsError(f"{program}: there is no such program in PATH: install it") from error
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"{program} {verb}: no end after {HELPER_SECONDS} s") from error
    except OSError as error:
        raise SettingsError(f"{program} {verb}: {error.strerror}") from error
    if ended.returncode:
        said = (ended.stdout + ended.stderr).decode(errors="replace")
        if verb != "store" and _NOT_FOUND in said:
            return None
        raise SettingsError(
            f"{program} {verb}: status {ended.returncode}: {one_line(said, limit=200)}"
        )
    try:
        return parse_json_object(ended.stdout) if verb == "get" else {}
    except InvalidValueError:
        # Without what it printed, which may be a password.
        raise SettingsError(f"{program} {verb}: its answer is no JSON object") from None


def _entries(table: Mapping[str, Any], host: str) -> Iterator[Any]:
    """Yield the entries for a host: the key is a host, or an old URL such as https://host/v1/."""
    for key, entry in table.items():
        named = (key.partition("://")[2] or key).partition("/")[0]
        if named == host or {named, host} <= _DOCKER_HUB:
            yield entry
