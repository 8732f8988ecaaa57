"""The words of a query that a spelling suggestion may replace, in its tree and in its text."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from indexer.model.query import And, Or, Query, Word
from indexer.model.spelling import edits_allowed
from indexer.model.text import words
from search_api.query.fields import field_of
from search_api.query.references import command
from search_api.query.terms import bare, phrase
from search_api.query.tokens import Kind, Token, tokens


def correctable_words(query: Query) -> tuple[str, ...]:
    """Return the bare words that spelling may replace, each once, in the order of the query.

    Those of one word and not too short for a close spelling; not those that must not be there.
    """
    return tuple(dict.fromkeys(_words(query)))


def with_words_replaced(query: Query, replacements: Mapping[str, str]) -> Query:
    """Return a query with other words in the place of those that spelling may replace."""
    match query:
        case And(parts) | Or(parts):
            changed = tuple(with_words_replaced(part, replacements) for part in parts)
            return replace(query, parts=changed)
        case Word(text) if (word := _correctable(text)) in replacements:
            return Word(replacements[word])
        case _:
            return query


def text_with_words_replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Return a query's text with these words replaced as :func:`with_words_replaced` does.

    :class:`indexer.errors.QueryError` for a text with a mistake.
    """
    if command(text) is not None:
        return text
    changed = text
    for token in reversed(list(_wanted(tokens(text)))):
        word = _word_of(token)
        if word in replacements:
            other = replacements[word]
            shown = f'"{other}"' if token.kind is Kind.PHRASE else other
            changed = changed[: token.start] + shown + changed[token.end :]
    return changed


def _words(query: Query) -> Iterator[str]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _words(part)
        case Word(text) if word := _correctable(text):
            yield word


def _correctable(text: str) -> str:
    """Return the one word of a text; "" where spelling leaves it alone."""
    found = words(text)
    return found[0] if len(found) == 1 and edits_allowed(found[0]) else ""


def _wanted(found: list[Token]) -> Iterator[Token]:
    """Yield the words and phrases that are not negated."""
    is_negated, groups = False, list[bool]()
    for token in found:
        if token.kind is Kind.MINUS or token.is_operator("NOT"):
            is_negated = True
        elif token.kind is Kind.OPEN:
            groups.append(is_negated)
            is_negated = False
        elif token.kind is Kind.CLOSE:
            del groups[-1:]
        elif not token.is_operator("AND"):
            if not is_negated and not any(groups):
                yield token
            is_negated = False


def _word_of(token: Token) -> str:
    """Return the word that a token is; "" where it is something else."""
    if token.kind is not Kind.PHRASE and field_of(token.typed) is not None:
        return ""
    found = phrase(token.typed) if token.kind is Kind.PHRASE else bare(token.typed)
    return _correctable(found.text) if isinstance(found, Word) else ""
