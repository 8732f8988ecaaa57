"""Replacing words of a query by a closer spelling, in its tree and in its text."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from indexer.model import And, Or, Query, Word, edits_allowed, words
from search_api.query.fields import find_field
from search_api.query.references import command
from search_api.query.terms import bare, phrase
from search_api.query.tokens import Token, TokenType, tokens

_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(rf"{_WORD.pattern}(?:[-_.]+{_WORD.pattern})*")


def correctable_words(query: Query) -> tuple[str, ...]:
    """Return the words that spelling may replace, each once, in the order of the query.

    These are words without a field, also in a name such as ``front-end``, that are long enough for
    a close spelling. Negated words are not among them.
    """
    return tuple(dict.fromkeys(_words(query)))


def with_words_replaced(query: Query, replacements: Mapping[str, str]) -> Query:
    """Return a query with some of its correctable words replaced."""
    match query:
        case And(parts) | Or(parts):
            changed = tuple(with_words_replaced(part, replacements) for part in parts)
            return replace(query, parts=changed)
        case Word(text):
            # Two words that were written together are corrected to two.
            found = replacements[text].split() if text in replacements else []
            if len(found) > 1:
                return And(tuple(map(Word, found)))
            return replace(query, text=_changed(text, replacements))
        case _:
            return query


def text_with_words_replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Return the text of a query with words replaced as in :func:`with_words_replaced`.

    :class:`indexer.errors.QueryError` for a text with a mistake.
    """
    if command(text) is not None:
        return text
    changed = text
    for token in reversed(list(_correctable_tokens(tokens(text)))):
        found = _read_word(token)
        other = _changed(found, replacements)
        if other != found:
            shown = f'"{other}"' if token.type is TokenType.PHRASE else other
            changed = changed[: token.start] + shown + changed[token.end :]
    return changed


def _words(query: Query) -> Iterator[str]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _words(part)
        case Word(text):
            yield from _correctable(text)


def _correctable(text: str) -> list[str]:
    """Return the words of a text that is one word, or several joined as in a name."""
    found = words(text)
    if len(found) > 1 and not _NAME.fullmatch(text):
        return []
    return [word for word in found if edits_allowed(word)]


def _changed(text: str, replacements: Mapping[str, str]) -> str:
    """Return a text with its words replaced; a single word is replaced as a whole."""
    if replacements.keys().isdisjoint(_correctable(text)):
        return text
    found = words(text)
    if len(found) == 1:
        return replacements[found[0]]
    return _WORD.sub(lambda word: replacements.get(word[0], word[0]), text)


def _correctable_tokens(found: list[Token]) -> Iterator[Token]:
    """Yield the words and phrases that are not negated."""
    is_negated, groups = False, list[bool]()
    for token in found:
        if token.type is TokenType.MINUS or token.is_operator("NOT"):
            is_negated = True
        elif token.type is TokenType.OPEN:
            groups.append(is_negated)
            is_negated = False
        elif token.type is TokenType.CLOSE:
            del groups[-1:]
        elif not token.is_operator("AND"):
            if not is_negated and not any(groups):
                yield token
            is_negated = False


def _read_word(token: Token) -> str:
    """Return the text of a token that is a word; "" for any other token."""
    if token.type is not TokenType.PHRASE and find_field(token.typed) is not None:
        return ""
    found = phrase(token.typed) if token.type is TokenType.PHRASE else bare(token.typed)
    return found.text if isinstance(found, Word) else ""
