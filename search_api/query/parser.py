"""Parsing the text of a query into a tree, by recursive descent.

``docs/query-language.md`` has the grammar.
"""

from datetime import datetime

from indexer.errors import QueryError
from indexer.model import And, Everything, Not, Or, Phrase, Query, Word, fold, words
from search_api.query.references import command
from search_api.query.terms import phrase, term
from search_api.query.tokens import Token, TokenType, tokens

QUERY_MAX = 2_000
"""Characters of a query."""
DEPTH_MAX = 20
"""The depth of parentheses and minus signs."""
TERMS_MAX = 64
"""The most conditions and words; each word of a phrase or of a value of text counts."""


def parse_query(text: str, *, now: datetime) -> Query:
    """Return the tree of a query; :class:`QueryError` names a mistake and its column.

    Ages count back from ``now``.
    """
    if len(text) > QUERY_MAX:
        raise QueryError(f"a query of more than {QUERY_MAX} characters", column=QUERY_MAX + 1)
    return command(text) or _Parser(tokens(text), end=len(text) + 1, now=now).parse()


def plain_query(text: str) -> Query:
    """Return a query for the words of a text; all signs lose their meaning."""
    cut = text[:QUERY_MAX].strip()
    # Punctuation alone is searched in names; it does not match everything.
    found = list(dict.fromkeys(words(cut))) or [fold(cut)]
    return _joined([Word(word) for word in found[:TERMS_MAX] if word])


class _Parser:
    def __init__(self, found: list[Token], *, end: int, now: datetime) -> None:
        self._tokens = found
        self._position = 0
        self._end = end
        self._now = now
        self._depth = 0
        self._terms = 0

    def parse(self) -> Query:
        query = self._query()
        if self._peek() is not None:
            raise QueryError("a ) without its (", column=self._column())
        return query

    def _query(self) -> Query:
        parts: list[Query] = []
        while (token := self._peek()) is not None and token.type is not TokenType.CLOSE:
            parts.append(self._either())
        return _joined(parts)

    def _either(self) -> Query:
        parts = [self._part()]
        while self._is_operator("OR"):
            self._position += 1
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _part(self) -> Query:
        token = self._peek()
        if token is None or token.type is TokenType.CLOSE or self._is_operator("OR"):
            raise QueryError("a word is missing here", column=self._column())
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise QueryError(f"nested deeper than {DEPTH_MAX}", column=token.column)
        part = self._nested(token)
        self._depth -= 1
        return part

    def _nested(self, token: Token) -> Query:
        self._position += 1
        if token.type is TokenType.MINUS or token.is_operator("NOT"):
            return Not(self._part())
        if token.is_operator("AND"):
            return self._part()
        if token.type is TokenType.OPEN:
            query = self._query()
            if self._peek() is None:
                raise QueryError("a ( that is not closed", column=token.column)
            self._position += 1
            return query
        return self._term(token)

    def _term(self, token: Token) -> Query:
        is_phrase = token.type is TokenType.PHRASE
        found = phrase(token.typed) if is_phrase else term(token.typed, now=self._now)
        self._terms += _size(found)
        if self._terms > TERMS_MAX:
            raise QueryError(f"more than {TERMS_MAX} terms in a query", column=token.column)
        return found

    def _peek(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _is_operator(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.is_operator(word)

    def _column(self) -> int:
        token = self._peek()
        return token.column if token else self._end


def _joined(parts: list[Query]) -> Query:
    parts = [part for part in parts if not isinstance(part, Everything)]
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _size(query: Query) -> int:
    match query:
        case And(parts) | Or(parts):
            return sum(_size(part) for part in parts)
        case Phrase(found):
            return len(found)
        case Word(text):
            return max(1, len(words(text)))
        case _:
            return 1
