"""What a query is worth, decided once and said as data; each engine only evaluates it.

The score of a document is a sum of whole *points*, 1000 of them make a score of 1:

- Its prominence: at most 1.
- For each text part of the query that matches it, the points of the best *tier* that it is in:

  ==== ==========================================================================================
  100  All words of the part are words of the name.
  50   All but the last one are, and the last one begins a word of the name.
  2    All words are in the text of the document.
  0.1  The part is only found inside the name.
  ==== ==========================================================================================

  A pattern or a close spelling has two tiers: 50 where it fits a word of the name or the name, and
  2 elsewhere. A prefix and a phrase are in the third tier wherever they match.
- With each tier but the last of the four, the mean impact of the part's words: at most 2.2. A
  pattern or a close spelling has none.
- For its name, the best of these, once for each text part:

  ==== ==========================================================================================
  1000 The name is the whole text of the query.
  500  The last components of the name are.
  300  They are, punctuation aside.
  200  They begin with it, punctuation aside, and the query has one part only.
  ==== ==========================================================================================

The steps are far apart, so prominence never bridges one, and the impacts of several parts never
bridge one of the name. Nothing depends on other documents.
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
TEXT_WORDS = 2 * POINTS
INSIDE_NAME = POINTS // 10
IS_NAME = 1000 * POINTS
ENDS_NAME = 500 * POINTS
SPELLS_END = 300 * POINTS
BEGINS_END = 200 * POINTS
PROMINENCE_POINTS = 10
"""What each step of prominence adds to a score."""


class Where(StrEnum):
    """Where a text part is found in a document."""

    NAME_WORDS = "name_words"
    """All its words are words of the name."""
    NAME_START = "name_start"
    """All but the last one are, and the last one begins a word of the name, perhaps all of it."""
    NAME_LIKE = "name_like"
    """The pattern or spelling fits a word of the name; a pattern may fit the name too, or its
    last component."""
    TEXT_WORDS = "text_words"
    """All its words are searchable words of the document, those of the name among them."""
    INSIDE_NAME = "inside_name"
    """Its text is anywhere inside the name."""
    ANYWHERE = "anywhere"
    """Wherever the part matches."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The points of the documents that match a part and have it ``where``.

    A document gets the points of the first of its tiers only.
    """

    where: Where
    points: int
    adds_impact: bool = False
    """Whether the mean impact of the part's words comes to the points."""
    implies_match: bool = True
    """Whether each document that has the part ``where`` matches it anyway."""


@dataclass(frozen=True, slots=True)
class RankedPart:
    """A text part of a query, and what it is worth in the documents that match it."""

    part: TextPart
    text: str
    """What it asks for; a pattern as it is written."""
    words: tuple[str, ...]
    """The words of that in order, some perhaps twice; none for a pattern or a close spelling."""
    is_required: bool
    """Whether each hit matches it. If not, it only adds points."""
    tiers: tuple[Tier, ...]
    """Most points first; each document that matches the part is in one."""
    impact_is_unconditional: bool
    """Whether each document that has a word of the part is in a tier that adds its impact."""

    @property
    def first(self) -> Tier:
        """The tier that is worth most."""
        return self.tiers[0]


@dataclass(frozen=True, slots=True)
class WholeName:
    """The points of names that match the whole text of a query."""

    match: NameMatch
    text: NormalizedName
    points: int


@dataclass(frozen=True, slots=True)
class RankingPlan:
    """What hits must match, and what adds up to the points of each."""

    filters: tuple[Query, ...]
    """What each hit must match, besides the parts that are required. Worth nothing."""
    parts: tuple[RankedPart, ...]
    """The different text parts; none when hits are ordered by prominence alone."""
    whole_names: tuple[WholeName, ...]
    """A document gets the most points of those that its name matches, once."""
    prominence_points: int
    """The points of each step of prominence."""
    points_max: int
    """No document has more."""
    named_points: int | None
    """What a *named* document has at least, while each other one has less.

    A document is named that is in the first tier of every part, or matches a whole name. If there
    are enough of them, it is exact to look at no other. None when that is not so.
    """


def make_plan(query: Query) -> RankingPlan:
    """Return what the hits of ``query`` must match and what they are worth."""
    required = tuple(_required(query))
    parts = tuple(_ranked_part(part, is_required=part in required) for part in text_parts(query))
    whole_names = tuple(_whole_names(whole_texts(query), parts=len(parts)))
    first_tiers = sum(part.first.points for part in parts)
    added = len(parts) * IMPACT_MAX + PROMINENCE_MAX * PROMINENCE_POINTS
    return RankingPlan(
        filters=tuple(part for part in required if not isinstance(part, TextPart | Everything)),
        parts=parts,
        whole_names=whole_names,
        prominence_points=PROMINENCE_POINTS,
        points_max=first_tiers + added + max((one.points for one in whole_names), default=0),
        named_points=first_tiers if added < _step(parts) else None,
    )


def _required(query: Query) -> Iterator[Query]:
    """Yield what must all match for ``query`` to match."""
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
        tiers=_tiers(part, words),
        # One word of several does not make the part match, nor does a text make a path match.
        impact_is_unconditional=len(words) == 1 and not isinstance(part, Path),
    )


def _tiers(part: TextPart, words: tuple[str, ...]) -> tuple[Tier, ...]:
    if isinstance(part, Wildcard | Fuzzy):
        return (Tier(Where.NAME_LIKE, NAME_START), Tier(Where.ANYWHERE, TEXT_WORDS))
    if not words:
        return (Tier(Where.ANYWHERE, INSIDE_NAME),)
    is_word, is_prefix = isinstance(part, Word), isinstance(part, Prefix)
    # A word that begins one of the name is inside the name.
    starts = is_prefix or (is_word and words == (part_text(part),))
    name_words = Tier(
        Where.NAME_WORDS, NAME_WORDS, adds_impact=True, implies_match=is_word or is_prefix
    )
    name_start = Tier(Where.NAME_START, NAME_START, adds_impact=True, implies_match=starts)
    if isinstance(part, Prefix | Phrase):
        return (name_words, name_start, Tier(Where.ANYWHERE, TEXT_WORDS, adds_impact=True))
    text_words = Tier(Where.TEXT_WORDS, TEXT_WORDS, adds_impact=True, implies_match=is_word)
    return (name_words, name_start, text_words, Tier(Where.INSIDE_NAME, INSIDE_NAME))


def _whole_names(texts: Iterable[str], *, parts: int) -> Iterator[WholeName]:
    for text in map(normalize, texts):
        if text.has_no_words_at_end:
            continue
        yield WholeName(NameMatch.IS, text, IS_NAME * parts)
        yield WholeName(NameMatch.ENDS, text, ENDS_NAME * parts)
        yield WholeName(NameMatch.SPELLS_END, text, SPELLS_END * parts)
        if parts == 1:
            yield WholeName(NameMatch.BEGINS_END, text, BEGINS_END)


def _step(parts: tuple[RankedPart, ...]) -> int:
    """Return how much a document lacks at least that is in the first tier of not all parts.

    Impacts and prominence may make up for it. Whole names have more points than all first tiers.
    """
    if any(len(part.tiers) == 1 for part in parts):
        return 0
    return min((part.first.points - part.tiers[1].points for part in parts), default=0)
