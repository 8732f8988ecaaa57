"""Credentials where docker keeps its own: in ``config.json``, or in a credential helper."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import SettingsError
from indexer.registry import CredentialFile, docker_file, find_credentials, run_helper


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password, or a token in its place."""

    username: str
    password: str = field(repr=False)


def find_login(host: str) -> Login | None:
    """Return what docker or podman keep for a host, None if nothing.

    :class:`SettingsError` for a file or a helper that cannot be used.
    """
    found = find_credentials(host)
    return Login(found.username, found.password) if found else None


def keep_login(host: str, login: Login) -> str:
    """Keep credentials for a host, in the place of others; return where, in words.

    Nothing else in the file is changed. Errors are those of :func:`find_login`.
    """
    file = CredentialFile.read(docker_file())
    helper = file.helper(host)
    if helper:
        secret = {"ServerURL": host, "Username": login.username, "Secret": login.password}
        run_helper(helper, "store", json.dumps(secret))
        entry = {}
    else:
        text = f"{login.username}:{login.password}".encode()
        entry = {"auth": base64.b64encode(text).decode()}
    _write(file.path, {**file.config, "auths": {**file.auths, host: entry}})
    return f"the credential helper {helper}" if helper else str(file.path)


def forget_login(host: str) -> bool:
    """Remove what is kept for a host; tell whether there was anything."""
    file = CredentialFile.read(docker_file())
    was_there = file.find(host) is not None
    if was_there and (helper := file.helper(host)):
        run_helper(helper, "erase", host)
    if host in file.auths:
        others = {known: entry for known, entry in file.auths.items() if known != host}
        _write(file.path, {**file.config, "auths": others})
    return was_there


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
