"""The ranking plan of a query: made once, as data; each engine only evaluates it.

The score of a document is a sum of whole *points*. 1000 points make a score of 1:

- Its prominence: at most 1 for each word of the longest part, as impacts are added up too. What is
  preferred, such as an official image, has one step of prominence more.
- For each matching text part of the query, the points of the document's best *tier*:

  ==== ==========================================================================================
  100  All words of the part are words of the name.
  50   All but the last one are, and the last one begins a word of the name.
  12   All words are in the text of the document; those of a text of several words, in a row.
  8    A word that means the same is in the name.
  4.5  A word that means the same is in the text, or the words of a text of several are apart.
  1    What is one of the kind that the part names is in the text.
  0.1  The part is only found inside the name.
  ==== ==========================================================================================

  A pattern or a close spelling has two tiers: 50 if it fits the name or a word of the name, else
  12. A prefix and a phrase are in the third tier for any other match.
- For each of the first three tiers, the impacts of the part's different words: at most 2.2 each.
  Patterns and close spellings have none.
- From the third tier to that of kinds, the greatest impact of a word that means the same, once for
  each part. A name with the words themselves says it all.
- If some parts may be left out, that a part matches says more than where: a document has 10 for
  it, or 8 if only what it means matches, and a tenth of the tier; all that as often as the part
  weighs.
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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from indexer.engines.ranking.fields import (
    END,
    LIKE,
    NAME,
    NAME_WORD,
    SPELLED_END,
    spelled_end,
    without_punctuation,
)
from indexer.engines.ranking.scoring import IMPACT_MAX, POINTS
from indexer.engines.ranking.texts import (
    TextPart,
    asked_words,
    part_text,
    part_weights,
    text_parts,
    whole_texts,
)
from indexer.model import (
    PROMINENCE_MAX,
    And,
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Wildcard,
    Word,
)

TEXT_WORDS = 12 * POINTS
MATCHED = 10 * POINTS
MATCHED_OTHER = 8 * POINTS
"""The points of a part that may be left out, for its weight of 1; the second if only others match.
The impacts of the others are less than the difference, with that of the tiers."""
_PLACE_SHARE = 10
"""The share of a tier in the points of such a part."""
PROMINENCE_POINTS = 10
"""The points of each step of prominence, for one word."""
PREFERRED_STEPS = 1
"""How many steps of prominence preferred documents have more."""

_NAMED_PARTS_MAX = 6
"""More parts add no more points to a whole name, so that points stay below 2**24."""


@dataclass(frozen=True, slots=True)
class NamedLike:
    """A word of the name is spelled like the word of ``part``."""

    part: Fuzzy


class Meant(StrEnum):
    """Words that a part means beside its own."""

    OTHERS = "others"
    ALL = "all"
    """The others and the examples."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The points of documents that match ``query``.

    A document gets the points of the first of several tiers only.
    """

    query: Query | NamedLike
    points: int
    adds_impact: bool = False
    """Whether the impacts of the part's words are added to the points."""
    adds: Meant | None = None
    """Of what words that the part means too the greatest impact is added."""


@dataclass(frozen=True, slots=True)
class RankedPart:
    """A text part of a query, with the points of the documents that match it."""

    part: TextPart
    words: tuple[str, ...]
    """The different words of its text; none for a pattern or close spelling."""
    other_words: tuple[str, ...]
    """Single words that mean the same."""
    example_words: tuple[str, ...]
    """Single words for what is one of the kind that it names."""
    is_required: bool
    """Whether each hit matches it. If not, it only adds points."""
    tiers: tuple[Tier, ...]
    """Most points first; each document that matches the part is in one of them."""
    impact_is_unconditional: bool
    """Whether each document with a word of the part is in a tier that adds its impact."""

    def meant_words(self, meant: Meant | None) -> tuple[str, ...]:
        """Return the single words of which a tier adds the impacts."""
        if meant is None:
            return ()
        return self.other_words + (self.example_words if meant is Meant.ALL else ())


