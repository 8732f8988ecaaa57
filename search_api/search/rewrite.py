"""Rewrite a query: from the parsed tree to the tree for the engine.

The filters of the request are added. Conditions about lineage become chains of layers: documents
have the chains of their images, and the store knows the chains of a name. The field ``below`` has
the chains of an image's bases, and ``chain`` its own. Later, words may get another spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.errors import QueryError
from indexer.model import And, AtLeast, Condition, DocumentType, Not, Or, Query, Word, fold
from indexer.store import KEYS_MAX
from search_api.query import Synonyms, with_others, with_words_replaced
from search_api.search.cost import check_conditions, check_patterns
from search_api.search.request import SearchRequest
from search_api.search.state import ChainFinder

_USE = frozenset(
    {"at", "by", "for", "from", "in", "into", "on", "over", "that", "to", "using", "via", "which"}
    | {"with", "without"}
)
"""Behind such a word stands what somebody wants it for, and no longer what they want."""
_EMPTY_WORDS = _USE | {"a", "an", "and", "as", "is", "of", "or", "the"}
_OF_ALL = frozenset(
    {"app", "application", "container", "docker", "image", "latest", "program", "software", "tool"}
)
OF_ALL = _OF_ALL | {f"{word}s" for word in _OF_ALL}
"""Words that say little about an image: they can be said of all that a registry holds."""
UNTAGGED = Condition("is", "untagged")


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """The input of an engine: a query, and the type of its documents.

    Only the ``typed`` part may have a spelling mistake; ``filters`` stay as they are.
    """

    typed: Query
    document_type: DocumentType
    filters: tuple[Query, ...] = ()

    @property
    def query(self) -> Query:
        """The typed part and the filters in one."""
        return And((self.typed, *self.filters)) if self.filters else self.typed


def rewrite(query: Query, request: SearchRequest, *, keys: ChainFinder | None) -> EngineQuery:
    """Return the engine's query for the parsed text of a request.

    :class:`QueryError` for a condition that means too many images or is in a wrong place;
    :class:`indexer.errors.CostlyQueryError` for a query that would take too much work.
    """
    check_patterns(query)
    asked = EngineQuery(
        query, request.order.document_type, (*request.conditions, *_within(request))
    )
    document_type = choose_type(asked.query, asked.document_type)
    if keys is None:
        return replace(asked, document_type=document_type)
    filters = tuple(resolve_lineage(part, keys) for part in asked.filters)
    rewritten = EngineQuery(resolve_lineage(query, keys), document_type, filters)
    check_conditions(rewritten.query)
    return rewritten


def respell(query: EngineQuery, replaced: Mapping[str, str]) -> EngineQuery:
    """Return a query with the ``replaced`` words in its typed part."""
    if not replaced:
        return query
    return replace(query, typed=with_words_replaced(query.typed, replaced))


def expand(query: EngineQuery, synonyms: Synonyms, *, joins: bool = True) -> EngineQuery:
    """Return a query that finds forms and synonyms of its typed words too.

    With ``joins``, words side by side that have synonyms together are one word.
    """
    return replace(query, typed=with_others(query.typed, synonyms, joins=joins))


def relaxable(query: EngineQuery) -> tuple[Word, ...]:
    """Return the words of which some may be left out: those that must all match, not in quotes.

    Words such as "for" and "with" do not count. They say nothing about an image.
    """
    parts = query.typed.parts if isinstance(query.typed, And) else ()
    words = (part for part in parts if isinstance(part, Word) and not part.is_literal)
    return tuple(replace(word, is_whole=True) for word in words if not _is_empty(word))


def uses(query: EngineQuery) -> tuple[bool, ...]:
    """Tell of each word of :func:`relaxable` whether it says what something is wanted for."""
    parts = query.typed.parts if isinstance(query.typed, And) else ()
    found, is_use = [], False
    for part in parts:
        if isinstance(part, Word) and not part.is_literal:
            is_use = is_use or part.text in _USE
            if not _is_empty(part):
                found.append(is_use)
    return tuple(found)


def relax(query: EngineQuery, count: int, weights: Sequence[int]) -> EngineQuery:
    """Return a query that needs words that weigh ``count`` only; all else must match as before.

    There is one weight for each word of :func:`relaxable`. A word with the weight 0 is left out.
    """
    weighted = [pair for pair in zip(relaxable(query), weights, strict=True) if pair[1]]
    return require(query, AtLeast(count, *zip(*weighted, strict=True)))


def require(query: EngineQuery, part: Query) -> EngineQuery:
    """Return a query with one part in place of all words that may be left out."""
    assert isinstance(query.typed, And)  # noqa: S101 - it has words side by side
    others = (one for one in query.typed.parts if not isinstance(one, Word) or one.is_literal)
    return replace(query, typed=And((*others, part)))


def _is_empty(part: Query) -> bool:
    return isinstance(part, Word) and not part.is_literal and part.text in _EMPTY_WORDS


def _within(request: SearchRequest) -> Iterator[Query]:
    """Yield the conditions that limit a request to a registry."""
    if request.registry:
        name = fold(request.registry)
        yield Or((Condition("registry", name), Condition("host", name)))
    if request.host:
        yield Condition("host", fold(request.host))


def resolve_lineage(query: Query, keys: ChainFinder) -> Query:
    """Return a query with chains of layers in place of conditions about lineage.

    :class:`QueryError` if a condition means too many chains.
    """
    match query:
        case And(parts):
            return And(tuple(resolve_lineage(part, keys) for part in parts))
        case Or(parts):
            return Or(tuple(resolve_lineage(part, keys) for part in parts))
        case Not(part):
            return Not(resolve_lineage(part, keys))
        case Condition("base", value, is_prefix):
            # The image may declare its base. That base may be in no registry that we know.
            return _match_any(
                query, ("below",), keys.find_bases(value, is_prefix=is_prefix), [query]
            )
        case Condition("baseof", value):
            return _match_any(query, ("chain",), keys.find_derived(value))
        case Condition("layer", value):
            return _match_any(query, ("below", "chain"), keys.find_layer(value))
        case _:
            return query


def _match_any(
    asked: Condition, fields: Sequence[str], keys: Sequence[str], others: Sequence[Query] = ()
) -> Query:
    if len(keys) > KEYS_MAX:
        message = f"{asked.field}:{asked.value} means more than {KEYS_MAX} images: name fewer"
        raise QueryError(message, column=1)
    parts = [Condition(field, key) for field in fields for key in keys]
    return Or((*others, *parts))


def choose_type(query: Query, asked: DocumentType) -> DocumentType:
    """Return the type of documents to search: the type ``asked``, or untagged images.

    :class:`QueryError` if only a part of the query is about untagged images.
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
    """Tell whether a part asks for untagged images. Excluding them does not."""
    match query:
        case And(parts) | Or(parts):
            return any(_is_in(part) for part in parts)
        case Not(part):
            return part != UNTAGGED and _is_in(part)
        case _:
            return query == UNTAGGED
