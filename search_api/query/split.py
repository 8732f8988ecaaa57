"""Cutting the text of a query into the terms that must all match."""

from indexer.errors import QueryError
from search_api.query.tokens import Token, TokenType, tokens


def split_terms(text: str) -> list[str]:
    """Return the terms of a query: each can be left out, or have a new one put beside it.

    What ``OR`` joins is one term. A text with a mistake in its quotes is one term too.
    """
    try:
        found = tokens(text)
    except QueryError:
        return [text.strip()]
    spans: list[list[int]] = []
    is_open = False
    for group in _groups(found):
        start, end = group[0].start, group[-1].end
        is_prefix = _is(group, "NOT") or _is(group, "AND") or _is_minus(group)
        if spans and (is_open or _is(group, "OR")):
            spans[-1][1] = end
            is_open = is_prefix or _is(group, "OR")
        elif not _is(group, "AND"):
            spans.append([start, end])
            is_open = is_prefix
    return [text[start:end] for start, end in spans]


def _groups(found: list[Token]) -> list[list[Token]]:
    """Return the tokens one by one, but those in parentheses together with them."""
    groups: list[list[Token]] = []
    depth = 0
    for token in found:
        if depth:
            groups[-1].append(token)
        else:
            groups.append([token])
        depth += (token.type is TokenType.OPEN) - (token.type is TokenType.CLOSE)
        depth = max(depth, 0)
    return groups


def _is(group: list[Token], operator: str) -> bool:
    return len(group) == 1 and group[0].is_operator(operator)


def _is_minus(group: list[Token]) -> bool:
    return len(group) == 1 and group[0].type is TokenType.MINUS