@dataclass(frozen=True, slots=True)
class RankingPlan:
    """The conditions of a hit, and the sources of its points."""

    filters: tuple[Query, ...]
    """The conditions of each hit besides the required parts. They have no points."""
    parts: tuple[RankedPart, ...]
    """The different text parts; none if only prominence orders the hits."""
    texts: tuple[str, ...]
    """The whole texts of the query."""
    whole_names: tuple[Tier, ...]
    """The tiers of names that match the whole text of the query, most points first."""
    prominence_points: int
    """The points of each step of prominence."""
    preferred: Query | None
    """Which documents have ``preferred_points`` more."""
    preferred_points: int
    named_points: int | None
    """The least points of a *named* document, if every other document has less; else None.

    A named document is in the first tier of every part, or matches a whole name. If there are
    enough of them, a search need not look at others, and stays exact.
    """


def make_plan(query: Query, preferred: Query | None = None) -> RankingPlan:
    """Return the ranking plan of ``query``; ``preferred`` documents come first among equals."""
    required, weights = tuple(_required(query)), part_weights(query)
    texts = whole_texts(query)
    parts = tuple(
        _ranked_part(part, is_required=part in required, weight=weights.get(part, 0))
        for part in text_parts(query)
    )
    prominence_points = PROMINENCE_POINTS * max([1, *(len(part.words) for part in parts)])
    preferred_points = PREFERRED_STEPS * prominence_points if preferred else 0
    impacts = sum(len(part.words) + bool(part.meant_words(Meant.ALL)) for part in parts)
    added = impacts * IMPACT_MAX + PROMINENCE_MAX * prominence_points + preferred_points
    return RankingPlan(
        filters=tuple(part for part in required if not isinstance(part, TextPart | Everything)),
        parts=parts,
        texts=texts,
        whole_names=_whole_names(texts, parts=len(parts)),
        prominence_points=prominence_points,
        preferred=preferred,
        preferred_points=preferred_points,
        named_points=sum(part.tiers[0].points for part in parts) if added < _step(parts) else None,
    )


def named_like(part: Wildcard | Fuzzy) -> Query | NamedLike:
    """Return the query for what ``part`` matches by a word of the name, or by the name."""
    if isinstance(part, Fuzzy):
        return NamedLike(part)
    inside = part.pattern.strip("*")
    if part.pattern == f"*{inside}*" and not any(c in inside for c in "*?/"):
        # A text that is anywhere in a word of the name is anywhere in the name.
        return Path(inside)
    return Glob(LIKE, part.pattern)


def in_text(part: TextPart) -> Query:
    """Return the query for the words of a part; those that belong together are in a row."""
    found = tuple(asked_words(part))
    if len(found) == 1 or isinstance(part, Phrase) or (isinstance(part, Word) and part.is_several):
        return Phrase(found)
    return And(tuple(Phrase((word,)) for word in dict.fromkeys(found)))


def apart_in_text(word: Word) -> Query:
    """Return the query for the words of a text of several words, in any form."""
    return And(tuple(Or(tuple(Phrase((form,)) for form in forms)) for forms in word.apart))


def _required(query: Query) -> Iterator[Query]:
    """Yield the parts that every hit of ``query`` matches."""
    if isinstance(query, And):
        for part in query.parts:
            yield from _required(part)
    else:
        yield query


def _ranked_part(part: TextPart, *, is_required: bool, weight: int) -> RankedPart:
    found, tiers = asked_words(part), _tiers(part, asked_words(part))
    return RankedPart(
        part,
        words=tuple(dict.fromkeys(found)),
        other_words=_single(part.others) if isinstance(part, Word) else (),
        example_words=_single(part.examples) if isinstance(part, Word) else (),
        is_required=is_required,
        tiers=tuple(_weighted(tier, weight) for tier in tiers) if weight else tiers,
        # One of several words does not make the part match. A text does not make a path match.
        impact_is_unconditional=len(found) == 1 and not isinstance(part, Path),
    )


def _single(found: Iterable[Word | Phrase]) -> tuple[str, ...]:
    return tuple(one.text for one in found if isinstance(one, Word))


