"""The ranking plan of a query: made once, as data; each engine only evaluates it.

The score of a document is a sum of whole *points*. 1000 points make a score of 1:

- Its prominence: at most 1 for each word of the longest part, as impacts are added up too.
- For each matching text part of the query, the points of the document's best *tier*:

  ==== ==========================================================================================
  100  All words of the part are words of the name.
  50   All but the last one are, and the last one begins a word of the name.
  10   All words are in the text of the document; if they have spaces between them, in a row.
  5    A word that means the same is in the name.
  2    A word that means the same is in the text.
  1    Several words with spaces between them, or such that mean the same, are in the text.
  0.1  The part is only found inside the name.
  ==== ==========================================================================================

  A pattern or a close spelling has two tiers: 50 if it fits the name or a word of the name, else
  10. A prefix and a phrase are in the third tier for any other match.
- For each of the first three tiers, the impacts of the part's different words: at most 2.2 each.
  Patterns and close spellings have none.
- The greatest impact of a word that means the same, once for each part.
- For its name, the best of these, once for each text part, for at most six:

  ==== ==========================================================================================
  1000 The name is the whole text of the query.
  500  The last components of the name are.
  300  They are, punctuation aside.
  200  They begin with it, punctuation aside, and the query has one part only.
  ==== ==========================================================================================

The steps are far apart. Prominence and the impacts of fifteen words never outweigh a step of the
name. No score depends on other documents. The query language allows so few parts and words that a
document has fewer than 2**24 points. Floats of four bytes, which some engines score with, hold such
whole numbers exactly.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from indexer.engines.ranking.names import NameMatch, NormalizedName, normalize, whole_texts
from indexer.engines.ranking.scoring import IMPACT_MAX, POINTS
from indexer.engines.ranking.text_parts import TextPart, asked_words, part_text, text_parts
from indexer.model import (
    PROMINENCE_MAX,
    And,
    Everything,
    Fuzzy,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)

NAME_WORDS = 100 * POINTS
NAME_START = 50 * POINTS
TEXT_WORDS = 10 * POINTS
OTHER_NAME = 5 * POINTS
OTHER_TEXT = 2 * POINTS
SCATTERED = POINTS
INSIDE_NAME = POINTS // 10
IS_NAME = 1000 * POINTS
ENDS_NAME = 500 * POINTS
SPELLS_END = 300 * POINTS
BEGINS_END = 200 * POINTS
PROMINENCE_POINTS = 10
"""The points of each step of prominence, for one word."""

_NAMED_PARTS_MAX = 6
"""More parts add no more points to a whole name, so that points stay below 2**24."""


class Where(StrEnum):
    """The place of a text part in a document."""

    NAME_WORDS = "name_words"
    """All its words are words of the name."""
    NAME_START = "name_start"
    """All but the last one are. The last one begins a word of the name, or is the whole word."""
    NAME_LIKE = "name_like"
    """The pattern or spelling fits a word of the name. A pattern may also fit the name or its
    last component."""
    TEXT_WORDS = "text_words"
    """All its words are searchable words of the document, including those of the name. Several
    words with a space between them are in a row."""
    OTHER_NAME = "other_name"
    """Words that mean the same are words of the name."""
    OTHER_TEXT = "other_text"
    """Words that mean the same are in the document."""
    INSIDE_NAME = "inside_name"
    """Its text is anywhere inside the name."""
    ANYWHERE = "anywhere"
    """The part matches anywhere."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The points of documents that match a part and have it at ``where``.

    A document gets the points of its first tier only.
    """

    where: Where
    points: int
    adds_impact: bool = False
    """Whether the impacts of the part's words are added to the points."""
    implies_match: bool = True
    """Whether each document with the part at ``where`` matches it."""


@dataclass(frozen=True, slots=True)
class RankedPart:
    """A text part of a query, with the points of the documents that match it."""

    part: TextPart
    text: str
    """Its text; a pattern as it is written."""
    words: tuple[str, ...]
    """The words of its text in order, perhaps repeated; none for a pattern or close spelling."""
    is_required: bool
    """Whether each hit matches it. If not, it only adds points."""
    others: tuple[Word | Phrase, ...]
    """Words that mean the same. A document gets the greatest impact of the single ones too."""
    tiers: tuple[Tier, ...]
    """Most points first; each document that matches the part is in one of them."""
    impact_is_unconditional: bool
    """Whether each document with a word of the part is in a tier that adds its impact."""

    @property
    def other_words(self) -> tuple[str, ...]:
        """The single words among the others."""
        return tuple(
            one.text for one in self.others if isinstance(one, Word) and not one.is_several
        )

    @property
    def first(self) -> Tier:
        """The tier with most points."""
        return self.tiers[0]


@dataclass(frozen=True, slots=True)
class WholeName:
    """The points of names that match the whole text of a query."""

    match: NameMatch
    text: NormalizedName
    points: int


