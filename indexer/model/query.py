"""The query tree: a query without its syntax, the same for every engine.

Engines translate these values and nothing else. All texts in them are folded
(:func:`indexer.model.text.fold`).
"""

from dataclasses import dataclass, field

from indexer.model.rights import Rights


@dataclass(frozen=True, slots=True)
class Everything:
    """Matches every document: an empty query, or ``*``."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word without a field: it matches searchable words, or its text inside the name.

    ``text`` is one token of the query, folded. It may contain several words (``nginx-ingress``),
    which must then all match, or only punctuation (``_``), which is searched in the name.
    """

    text: str
    others: tuple["Word | Phrase", ...] = ()
    """Single words and phrases that mean the same, such as its plural or a synonym. They match too,
    and rank below ``text``. They have no others of their own."""
    examples: tuple["Word | Phrase", ...] = ()
    """What is one of the kind that ``text`` names: ``redis`` of a database. They match too, and
    rank below the others."""
    apart: tuple[tuple[str, ...], ...] = ()
    """The words of a text of several words, each with its forms. One of each, perhaps apart, means
    the same as ``text`` too."""
    is_whole: bool = False
    """Whether it matches whole words only, and not a part of one inside a name."""
    is_literal: bool = field(default=False, compare=False)
    """Whether it was in quotes, so that it has no others."""

    @property
    def is_several(self) -> bool:
        """Whether it is several words that belong together, as in a table of synonyms."""
        return " " in self.text or bool(self.apart)


@dataclass(frozen=True, slots=True)
class Prefix:
    """``ngin*``: a searchable word or a word of the name starts with ``text``."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``*gress``, ``w?b``: a searchable word, or the whole name, matches the pattern.

    In ``pattern`` a ``*`` stands for any characters and a ``?`` for one. It contains at least one
    of them, and another character.
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """``postgers~``: a searchable word, or a word of the name, has a similar spelling.

    ``text`` is one word; :func:`indexer.model.spelling.edits_allowed` gives the distance.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """``"reverse proxy"``: the words in this order, next to each other, in one field."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """``team/web``: a part of a repository name."""

    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """``field:value``: a keyword of the document; with ``is_prefix``, the beginning of one."""

    field: str
    value: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class FacetCondition:
    """``vendor:="Red Hat"``: the document counts for this value of a facet.

    ``value`` is as it is shown, not folded.
    """

    facet: str
    value: str


@dataclass(frozen=True, slots=True)
class Glob:
    """``field:v*l?e``: a keyword of the document matches the pattern, as in :class:`Wildcard`."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """``size:>100MB``: a number of the document with this name is from ``low`` to ``high``.

    Both ends are included; None means no end. ``name`` is one of
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
class AtLeast:
    """The parts that match weigh at least ``count`` together.

    The ``weights`` are whole numbers, one for each part; without any, each part weighs 1.
    """

    count: int
    parts: tuple["Query", ...]
    weights: tuple[int, ...] = ()

    @property
    def weighted(self) -> tuple[tuple["Query", int], ...]:
        """The parts with their weights."""
        return tuple(zip(self.parts, self.weights or [1] * len(self.parts), strict=True))


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: "Query"


@dataclass(frozen=True, slots=True)
class Visible:
    """The document is of a repository that the rights let see."""

    rights: Rights


@dataclass(frozen=True, slots=True)
class MetByImages:
    """``asked`` matches, or the document is of one of these repositories, whose images match.

    Nobody asks for it: an engine's reader puts it in the place of ``asked``. ``repositories`` are
    pairs of a registry and a name, both exact.
    """

    asked: "Query"
    repositories: frozenset[tuple[str, str]]


Query = (
    Everything
    | Word
    | Prefix
    | Wildcard
    | Fuzzy
    | Phrase
    | Path
    | Condition
    | FacetCondition
    | Glob
    | Range
    | And
    | Or
    | AtLeast
    | Not
    | Visible
    | MetByImages
)
