"""Queries for tests: a fixed time, short forms of their trees, random texts."""

import random
from datetime import UTC, datetime

import pytest

from indexer.errors import QueryError
from indexer.model.query import And, Not, Or, Query
from search_api.query import parse_query
from search_api.query.tokens import Token, Typed, tokens

NOW = datetime(2026, 11, 26, 12, 30, 15, tzinfo=UTC)
HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
PIECES = ["a", "nginx", "team/web", "web:1.4", "@", DIGEST, " ", "  ", "*", '"', "(", ")", "-"]
PIECES += ["--", "/", ":", "OR", "AND", "NOT", "label:", "tag:", "name:", "arch:", "platform:"]
PIECES += ["digest:", "x:", "=", "%", "_", "\\", "\0", "\n", "\u00e9", "e\u0301", "\u202e"]
PIECES += ["\ud800", "\U0001f433", "İ", "ß", "ﬁ", "数", "\u200b", "'", ";", "[", "]", "{", "}", "~"]
PIECES += ["^", "+", "|", "&", "?", "!", "..", "<", ">", "“", "”", "\ufffd", "＊", "\u0301"]
PIECES += ["size:", "created:", "pulls:>", "1.5GiB", "7d", "2026-01", "title:", "env:", "source:"]
PIECES += ["https://", "docker pull ", "FROM ", "base:", "registry:", "is:", "signed", "7"]


def both(*parts: Query) -> And:
    return And(parts)


def either(*parts: Query) -> Or:
    return Or(parts)


def parsed(text: str) -> Query:
    return parse_query(text, now=NOW)


def mistake(text: str) -> QueryError:
    """Return the error of a query."""
    with pytest.raises(QueryError) as caught:
        parsed(text)
    return caught.value


def typed(text: str) -> Typed:
    """Return the characters of a query that is one word."""
    (token,) = tokens(text)
    return token.typed


def only_token(text: str) -> Token:
    (token,) = tokens(text)
    return token


def list_parts(query: Query) -> list[Query]:
    """Return a query and everything in it."""
    match query:
        case And(parts) | Or(parts):
            return [query, *(found for part in parts for found in list_parts(part))]
        case Not(part):
            return [query, *list_parts(part)]
        case _:
            return [query]


def random_text(random_: random.Random) -> str:
    kind = random_.random()
    if kind < 0.6:
        return "".join(random_.choices(PIECES, k=random_.randint(0, 12)))
    if kind < 0.9:
        return "".join(chr(random_.randint(0, 0x2FF)) for _ in range(random_.randint(0, 30)))
    return "".join(chr(random_.randint(0, 0x10FFFF)) for _ in range(random_.randint(0, 30)))
