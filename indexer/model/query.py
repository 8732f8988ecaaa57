"""The query tree: what a search asks for, free of any engine and of the text it was typed as.

An engine translates these values and nothing else. All texts in it are already folded
(:func:`indexer.model.text.fold`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches every document: an empty query, or ``*``."""


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: its words anywhere that is searchable, or its text inside the name.

    ``text`` is one token as typed and folded; it may hold several words (``nginx-ingress``), which
    must then all be there, or punctuation only (``_``), which is sought in the name alone.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """``ngin*``: a searchable word or a word of the name starts with ``text``."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``*gress``, ``w?b``: a searchable word, or the whole name, fits the pattern.

    In ``pattern`` a ``*`` stands for any characters and a ``?`` for one; it holds one of them at
    least, and something else.
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """``postgers~``: a searchable word, or a word of the name, is spelled like ``text``, one word.

    :func:`indexer.model.spelling.edits_allowed` says how far from it.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """``"reverse proxy"``: the words in this order, next to each other, in one field."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A repository path or a part of one, ``team/web``: sought inside the repository name."""

    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """``field:value``: a keyword of the document, exactly or, with ``is_prefix``, its beginning."""

    field: str
    value: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Glob:
    """``field:v*l?e``: a keyword of the document fits the pattern, as in :class:`Wildcard`."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """``size:>100MB``: one of the document's numbers of that name is from ``low`` to ``high``.

    Both ends belong to it, None is no end. ``name`` is one of
    :data:`indexer.model.document.NUMBERS`.
    """

    name: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class And:
    """Every part matches."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: "Query"


Query = (
    Everything
    | Word
    | Prefix
    | Wildcard
    | Fuzzy
    | Phrase
    | Path
    | Condition
    | Glob
    | Range
    | And
    | Or
    | Not
)
