"""Finding what a text tells: marks, digests and hosts of a world, also in cursors."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from tests.search_api.access.proof.world import HEX, HOSTS, MARK

_OPAQUE = re.compile(r"[A-Za-z0-9_-]{24,}={0,2}")


def told_in(text: str) -> set[str]:
    """Return the marks, digests and hosts in a text, and in the cursors that it has."""
    found = set[str]()
    for one in {text, unquote_plus(text)}:
        for each in (one, *_inside(one)):
            lowered = each.lower()
            found |= {*MARK.findall(lowered), *HEX.findall(lowered)}
            found |= {host for host in HOSTS.values() if host in lowered}
    return found


def _inside(text: str) -> Iterator[str]:
    for opaque in _OPAQUE.findall(text):
        try:
            # Errors show the beginning of what they refuse.
            yield base64.urlsafe_b64decode(f"{opaque}==").decode(errors="ignore")
        except ValueError:
            continue
