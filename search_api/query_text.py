"""The query language: text to the tree of :mod:`indexer.model.query`, or an error at a column.

Recursive descent over::

    query  = either*
    either = part ( "OR" part )*
    part   = "-" part | "NOT" part | "AND" part | "(" query ")" | phrase | word
"""

import re
from dataclasses import dataclass

from indexer.errors import QueryError
from indexer.model.manifest import normalised_platform
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Word,
)
from indexer.model.text import fold, words
from indexer.store import is_digest, is_reference

QUERY_MAX = 2_000
"""Characters of a query."""
DEPTH_MAX = 20
"""Parentheses and minus signs within each other."""
FIELDS = (
    "annotation",
    "arch",
    "base",
    "baseof",
    "digest",
    "has",
    "is",
    "kind",
    "label",
    "layer",
    "license",
    "name",
    "os",
    "platform",
    "registry",
    "repo",
    "tag",
    "type",
)
FACTS = {
    "has": ("attestation", "provenance", "sbom"),
    "is": ("attachment", "deprecated", "multiarch", "signed", "untagged"),
}
"""What the fields of facts can ask for; behind ``sbom`` may come a colon and its format."""
_FULL_HEX = 64
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<path>(?:[a-z0-9.-]+(?::\d+)?/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-f]{6,128}))?",
    re.ASCII | re.IGNORECASE,
)
_HOST = re.compile(r"localhost|[^/]*[.:][^/]*")


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a query: ``kind`` is ``(``, ``)``, ``-``, ``phrase`` or ``word``."""

    kind: str
    text: str
    column: int


def parse_query(text: str) -> Query:
    """Return what a query asks for; :class:`QueryError` names what is wrong and its column."""
    if len(text) > QUERY_MAX:
        raise QueryError(f"a query of more than {QUERY_MAX} characters", column=QUERY_MAX + 1)
    return _Parser(_tokens(text), end=len(text) + 1).whole()


def plain_query(text: str) -> Query:
    """Return a query for the words of a text, whatever signs are in it."""
    cut = text[:QUERY_MAX].strip()
    # Punctuation alone is sought in names; it does not stand for everything.
    found = dict.fromkeys(words(cut)) or ([fold(cut)] if cut else [])
    return _joined([Word(word) for word in found])


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        column = position + 1
        if character.isspace():
            position += 1
        elif character in "()":
            tokens.append(_Token(character, character, column))
            position += 1
        elif character == "-" and text[position + 1 : position + 2].strip():
            tokens.append(_Token("-", "-", column))
            position += 1
        else:
            token, position = _word_or_phrase(text, position)
            tokens.append(token)
    return tokens


def _word_or_phrase(text: str, start: int) -> tuple[_Token, int]:
    """Read up to white space or a parenthesis, both of which quotes may hold."""
    position, quoted = start, False
    plain: list[str] = []
    while position < len(text):
        character = text[position]
        if character == '"':
            quoted = not quoted
        elif not quoted and (character.isspace() or character in "()"):
            break
        else:
            plain.append(character)
        position += 1
    if quoted:
        raise QueryError('a " that is not closed', column=text.rindex('"') + 1)
    is_phrase = text[start] == '"' and position - start == len(plain) + 2
    return _Token("phrase" if is_phrase else "word", "".join(plain), start + 1), position


class _Parser:
    def __init__(self, tokens: list[_Token], *, end: int) -> None:
        self._tokens = tokens
        self._position = 0
        self._end = end
        self._depth = 0

    def whole(self) -> Query:
        query = self._query()
        if self._peek() is not None:
            raise QueryError("a ) without its (", column=self._column())
        return query

    def _query(self) -> Query:
        parts: list[Query] = []
        while (token := self._peek()) is not None and token.kind != ")":
            parts.append(self._either())
        return _joined(parts)

    def _either(self) -> Query:
        parts = [self._part()]
        while self._takes_word("OR"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _part(self) -> Query:
        token = self._peek()
        if token is None or token.kind == ")" or self._is_word("OR"):
            raise QueryError("a word is missing here", column=self._column())
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise QueryError(f"nested deeper than {DEPTH_MAX}", column=token.column)
        part = self._nested(token)
        self._depth -= 1
        return part

    def _nested(self, token: _Token) -> Query:
        if token.kind == "-" or self._is_word("NOT"):
            self._position += 1
            return Not(self._part())
        if self._is_word("AND"):
            self._position += 1
            return self._part()
        self._position += 1
        if token.kind == "(":
            query = self._query()
            if self._peek() is None:
                raise QueryError("a ( that is not closed", column=token.column)
            self._position += 1
            return query
        if token.kind == "phrase":
            return _phrase(token)
        return _term(token)

    def _peek(self) -> _Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token is not None and (token.kind, token.text) == ("word", word)

    def _takes_word(self, word: str) -> bool:
        if not self._is_word(word):
            return False
        self._position += 1
        return True

    def _column(self) -> int:
        token = self._peek()
        return token.column if token else self._end


def _joined(parts: list[Query]) -> Query:
    parts = [part for part in parts if not isinstance(part, Everything)]
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _phrase(token: _Token) -> Query:
    found = words(token.text)
    if not found:
        raise QueryError("a phrase without a word", column=token.column)
    return Phrase(tuple(found)) if len(found) > 1 else Word(found[0])


def _term(token: _Token) -> Query:
    field, colon, value = token.text.partition(":")
    if colon and field.lower() in FIELDS:
        return _condition(field.lower(), value, column=token.column + len(field) + 1)
    text = token.text.lstrip("/")
    start = token.column + len(token.text) - len(text)
    text = text.rstrip("/")
    if text.strip("*") == "":
        return Everything()
    if text.endswith("*"):
        return _prefix(text[:-1], column=start)
    _refuse_wildcards(text, start)
    reference = _REFERENCE.fullmatch(text)
    if reference and (reference["tag"] or reference["digest"] or "/" in text):
        return _reference(reference)
    if colon and field.isalpha() and not reference:
        raise QueryError(
            f"unknown field {field!r}; known are {', '.join(FIELDS)}", column=token.column
        )
    return Path(fold(text)) if "/" in text else Word(fold(text))


def _prefix(text: str, *, column: int) -> Query:
    _refuse_wildcards(text, column)
    if "/" in text:
        return Condition("repo", fold(text), is_prefix=True)
    found = words(text)
    if len(found) != 1:
        raise QueryError("a * goes behind the beginning of one word", column=column)
    return Prefix(found[0])


def _refuse_wildcards(text: str, column: int) -> None:
    if "*" in text:
        raise QueryError("a * can only end a word", column=column + text.index("*"))


def _condition(field: str, value: str, *, column: int) -> Query:
    if not value:
        raise QueryError(f"{field}: without a value", column=column)
    is_prefix = value.endswith("*")
    value = value.removesuffix("*")
    _refuse_wildcards(value, column)
    folded = fold(value)
    if field in FACTS and not is_prefix and folded.partition(":")[0] not in FACTS[field]:
        known = ", ".join(FACTS[field])
        raise QueryError(f"unknown {field}:{folded[:100]}; known are {known}", column=column)
    if field == "name" and not is_prefix:
        return Path(folded.strip("/"))
    if field in {"arch", "platform"} and not is_prefix:
        folded = _platform(folded, has_os=field == "platform")
    if field == "digest":
        hex_digits = folded.partition(":")[2] or folded
        is_prefix = is_prefix or len(hex_digits) < _FULL_HEX
    if field == "layer" and not is_digest(folded):
        raise QueryError("layer: needs a digest, or at least its first 12 digits", column=column)
    if field == "baseof" and (is_prefix or not is_reference(folded)):
        raise QueryError("baseof: needs a name, a tag or a digest", column=column)
    if field == "base" and folded.startswith("sha256:"):
        is_prefix = is_prefix or len(folded.partition(":")[2]) < _FULL_HEX
    if field == "registry":
        parts = (Condition("registry", folded, is_prefix), Condition("host", folded, is_prefix))
        return Or(parts)
    return Condition(field, folded, is_prefix)


def _platform(text: str, *, has_os: bool) -> str:
    """Return a platform in the spelling of documents: ``linux/x86_64`` is ``linux/amd64``."""
    name, colon, version = text.partition(":")
    parts = name.split("/")
    if not has_os:
        parts.insert(0, "")
    if len(parts) not in {2, 3}:
        return text
    return fold(str(normalised_platform(*parts))) + colon + version


def _reference(match: re.Match[str]) -> Query:
    """Translate a reference pasted from anywhere; its first part may be a registry's host."""
    path = fold(match["path"])
    name: Query = Path(path)
    first, _, rest = path.partition("/")
    if rest and _HOST.fullmatch(first):
        on_host = And((Condition("host", first), Path(rest)))
        name = Or((Path(path), on_host)) if ":" not in first else on_host
    parts = [name]
    if match["tag"]:
        parts.append(Condition("tag", fold(match["tag"])))
    if match["digest"]:
        digest = fold(match["digest"])
        is_prefix = len(digest.partition(":")[2]) < _FULL_HEX
        parts.append(Condition("digest", digest, is_prefix=is_prefix))
    return _joined(parts)
