"""Hints for a query that means something else than it seems to."""

from collections.abc import Iterator
from difflib import get_close_matches

from indexer.errors import QueryError
from indexer.model import HEX_LENGTHS, match_reference
from search_api.query.fields import FIELDS, field_name
from search_api.query.tokens import TokenType, tokens

_NEAR = 0.75
_SHORT = 3
"""So many letters at least are taken for the beginning of a field."""
_OTHER_NAMES = {
    "desc": "description",
    "image": "name",
    "licence": "license",
    "maintainer": "author",
    "repository": "repo",
}
"""What people call a field, where the letters alone would not lead to it."""


def mistaken_fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield each word that is a name with a tag, but looks like a field, and what was meant.

    ``licence:MIT`` is the tag ``MIT`` of a repository ``licence``.
    """
    try:
        found = tokens(text)
    except QueryError:
        # It is read as plain words.
        return
    for token in found:
        name = field_name(token.typed) if token.type is TokenType.WORD else None
        if name is None or name in FIELDS or name in HEX_LENGTHS:
            continue
        if match_reference(token.typed.text) is None:
            # It was refused, or read as plain words.
            continue
        if meant := _nearest(name):
            yield token.typed.text, f"{meant}{token.typed.text[len(name) :]}"


def _nearest(name: str) -> str | None:
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    begun = [field for field in FIELDS if len(name) >= _SHORT and name.startswith(field)]
    near = begun or get_close_matches(name, FIELDS, n=1, cutoff=_NEAR)
    return near[0] if near else None
