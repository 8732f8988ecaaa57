"""Credentials where docker keeps its own: in ``config.json``, or in a credential helper."""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import InvalidValueError, SettingsError
from indexer.model import one_line, parse_json_object

_HELPER = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found"
"""What every helper says where it has nothing; it ends with a failure then."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password, or a token in its place."""

    username: str
    password: str = field(repr=False)


def config_path() -> Path:
    """Return docker's file, which need not be there."""
    named = os.environ.get("DOCKER_CONFIG")
    return (Path(named) if named else Path.home() / ".docker") / "config.json"


def find_login(host: str) -> Login | None:
    """Return what docker keeps for a host, None if nothing.

    :class:`SettingsError` for a file or a helper that cannot be used.
    """
    config = _read(config_path())
    if helper := _helper(config, host):
        said = _run(helper, "get", host)
        if said is not None:
            return Login(str(said.get("Username", "")), str(said.get("Secret", "")))
    entry = _auths(config).get(host)
    text = entry.get("auth") if isinstance(entry, dict) else None
    if not isinstance(text, str) or not text:
        return None
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{config_path()}: bad auth of {host}") from error
    return Login(name, password)


def keep_login(host: str, login: Login) -> str:
    """Keep credentials for a host, in the place of others; return where, in words.

    Nothing else in the file is changed. Errors are those of :func:`find_login`.
    """
    path = config_path()
    config = _read(path)
    helper = _helper(config, host)
    if helper:
        secret = {"ServerURL": host, "Username": login.username, "Secret": login.password}
        _run(helper, "store", json.dumps(secret))
        entry = {}
    else:
        text = f"{login.username}:{login.password}".encode()
        entry = {"auth": base64.b64encode(text).decode()}
    _write(path, {**config, "auths": {**_auths(config), host: entry}})
    return f"the credential helper {helper}" if helper else str(path)


def forget_login(host: str) -> bool:
    """Remove what is kept for a host; tell whether there was anything."""
    path = config_path()
    config = _read(path)
    was_there = find_login(host) is not None
    if was_there and (helper := _helper(config, host)):
        _run(helper, "erase", host)
    auths = _auths(config)
    if host in auths:
        _write(path, {**config, "auths": {k: v for k, v in auths.items() if k != host}})
    return was_there


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse_json_object(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, InvalidValueError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _write(path: Path, config: Mapping[str, Any]) -> None:
    """Write the file for this account alone; others see it whole, as before or as after."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where it is a link, its target is written.
        target = path.resolve()
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(config, indent="\t") + "\n")
        draft.replace(target)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error


def _auths(config: Mapping[str, Any]) -> dict[str, Any]:
    auths = config.get("auths")
    return auths if isinstance(auths, dict) else {}


def _helper(config: Mapping[str, Any], host: str) -> str:
    """Return the name of the helper for a host; empty if there is none."""
    helpers = config.get("credHelpers")
    own = helpers.get(host) if isinstance(helpers, dict) else None
    name = own or config.get("credsStore") or ""
    if name and not (isinstance(name, str) and _HELPER.fullmatch(name)):
        shown = one_line(str(name), limit=100)
        raise SettingsError(f"{config_path()}: {shown!r} is no name of a credential helper")
    return str(name)


def _run(helper: str, verb: str, sent: str) -> dict[str, Any] | None:
    """Run a helper; return the object that it prints, None if it has nothing for a host."""
    program = f"docker-credential-{helper}"
    try:
        ended = subprocess.run(  # noqa: S603 - the name is checked
            [program, verb],
            input=sent.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"{program} {verb}: {error}") from error
    if ended.returncode:
        said = (ended.stdout + ended.stderr).decode(errors="replace")
        if verb != "store" and _NOT_FOUND in said:
            return None
        raise SettingsError(f"{program} {verb}: {one_line(said, limit=200)}")
    try:
        return parse_json_object(ended.stdout) if verb == "get" else {}
    except InvalidValueError as error:
        raise SettingsError(f"{program} {verb}: {error}") from error