@dataclass(frozen=True, slots=True)
class RankingPlan:
    """The conditions of a hit, and the sources of its points."""

    filters: tuple[Query, ...]
    """The conditions of each hit besides the required parts. They have no points."""
    parts: tuple[RankedPart, ...]
    """The different text parts; none if only prominence orders the hits."""
    whole_names: tuple[WholeName, ...]
    """A document gets the points of the best one that its name matches, once."""
    prominence_points: int
    """The points of each step of prominence."""
    named_points: int | None
    """The least points of a *named* document, if every other document has less; else None.

    A named document is in the first tier of every part, or matches a whole name. If there are
    enough of them, a search need not look at others, and stays exact.
    """


def make_plan(query: Query) -> RankingPlan:
    """Return the ranking plan of ``query``."""
    required = tuple(_required(query))
    parts = tuple(_ranked_part(part, is_required=part in required) for part in text_parts(query))
    words = [len(set(part.words)) for part in parts]
    prominence_points = PROMINENCE_POINTS * max([1, *words])
    impacts = sum(words) + sum(bool(part.others) for part in parts)
    added = impacts * IMPACT_MAX + PROMINENCE_MAX * prominence_points
    return RankingPlan(
        filters=tuple(part for part in required if not isinstance(part, TextPart | Everything)),
        parts=parts,
        whole_names=tuple(_whole_names(whole_texts(query), parts=len(parts))),
        prominence_points=prominence_points,
        named_points=sum(part.first.points for part in parts) if added < _step(parts) else None,
    )


def _required(query: Query) -> Iterator[Query]:
    """Yield the parts that every hit of ``query`` matches."""
    if isinstance(query, And):
        for part in query.parts:
            yield from _required(part)
    else:
        yield query


def _ranked_part(part: TextPart, *, is_required: bool) -> RankedPart:
    words = tuple(asked_words(part))
    return RankedPart(
        part,
        text=part_text(part),
        words=words,
        is_required=is_required,
        others=part.others if isinstance(part, Word) else (),
        tiers=_tiers(part, words),
        # One of several words does not make the part match. A text does not make a path match.
        impact_is_unconditional=len(words) == 1 and not isinstance(part, Path),
    )


def _tiers(part: TextPart, words: tuple[str, ...]) -> tuple[Tier, ...]:
    if isinstance(part, Wildcard | Fuzzy):
        return (Tier(Where.NAME_LIKE, NAME_START), Tier(Where.ANYWHERE, TEXT_WORDS))
    if not words:
        return (Tier(Where.ANYWHERE, INSIDE_NAME),)
    is_word, is_prefix = isinstance(part, Word), isinstance(part, Prefix)
    # A word at the beginning of a word of the name is inside the name.
    starts = is_prefix or (is_word and words == (part_text(part),))
    name_words = Tier(
        Where.NAME_WORDS, NAME_WORDS, adds_impact=True, implies_match=is_word or is_prefix
    )
    name_start = Tier(Where.NAME_START, NAME_START, adds_impact=True, implies_match=starts)
    if isinstance(part, Prefix | Phrase):
        return (name_words, name_start, Tier(Where.ANYWHERE, TEXT_WORDS, adds_impact=True))
    text_words = Tier(Where.TEXT_WORDS, TEXT_WORDS, adds_impact=True, implies_match=is_word)
    tiers = [name_words, name_start, text_words]
    if isinstance(part, Word) and part.others:
        # A phrase is not in the name wherever its words are.
        tiers.append(Tier(Where.OTHER_NAME, OTHER_NAME, implies_match=False))
        tiers.append(Tier(Where.OTHER_TEXT, OTHER_TEXT))
    if isinstance(part, Word) and (part.others or part.is_several):
        return (*tiers, Tier(Where.ANYWHERE, SCATTERED if part.is_several else INSIDE_NAME))
    return (*tiers, Tier(Where.INSIDE_NAME, INSIDE_NAME))


def _whole_names(texts: Iterable[str], *, parts: int) -> Iterator[WholeName]:
    counted = min(parts, _NAMED_PARTS_MAX)
    for text in map(normalize, texts):
        if text.has_no_words_at_end:
            continue
        yield WholeName(NameMatch.IS, text, IS_NAME * counted)
        yield WholeName(NameMatch.ENDS, text, ENDS_NAME * counted)
        yield WholeName(NameMatch.SPELLS_END, text, SPELLS_END * counted)
        if parts == 1:
            yield WholeName(NameMatch.BEGINS_END, text, BEGINS_END)


def _step(parts: tuple[RankedPart, ...]) -> int:
    """Return the least loss of points outside the first tier of one part.

    Impacts and prominence may outweigh it. Whole names have more points than all first tiers.
    """
    if len(parts) > _NAMED_PARTS_MAX or any(len(part.tiers) == 1 for part in parts):
        return 0
    return min((part.first.points - part.tiers[1].points for part in parts), default=0)
