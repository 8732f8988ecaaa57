"""Cutting the text of a query into words, phrases and signs.

Quotes and a backslash take the special meaning from characters, so that anything can be searched:
``"a OR b"``, ``\\*``.
"""

from dataclasses import dataclass
from enum import StrEnum

from indexer.errors import QueryError

QUOTES = '"“”„‟'
"""The signs that open and close a phrase; word processors and telephones write some of them."""
_ESCAPED = frozenset(QUOTES) | {"\\"}
_LITERAL = "\0"


class TokenType(StrEnum):
    """The type of a token."""

    OPEN = "("
    CLOSE = ")"
    MINUS = "-"
    PHRASE = "phrase"
    """A text in quotes from its first to its last character."""
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters of a query, without its quotes and backslashes."""

    text: str
    signs: str
    """The same as ``text``, but literal characters are NUL here."""
    columns: tuple[int, ...]
    """The column of each character, and the column after the last one."""

    def part(self, start: int, end: int | None = None) -> "Typed":
        """Return the characters from ``start`` to before ``end``; both count from 0."""
        end = len(self.text) if end is None else end
        return Typed(self.text[start:end], self.signs[start:end], self.columns[start : end + 1])

    @property
    def column(self) -> int:
        """The column of the first character, or of its place if there is none."""
        return self.columns[0]

    def strip(self, characters: str | None = None) -> "Typed":
        """Return these characters without some at both ends; by default, without white space."""
        start = len(self.text) - len(self.text.lstrip(characters))
        return self.part(start, max(start, len(self.text.rstrip(characters))))


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query, from ``start`` to before ``end`` in its text."""

    type: TokenType
    typed: Typed
    start: int
    end: int

    @property
    def column(self) -> int:
        """The column of its beginning, from 1."""
        return self.start + 1

    def is_operator(self, word: str) -> bool:
        """Tell whether this is an ``AND``, ``OR`` or ``NOT``, and not that word in quotes."""
        return self.type is TokenType.WORD and self.typed.signs == word


def quoted(text: str) -> str:
    """Return a text so that a query takes each of its characters literally."""
    return '"' + "".join(f"\\{one}" if one in _ESCAPED else one for one in text) + '"'


def tokens(text: str) -> list[Token]:
    """Return the tokens of a query; :class:`QueryError` for a quote that is not closed."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character.isspace():
            position += 1
            continue
        if character in "()":
            token = _sign(TokenType(character), position)
        elif character == "-" and text[position + 1 : position + 2].strip():
            token = _sign(TokenType.MINUS, position)
        else:
            token = _word_or_phrase(text, position)
        found.append(token)
        position = token.end
    return found


def _sign(sign: TokenType, position: int) -> Token:
    columns = (position + 1, position + 2)
    return Token(sign, Typed(sign.value, sign.value, columns), position, position + 1)


def _word_or_phrase(text: str, start: int) -> Token:
    """Read up to white space or a parenthesis outside of quotes."""
    position, quotes = start, list[int]()
    plain, signs, columns = list[str](), list[str](), list[int]()
    while position < len(text):
        character, is_literal = text[position], len(quotes) % 2 == 1
        if not is_literal and (character.isspace() or character in "()"):
            break
        if character in QUOTES:
            quotes.append(position)
        else:
            if character == "\\":
                position += 1
                if position == len(text):
                    raise QueryError("a \\ with nothing behind it", column=position)
                character, is_literal = text[position], True
            plain.append(character)
            signs.append(_LITERAL if is_literal else character)
            columns.append(position + 1)
        position += 1
    if len(quotes) % 2:
        raise QueryError('a " that is not closed', column=quotes[-1] + 1)
    # It begins where its quote or backslash does.
    columns = [start + 1, *[*columns, position + 1][1:]]
    typed = Typed("".join(plain), "".join(signs), tuple(columns))
    token_type = TokenType.PHRASE if quotes == [start, position - 1] else TokenType.WORD
    return Token(token_type, typed, start, position)
