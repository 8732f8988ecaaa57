"""``is:untagged`` asks for documents of their own: no other search has to pass over them."""

from collections.abc import Iterator

from indexer.errors import QueryError
from indexer.model.document import DocumentType
from indexer.model.query import And, Condition, Not, Or, Query

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
