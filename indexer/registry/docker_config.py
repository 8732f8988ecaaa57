"""Credentials from Docker's ``config.json``, as ``docker login`` writes it."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.errors import InvalidValueError, SettingsError
from indexer.model import parse_json_object
from indexer.registry.auth import Credentials

_DOCKER_HUB = {"docker.io", "registry-1.docker.io", "index.docker.io"}


def docker_credentials(path: Path, registry_host: str) -> Credentials | None:
    """Return the credentials of a host in the file; None if it has none.

    :class:`SettingsError` names a file that cannot be used. It also names a host whose credentials
    are in a helper program or an identity token: these are not supported.
    """
    try:
        auths = parse_json_object(path.read_bytes()).get("auths")
    except (OSError, InvalidValueError) as error:
        raise SettingsError(f"docker_config {str(path)!r}: {error}") from error
    entries = auths if isinstance(auths, dict) else {}
    for key, entry in entries.items():
        if _same_host(key, registry_host) and isinstance(entry, dict):
            return _credentials(entry, path, registry_host)
    return None


def _same_host(key: str, registry_host: str) -> bool:
    """Tell whether a key names a host; it is a host or an old URL, ``https://host/v1/``."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0]
    return host == registry_host or {host, registry_host} <= _DOCKER_HUB


def _credentials(entry: Mapping[str, Any], path: Path, registry_host: str) -> Credentials:
    username, password = entry.get("username"), entry.get("password")
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        try:
            username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SettingsError(
                f"docker_config {str(path)!r}: bad auth of {registry_host}"
            ) from error
    if not (isinstance(username, str) and isinstance(password, str) and username and password):
        raise SettingsError(
            f"docker_config {str(path)!r}: no username and password for {registry_host};"
            " credential helpers and identity tokens are not used"
        )
    return Credentials(username, password)
