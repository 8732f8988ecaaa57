"""All rewriting of a query: from the tree that was parsed to the one that an engine gets.

Added is what the request stays within. Conditions about lineage become chains of layers: documents
carry those of their images, and the store tells now which ones a name means. ``below`` is what an
image is built on, ``chain`` what it is. Later, words may get another spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.errors import QueryError
from indexer.model import And, Condition, DocumentType, Not, Or, Query, fold
from indexer.store import KEYS_MAX, LineageKeys
from search_api.query import with_words_replaced
from search_api.search.request import SearchRequest

UNTAGGED = Condition("is", "untagged")


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """What an engine gets: a query, and the type of the documents that it is about."""

    query: Query
    document_type: DocumentType


def rewrite(query: Query, request: SearchRequest, *, keys: LineageKeys | None) -> EngineQuery:
    """Return what the engine gets for the parsed text of a request.

    :class:`QueryError` for a condition that stands for too much, or that is in a wrong place.
    """
    parts = [query, *request.conditions, *_within(request)]
    query = And(tuple(parts)) if len(parts) > 1 else query
    document_type = choose_type(query, request.order.document_type)
    if keys is not None:
        query = resolve_lineage(query, keys)
    return EngineQuery(query, document_type)


def respell(query: EngineQuery, replaced: Mapping[str, str]) -> EngineQuery:
    """Return a query with other words in the place of some."""
    if not replaced:
        return query
    return replace(query, query=with_words_replaced(query.query, replaced))


def _within(request: SearchRequest) -> Iterator[Query]:
    """Yield the conditions that keep a request within a registry."""
    if request.registry:
        name = fold(request.registry)
        yield Or((Condition("registry", name), Condition("host", name)))
    if request.host:
        yield Condition("host", fold(request.host))


def resolve_lineage(query: Query, keys: LineageKeys) -> Query:
    """Return a query with chains of layers in the place of conditions about lineage.

    :class:`QueryError` if one stands for too many chains.
    """
    match query:
        case And(parts):
            return And(tuple(resolve_lineage(part, keys) for part in parts))
        case Or(parts):
            return Or(tuple(resolve_lineage(part, keys) for part in parts))
        case Not(part):
            return Not(resolve_lineage(part, keys))
        case Condition("base", value, is_prefix):
            # Also what an image says itself, because its base may be in no registry that we know.
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


def choose_type(query: Query, asked: DocumentType) -> DocumentType:
    """Return the type of documents that a query is about, given the type that was asked for.

    :class:`QueryError` if only a part of it is about untagged images.
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
