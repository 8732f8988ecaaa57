"""A second, slow implementation of searching, over plain documents: sets, scores and pages.

It shares nothing with the engines but the words of a text, and looks at one document at a time.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import product

from indexer.model.document import Document, FacetCounts, Sort, Text, ValueCount
from indexer.model.query import (
    And,
    AtLeast,
    Condition,
    Everything,
    FacetCondition,
    Fuzzy,
    Glob,
    MetByImages,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Visible,
    Wildcard,
    Word,
)
from indexer.model.text import fold, words

TextPart = Word | Prefix | Wildcard | Fuzzy | Path | Phrase


WEIGHTS = {
    "title": 2.0,
    "description": 2.0,
    "metadata": 2.0,
    "label": 1.0,
    "annotation": 1.0,
    "tag": 0.5,
}


def lines(document: Document) -> list[tuple[list[str], float]]:
    return _lines(document.name, document.texts)


@lru_cache(1000)
def _lines(name: str, texts: tuple[Text, ...]) -> list[tuple[list[str], float]]:
    last = "".join(words(name.rpartition("/")[2]))[:64]
    found = [(words(name), 8.0), ([last] if last else [], 4.0)]
    for text in texts:
        is_named = text.field.value != "metadata"
        key = words(text.key.replace("/", ".").split(".")[-1]) if is_named else []
        found.append((key + words(text.text), WEIGHTS[text.field.value]))
    return found


def impact(document: Document, word: str) -> int:
    """The share of one word in the score, in thousandths."""
    counts: Counter[str] = Counter()
    length = 0.0
    for line, boost in lines(document):
        length += boost * len(line)
        for found in line:
            counts[found] += boost  # type: ignore[assignment]
    weight = counts[word]
    k = 1.2 * (0.7 + 0.3 * length / 90)
    return max(1, round(1000 * 2.2 * weight / (weight + k))) if weight else 0


def matches(query: Query, document: Document) -> bool:
    match query:
        case Everything():
            return True
        case And(parts):
            return all(matches(part, document) for part in parts)
        case Or(parts):
            return any(matches(part, document) for part in parts)
        case AtLeast(count, parts, weights):
            weighted = zip(parts, weights or [1] * len(parts), strict=True)
            return sum(weight for part, weight in weighted if matches(part, document)) >= count
        case Not(part):
            return not matches(part, document)
        case Condition(field, value, is_prefix):
            values = [v for f, v in document.keywords if f == field]
            return any(v.startswith(value) if is_prefix else v == value for v in values)
        case FacetCondition(facet, value):
            return (facet, value) in document.facets
        case Glob(field, pattern):
            return any(fits(pattern, v) for f, v in document.keywords if f == field)
        case Range(name, low, high):
            return any(
                (low is None or low <= number) and (high is None or number <= high)
                for number in document.numbers.get(name, ())
            )
        case MetByImages():
            raise AssertionError("nobody asks for it")
        case Visible(rights):
            return rights.sees(document.key.registry, document.key.repository)
        case _:
            return part_matches(query, document)


def part_matches(part: TextPart, document: Document) -> bool:
    searchable = {word for line, _ in lines(document) for word in line}
    name = fold(document.name)
    match part:
        case Wildcard() | Fuzzy():
            return named_like(part, document) or any(means(part, word) for word in searchable)
        case Word(text, others, examples):
            found = words(text)
            meant = any(in_text(other, document) for other in (*others, *examples))
            inside = text in name and not part.is_whole
            typed = bool(found) and set(found) <= searchable
            return typed or inside or meant or is_apart(part, document)
        case Path(text):
            return text.strip("/") in name
        case Prefix(text):
            found = words(text)
            if not found:
                return text in name
            begun = any(word.startswith(found[-1]) for word in searchable)
            return begun and set(found[:-1]) <= searchable
        case Phrase(phrase):
            n = len(phrase)
            return any(
                tuple(line[i : i + n]) == phrase
                for line, _ in lines(document)
                for i in range(len(line) - n + 1)
            )


def is_apart(part: Word, document: Document) -> bool:
    searchable = {word for line, _ in lines(document) for word in line}
    return bool(part.apart) and all(searchable & set(forms) for forms in part.apart)


def means(part: Wildcard | Fuzzy, word: str) -> bool:
    if isinstance(part, Wildcard):
        return fits(part.pattern, word)
    allowed = 0 if len(part.text) < 3 else 1 if len(part.text) < 6 else 2
    return edits(part.text, word) <= allowed


def named_like(part: Wildcard | Fuzzy, document: Document) -> bool:
    name = fold(document.name)
    whole = [name, name.split("/")[-1]] if isinstance(part, Wildcard) else []
    return any(means(part, text) for text in [*words(document.name), *whole])


def fits(pattern: str, text: str) -> bool:
    """By the lengths of beginnings of the text that the pattern fits so far."""
    ends = {0}
    for character in pattern:
        if character == "*":
            ends = set(range(min(ends), len(text) + 1)) if ends else set()
        else:
            ends = {n + 1 for n in ends if n < len(text) and character in ("?", text[n])}
    return len(text) in ends


@cache
def edits(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    found = min(
        edits(one[1:], other) + 1,
        edits(one, other[1:]) + 1,
        edits(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if len(one) > 1 and len(other) > 1 and one[:2] == other[1::-1]:
        found = min(found, edits(one[2:], other[2:]) + 1)
    return found


def text_parts(query: Query) -> list[TextPart]:
    match query:
        case And(parts) | Or(parts) | AtLeast(parts=parts):
            return [found for part in parts for found in text_parts(part)]
        case Word() | Prefix() | Wildcard() | Fuzzy() | Path() | Phrase():
            return [query]
        case _:
            return []


def score(query: Query, document: Document, preferred: Query | None = None) -> float:
    parts = set(text_parts(query))
    weights = optional(query)
    points = sum(part_points(part, document, weights.get(part, 0)) for part in parts)
    named = max((whole_points(text, document, len(parts)) for text in wholes(query)), default=0)
    longest = max((len(set(part_words(part))) for part in parts), default=0)
    is_first = bool(parts) and preferred is not None and matches(preferred, document)
    steps = document.prominence + (1 if is_first else 0)
    return (points + named + 10 * max(1, longest) * steps) / 1000


def optional(query: Query) -> dict[Query, int]:
    """The parts of which some may be left out, with their greatest weight."""
    found: Counter[Query] = Counter()
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                found |= Counter(optional(part))
        case AtLeast(_, parts, weights):
            for part, weight in zip(parts, weights or [1] * len(parts), strict=True):
                found |= Counter({part: weight}) | Counter(optional(part))
    return found


def part_words(part: TextPart) -> list[str]:
    return [] if isinstance(part, Wildcard | Fuzzy) else words(part_text(part))


def part_text(part: Word | Prefix | Path | Phrase) -> str:
    text = " ".join(part.words) if isinstance(part, Phrase) else part.text
    return text.strip("/") if isinstance(part, Path) else text


def wholes(query: Query) -> list[str]:
    """The whole texts of a query; an empty one if only conditions are left."""
    match query:
        case Word(text) | Prefix(text) | Path(text):
            return [text.strip("/")]
        case Phrase(found):
            return [" ".join(found)]
        case Or(parts):
            return [text for part in parts for text in wholes(part)]
        case And(parts):
            ways = [""]
            for part in parts:
                other = wholes(part)
                if len(ways) > 1 and len(other) > 1:
                    return []
                ways = [" ".join(filter(None, pair)) for pair in product(ways, other)]
            return ways
        case Wildcard() | Fuzzy() | AtLeast():
            return []
        case _:
            return [""]


def whole_points(text: str, document: Document, parts: int) -> int:
    name = fold(document.name)
    sought = ["".join(words(component)) for component in text.split("/")]
    end = ["".join(words(component)) for component in name.split("/")][-len(sought) :]
    if not sought[-1] or end[:-1] != sought[:-1]:
        return 0
    if end[-1] != sought[-1]:
        return 200_000 if parts == 1 and end[-1].startswith(sought[-1]) else 0
    if name == text:
        return 1_000_000 * min(parts, 6)
    return (500_000 if name.endswith(f"/{text}") else 300_000) * min(parts, 6)


def part_points(part: TextPart, document: Document, weight: int) -> int:
    if not part_matches(part, document):
        return 0
    place = place_points(part, document)
    added = 0
    if place >= 12_000 and not isinstance(part, Wildcard | Fuzzy):
        added = sum(impact(document, word) for word in set(part_words(part)))
    if isinstance(part, Word) and part_words(part) and place <= 12_000:
        meant = () if place == 100 else part.others
        meant += part.examples if 100 < place < 12_000 else ()
        single = [one for one in meant if isinstance(one, Word)]
        added += max((impact(document, one.text) for one in single), default=0)
    if weight:
        place = weight * ((10_000 if place >= 12_000 else 8000) + place // 10)
    return place + added


def place_points(part: TextPart, document: Document) -> int:
    if isinstance(part, Wildcard | Fuzzy):
        return 50_000 if named_like(part, document) else 12_000
    name_words, found = set(words(document.name)), part_words(part)
    if not found:
        return 100
    if set(found) <= name_words:
        return 100_000
    begins = any(word.startswith(found[-1]) for word in name_words)
    if begins and set(found[:-1]) <= name_words and not (isinstance(part, Word) and part.is_whole):
        return 50_000
    if isinstance(part, Prefix) or in_text(part, document):
        return 12_000
    if not isinstance(part, Word):
        return 100
    if any(set(words(part_text(other))) <= name_words for other in part.others):
        return 8000
    if part.apart and all(name_words & set(forms) for forms in part.apart):
        return 8000
    if any(in_text(one, document) for one in part.others) or is_apart(part, document):
        return 4500
    return 1000 if any(in_text(one, document) for one in part.examples) else 100


def in_text(part: TextPart, document: Document) -> bool:
    found = part_words(part)
    if isinstance(part, Word) and (" " in part.text or part.apart):
        return part_matches(Phrase(tuple(found)), document)
    if isinstance(part, Phrase):
        return part_matches(part, document)
    return set(found) <= {word for line, _ in lines(document) for word in line}


def key(
    query: Query,
    document: Document,
    sort: Sort,
    preferred: Query | None,
    *,
    is_descending: bool,
) -> float | int | str:
    match sort:
        case Sort.RELEVANCE:
            return score(query, document, preferred)
        case Sort.NAME:
            return fold(document.name)
        case Sort.SIZE:
            # Behind all known sizes, wherever the order begins.
            unknown = -1 if is_descending else 2**63 - 1
            return unknown if document.size_bytes is None else document.size_bytes
        case _:
            found: int = getattr(document, sort.value)
            return found


def ranked(
    query: Query,
    documents: Iterable[Document],
    *,
    sort: Sort = Sort.RELEVANCE,
    is_reversed: bool = False,
    preferred: Query | None = None,
) -> list[tuple[float | int | str, str]]:
    """Return the (key, id) of all hits in their order."""
    is_descending = is_reversed if sort is Sort.NAME else not is_reversed
    found = [
        (key(query, document, sort, preferred, is_descending=is_descending), document.key.id)
        for document in documents
        if matches(query, document)
    ]
    found.sort(key=lambda hit: hit[1])
    found.sort(key=lambda hit: hit[0], reverse=is_descending)
    return found


def newest(query: Query, documents: Iterable[Document], group: Query) -> Document | None:
    """The matching document of a group that was pushed last, or created last."""
    found = [one for one in documents if matches(query, one) and matches(group, one)]
    found.sort(key=lambda one: one.key.id)
    found.sort(key=lambda one: (one.pushed, one.created), reverse=True)
    return found[0] if found else None


def facet_counts(query: Query, documents: Iterable[Document], facet: str) -> FacetCounts:
    counts = Counter(
        value
        for document in documents
        if matches(query, document)
        for name, value in document.facets
        if name == facet
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    first = tuple(ValueCount(value, count) for value, count in ordered[:50])
    return FacetCounts(first, len(ordered) - len(first))


def spellings(word: str, documents: Iterable[Document], *, limit: int) -> list[tuple[str, int]]:
    allowed = 0 if len(word) < 3 else 1 if len(word) < 6 else 2
    counts = Counter(
        found
        for document in documents
        for found in {each for line, _ in lines(document) for each in line}
        if found != word and edits(word, found) <= allowed
    )
    fewest = min((edits(word, found) for found in counts), default=0)
    nearest = [item for item in counts.items() if edits(word, item[0]) == fewest]
    return sorted(nearest, key=lambda item: (-item[1], item[0]))[:limit]
