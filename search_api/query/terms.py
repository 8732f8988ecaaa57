"""One term of a query: a condition, a reference, a pattern, a close spelling or a word."""

from datetime import datetime

from indexer.errors import QueryError
from indexer.model import (
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
    digest_range,
    edits_allowed,
    fold,
    words,
)
from search_api.query.fields import condition, find_field, unknown_field
from search_api.query.patterns import FIXED_MIN, has_wildcards, read_pattern, refuse_literal
from search_api.query.references import digest_condition, reference
from search_api.query.tokens import Typed


def phrase(typed: Typed) -> Query:
    """Return the query of a text in quotes."""
    found = words(typed.text)
    if not found:
        raise QueryError("a phrase without a word", column=typed.column)
    return Phrase(tuple(found)) if len(found) > 1 else Word(found[0], is_literal=True)


def term(typed: Typed, *, now: datetime) -> Query:
    """Return the query of one term."""
    field = find_field(typed)
    if field is not None:
        return condition(field, typed.part(len(field) + 1), now=now)
    return bare(typed)


def bare(typed: Typed) -> Query:
    """Return the query of a term without a field."""
    if typed.signs.endswith("~"):
        return _read_fuzzy(typed)
    named = reference(typed.text)
    if named is not None:
        return named
    stripped = typed.strip("/")
    if typed.text and not stripped.signs.strip("*"):
        return Everything()
    if has_wildcards(stripped):
        return _read_wildcards(stripped)
    mistake = unknown_field(typed)
    if mistake is not None:
        raise mistake
    folded = fold(stripped.text)
    if not folded:
        raise QueryError("nothing to search for", column=typed.column)
    if digest_range(folded) is not None:
        # The short form of a digest or image id, as clients print it; perhaps it is a word too.
        return Or((Word(folded), digest_condition(folded)))
    return Path(folded) if "/" in folded else Word(folded)


def _read_fuzzy(typed: Typed) -> Query:
    text = typed.part(0, len(typed.text) - 1).text
    found = words(text)
    if found != [fold(text)] or not edits_allowed(found[0]):
        message = "a ~ goes behind one word of at least 3 characters"
        raise QueryError(message, column=typed.column)
    return Fuzzy(found[0])


def _read_wildcards(typed: Typed) -> Query:
    """Return the query of a term with wildcards; with a / it matches the name of a repository."""
    pattern = read_pattern(typed)
    if pattern.fixed < FIXED_MIN:
        message = f"a pattern needs at least {FIXED_MIN} characters beside its * and ?"
        raise QueryError(message, column=typed.column)
    beginning = pattern.beginning
    if "/" in pattern.text:
        if beginning is not None:
            return Condition("repo", beginning, is_prefix=True)
        return Glob("repo", pattern.text)
    if beginning is not None and words(beginning) == [beginning]:
        return Prefix(beginning)
    refuse_literal(beginning or "", column=typed.column)
    return Wildcard(pattern.text)
