"""The conditions about lineage, translated for the search index when a search comes.

Documents carry the chains of layers of their images. What a condition names is looked up in the
store as it is now, and becomes the chains to look for: in ``below``, what an image is built on,
or in ``chain``, what it is.
"""

from collections.abc import Iterator, Sequence

from indexer.errors import QueryError
from indexer.model import And, Condition, DocumentType, Not, Or, Query
from indexer.store import KEYS_MAX, LineageKeys


def resolved(query: Query, keys: LineageKeys) -> Query:
    """Return a query without conditions that only the store can tell the meaning of.

    :class:`QueryError` where one stands for too many chains.
    """
    match query:
        case And(parts):
            return And(tuple(resolved(part, keys) for part in parts))
        case Or(parts):
            return Or(tuple(resolved(part, keys) for part in parts))
        case Not(part):
            return Not(resolved(part, keys))
        case Condition("base", value, is_prefix):
            # Also what an image says itself, for its base may be in no registry that we know.
            return _any_of(query, ("below",), keys.find_bases(value, is_prefix=is_prefix), [query])
        case Condition("baseof", value):
            return _any_of(query, ("chain",), keys.find_derived(value))
        case Condition("layer", value):
            return _any_of(query, ("below", "chain"), keys.find_layer(value))
        case _:
            return query


def _any_of(
    asked: Condition, fields: Sequence[str], keys: Sequence[str], others: Sequence[Query] = ()
) -> Query:
    if len(keys) > KEYS_MAX:
        message = f"{asked.field}:{asked.value} means more than {KEYS_MAX} images: name fewer"
        raise QueryError(message, column=1)
    parts = [Condition(field, key) for field in fields for key in keys]
    return Or((*others, *parts))


UNTAGGED = Condition("is", "untagged")


def searched_type(query: Query, asked: DocumentType) -> DocumentType:
    """Return which documents a query is about, given the type that the caller asked for.

    :class:`QueryError` where only a part of it is about untagged images.
    """
    parts = list(_required(query))
    if UNTAGGED in parts:
        if asked is DocumentType.REPOSITORY:
            message = "is:untagged finds images: search for type=image"
            raise QueryError(message, column=1)
        return DocumentType.UNTAGGED
    if any(_is_in(part) for part in parts):
        message = "is:untagged is asked of the whole query, not within OR or a negated part"
        raise QueryError(message, column=1)
    return asked


def _required(query: Query) -> Iterator[Query]:
    """Yield the parts that must all match."""
    if isinstance(query, And):
        for part in query.parts:
            yield from _required(part)
    else:
        yield query


def _is_in(query: Query) -> bool:
    """Tell whether a part asks for untagged images; that it does not want them asks for nothing."""
    match query:
        case And(parts) | Or(parts):
            return any(_is_in(part) for part in parts)
        case Not(part):
            return part != UNTAGGED and _is_in(part)
        case _:
            return query == UNTAGGED
