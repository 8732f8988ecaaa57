"""The fields of the query language, and the condition that each makes of its value."""

import re
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from functools import partial

from indexer.errors import QueryError
from indexer.model import (
    FACETS,
    LABEL_FACET,
    NUMBERS,
    And,
    Condition,
    FacetCondition,
    Glob,
    Or,
    Path,
    Query,
    digest_range,
    fold,
    match_reference,
    words,
)
from search_api.query.dates import read_moment
from search_api.query.keywords import (
    VALUE_MAX,
    is_short_commit,
    keyword_value,
    whole_value,
)
from search_api.query.patterns import TypedPattern, has_wildcards, read_pattern
from search_api.query.ranges import read_range
from search_api.query.references import digest_condition
from search_api.query.sizes import read_count, read_size
from search_api.query.tokens import Typed, quoted

DESCRIBED = ("author", "cmd", "description", "entrypoint", "keyword", "title", "vendor")
"""Fields of text: each word of the value must match."""
FACTS = {
    "has": ("attestation", "provenance", "sbom"),
    "is": ("attachment", "deprecated", "multiarch", "signed", "untagged"),
}
"""The values of the fields of facts; after ``sbom`` may come a colon and its format."""
SAME_AS = {"artifact": "type"}
"""Other names of fields."""
LINEAGE = ("base", "baseof", "layer")
"""Fields whose values are looked up in the store."""
_KEYWORDS = (
    *("annotation", "arch", "digest", "env", "kind", "label", "license", "media", "name"),
    *(
        "namespace",
        "os",
        "platform",
        "port",
        "registry",
        "repo",
        "revision",
        "source",
        "tag",
        "type",
        "user",
    ),
    *("version", "volume"),
)
FIELDS = tuple(sorted({*_KEYWORDS, *DESCRIBED, *FACTS, *SAME_AS, *LINEAGE, *NUMBERS}))
"""Every field."""
_FIELD = re.compile(r"([a-z]+):", re.ASCII | re.IGNORECASE)


def field_name(typed: Typed) -> str | None:
    """Return the letters before a colon at the beginning of a word; None without them."""
    match = _FIELD.match(typed.signs)
    return match[1].lower() if match else None


def find_field(typed: Typed) -> str | None:
    """Return the field at the beginning of a word; None if there is no known field."""
    name = field_name(typed)
    return name if name in FIELDS else None


def unknown_field(typed: Typed) -> QueryError | None:
    """Return the mistake of a word that begins with an unknown field; None without a field.

    An address such as ``https://…`` has no field.
    """
    match = _FIELD.match(typed.signs)
    if match is None or typed.signs.startswith("//", match.end()):
        return None
    near = get_close_matches(match[1].lower()[:100], FIELDS, n=1)
    hint = f"did you mean {near[0]}:?" if near else f"known are {', '.join(FIELDS)}"
    return QueryError(f"unknown field {match[1][:100]!r}; {hint}", column=typed.column)


def condition(field: str, typed: Typed, *, now: datetime) -> Query:
    """Return the query of a field with a value; ``typed`` is the value."""
    if not fold(typed.text).strip():
        raise QueryError(f"{field}: without a value", column=typed.column)
    field = SAME_AS.get(field, field)
    facet = _facet_value(field, typed)
    if facet is not None:
        return facet
    if field in NUMBERS:
        return read_range(field, typed, reader=_READERS.get(field) or partial(read_moment, now=now))
    if field in LINEAGE:
        return _lineage_condition(field, typed)
    if has_wildcards(typed):
        return _pattern_condition(field, read_pattern(typed))
    if field in DESCRIBED:
        return _described_condition(field, typed.text)
    return _keyword_condition(field, typed)


def facet_query(facet: str, value: str) -> str:
    """Return the text of the query that selects what counts for a value of a facet."""
    if facet.startswith(LABEL_FACET):
        return f"{LABEL_FACET}{quoted(facet.removeprefix(LABEL_FACET))}{_EXACTLY}{quoted(value)}"
    return f"{facet}{_EXACTLY}{quoted(value)}"


def _facet_value(field: str, typed: Typed) -> FacetCondition | None:
    """Return the condition of ``field:=value`` or ``label:KEY:=value``; None for another form."""
    # The colon of a field is not in ``typed``.
    key, sign, _ = f":{typed.signs}".partition(_EXACTLY)
    value = typed.text[len(key) + 1 :]
    is_label = field == "label" and bool(key)
    if not sign or not value or not (is_label or (field in FACETS and not key)):
        return None
    facet = f"{LABEL_FACET}{typed.text[: len(key) - 1]}" if is_label else field
    return FacetCondition(facet, value)


_EXACTLY = ":="
_READERS = {"size": read_size, "layers": read_count, "pulls": read_count}


def _pattern_condition(field: str, pattern: TypedPattern) -> Query:
    # Cut in the same way as the values of documents.
    if pattern.beginning is not None:
        value = keyword_value(field, pattern.beginning)
        return _make_condition(field, partial(Condition, value=value, is_prefix=True))
    text = keyword_value(field, pattern.text)
    if "*" in text or "?" in text:
        return _make_condition(field, partial(Glob, pattern=text))
    return _make_condition(field, partial(Condition, value=text))


def _make_condition(field: str, make: Callable[[str], Query]) -> Query:
    """Return a condition on a field; ``registry`` means the name or the host of a registry."""
    return Or((make("registry"), make("host"))) if field == "registry" else make(field)


def _described_condition(field: str, text: str) -> Query:
    found = list(dict.fromkeys(words(text)))
    if not found:
        return Condition(field, fold(text)[:VALUE_MAX])
    parts = tuple(Condition(field, word) for word in found)
    return parts[0] if len(parts) == 1 else And(parts)


def _keyword_condition(field: str, typed: Typed) -> Query:
    value = whole_value(field, typed.text)
    if not value:
        raise QueryError(f"{field}: without a value", column=typed.column)
    match field:
        case "name":
            return Path(value)
        case "has" | "is" if value.partition(":")[0] not in FACTS[field]:
            known = ", ".join(FACTS[field])
            message = f"unknown {field}:{value[:100]}; known are {known}"
            raise QueryError(message, column=typed.column)
        case "digest":
            return digest_condition(value)
        case "revision":
            return Condition(field, value, is_prefix=is_short_commit(value))
        case _:
            return _make_condition(field, partial(Condition, value=value))


def _lineage_condition(field: str, typed: Typed) -> Query:
    """Return a condition that is looked up in the store, so it cannot be any pattern."""
    is_prefix = typed.signs.endswith("*")
    value = fold(typed.text[:-1] if is_prefix else typed.text)
    if has_wildcards(typed.part(0, len(typed.text) - is_prefix)):
        raise QueryError(f"{field}: takes a * only at its end", column=typed.column)
    if field == "layer":
        if digest_range(value) is None:
            message = "layer: needs a digest, or at least its first 12 digits"
            raise QueryError(message, column=typed.column)
        return Condition(field, value)
    if field == "baseof":
        if is_prefix or not _names_images(value):
            raise QueryError("baseof: needs a name, a tag or a digest", column=typed.column)
        return Condition(field, value)
    if value.startswith("sha256:"):
        return Condition(field, value, is_prefix or digest_condition(value).is_prefix)
    return Condition(field, value[:VALUE_MAX], is_prefix)


def _names_images(text: str) -> bool:
    """Tell whether a text can name images: by their repository, a tag or enough of a digest."""
    found = match_reference(text)
    digest = text if found is None else found.digest
    return digest_range(digest) is not None if digest else True