def _weighted(tier: Tier, weight: int) -> Tier:
    """Return the tier of a part that may be left out: that it matches says most."""
    matched = MATCHED if tier.points >= TEXT_WORDS else MATCHED_OTHER
    return replace(tier, points=weight * (matched + tier.points // _PLACE_SHARE))


def _tiers(part: TextPart, found: list[str]) -> tuple[Tier, ...]:
    if isinstance(part, Wildcard | Fuzzy):
        return (Tier(named_like(part), 50 * POINTS), Tier(part, TEXT_WORDS))
    if not found:
        return (Tier(part, POINTS // 10),)
    is_word, is_prefix = isinstance(part, Word), isinstance(part, Prefix)
    # A word at the beginning of a word of the name is inside the name.
    starts = is_prefix or (is_word and found == [part_text(part)])
    begun = Condition(NAME_WORD, found[-1], is_prefix=True)
    name_words = _all(_in_name(found), part, is_part=is_word or is_prefix)
    name_start = _all([*_in_name(found[:-1]), begun], part, is_part=starts)
    tiers = [Tier(name_words, 100 * POINTS, adds_impact=True)]
    if not (isinstance(part, Word) and part.is_whole):
        tiers.append(Tier(name_start, 50 * POINTS, adds_impact=True))
    if isinstance(part, Prefix | Phrase):
        return (*tiers, Tier(part, TEXT_WORDS, adds_impact=True))
    text_words = in_text(part) if is_word else And((in_text(part), part))
    adds = Meant.OTHERS if isinstance(part, Word) and part.others else None
    tiers.append(Tier(text_words, TEXT_WORDS, adds_impact=True, adds=adds))
    if not isinstance(part, Word):
        return (*tiers, Tier(part, POINTS // 10))
    tiers += _meant_tiers(part)
    if part.is_whole and not part.is_several:
        return tuple(tiers)
    # The path is inside the name, if it has no slash to strip.
    only_path = not (part.others or part.examples or part.is_several or "/" in part.text)
    return (*tiers, Tier(Path(part.text) if only_path else part, POINTS // 10))


def _meant_tiers(part: Word) -> Iterator[Tier]:
    """Yield the tiers of documents without the words of ``part``, but with what it means."""
    if part.others or part.apart:
        names = [_one(_in_name(_words_of(other))) for other in part.others]
        texts: list[Query] = [Phrase(_words_of(other)) for other in part.others]
        if part.apart:
            names.append(And(tuple(Or(tuple(_in_name(forms))) for forms in part.apart)))
            texts.append(apart_in_text(part))
        # A phrase is not in the name wherever its words are.
        yield Tier(And((Or(tuple(names)), part)), 8 * POINTS, adds=Meant.ALL)
        yield Tier(Or(tuple(texts)), 9 * POINTS // 2, adds=Meant.ALL)
    if part.examples:
        texts = [Phrase(_words_of(other)) for other in part.examples]
        yield Tier(Or(tuple(texts)), POINTS, adds=Meant.ALL)


def _words_of(other: Word | Phrase) -> tuple[str, ...]:
    return (other.text,) if isinstance(other, Word) else other.words


def _one(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else And(tuple(queries))


def _all(queries: Sequence[Query], part: TextPart, *, is_part: bool) -> Query:
    """Return all of ``queries``, and ``part`` too if they do not imply it."""
    return _one(queries if is_part else (*queries, part))


def _in_name(found: Sequence[str]) -> list[Query]:
    return [Condition(NAME_WORD, word) for word in dict.fromkeys(found)]


def _whole_names(texts: tuple[str, ...], *, parts: int) -> tuple[Tier, ...]:
    counted = min(parts, _NAMED_PARTS_MAX)
    tiers = []
    for text in texts:
        plain = without_punctuation(text)
        if plain.endswith("/"):
            continue
        end = spelled_end(plain)
        tiers.append(Tier(Condition(NAME, text), 1000 * POINTS * counted))
        tiers.append(Tier(Condition(END, text), 500 * POINTS * counted))
        tiers.append(Tier(Condition(SPELLED_END, end), 300 * POINTS * counted))
        if parts == 1:
            tiers.append(Tier(Condition(SPELLED_END, end, is_prefix=True), 200 * POINTS))
    return tuple(sorted(tiers, key=lambda tier: -tier.points))


def _step(parts: tuple[RankedPart, ...]) -> int:
    """Return the least loss of points outside the first tier of one part.

    Impacts and prominence may outweigh it. Whole names have more points than all first tiers.
    """
    if len(parts) > _NAMED_PARTS_MAX or any(len(part.tiers) == 1 for part in parts):
        return 0
    return min((part.tiers[0].points - part.tiers[1].points for part in parts), default=0)
