"""Reads ``Authorization``: a user name with a password, or a token."""

import base64
import binascii
from collections.abc import Iterable

from indexer.errors import InvalidValueError, SignInError
from search_api.access.caller import Basic

NAME_MAX = 300
"""The most characters of a user name."""


def parse_authorization(headers: Iterable[tuple[bytes, bytes]]) -> Basic | str | None:
    """Return the name and password, or the Bearer token; None if a request has neither.

    :class:`SignInError` for what is neither, :class:`InvalidValueError` for two of them.
    """
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) > 1:
        raise InvalidValueError("two Authorization headers: send one")
    if not values:
        return None
    scheme, _, value = values[0].strip().partition(b" ")
    value = value.strip()
    if scheme.lower() == b"basic":
        return _basic(value)
    if scheme.lower() == b"bearer" and value:
        return value.decode("latin-1")
    raise SignInError("Authorization is neither Basic with a name and a password nor Bearer")


def _basic(value: bytes) -> Basic | None:
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = name = password = ""
    if not colon or len(name) > NAME_MAX or any(ord(character) < 32 for character in name):
        raise SignInError(
            "Authorization: Basic is not the base64 of a user name, a colon and a password"
        )
    if not name and not password:
        # Docker sends this where nobody has logged in.
        return None
    return Basic(name, password)
