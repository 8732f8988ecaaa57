"""The matches in a hit: pieces of its texts, with the ranges of the matching words, as data.

Only words and patterns of a query are marked, not its conditions or negated parts. Words are
those of :mod:`indexer.model.text`. Ranges count characters of the original text, because folding
may change its length.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from indexer.engines.ranking import pattern, text_parts
from indexer.model import (
    WORD_MAX,
    Fuzzy,
    Path,
    Phrase,
    PlacedWord,
    Prefix,
    Query,
    Text,
    TextField,
    TextRow,
    Wildcard,
    Word,
    edits,
    edits_allowed,
    placed_words,
    printable,
    words,
)

SNIPPET_MAX = 200
"""Characters of a snippet."""
HIGHLIGHTS_MAX = 5
"""Texts shown for a hit."""
NAME = "name"
_LEAD = 40
"""Characters shown before the first match, if the text is cut."""
_MARKS_MAX = 50
_COMPARED_MAX = 20_000
"""Words of all hits of a page that are compared with patterns and close spellings."""
_READ_MAX = 4_000_000
"""Characters read for all hits of a page. Beyond this limit, hits have no marks."""
_CUT = "…"
_RANKS = {field.value: rank for rank, field in enumerate(TextField)}

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TextHighlight:
    """A piece of a text that matches; ``ranges`` count characters of it, ends excluded."""

    field: str
    """``name`` for the repository name, else a :class:`TextField`."""
    key: str
    """The key of a label or annotation; "" for other texts."""
    snippet: str
    ranges: tuple[Span, ...]
    key_ranges: tuple[Span, ...] = ()


class Highlighter:
    """Finds the matches of one query in one page of hits."""

    def __init__(self, query: Query) -> None:
        typed = text_parts(query)
        plain = [part for part in typed if isinstance(part, Word)]
        others = [other for part in plain for other in (*part.others, *part.examples)]
        others += [Word(form) for part in plain for forms in part.apart for form in forms]
        parts = [*typed, *others]
        of_words = [words(part.text) for part in parts if isinstance(part, Word)]
        self._exact = {word for found in of_words for word in found}
        self._prefixes = tuple(part.text for part in parts if isinstance(part, Prefix))
        self._patterns = [pattern(part.pattern) for part in parts if isinstance(part, Wildcard)]
        self._fuzzy = [part.text for part in parts if isinstance(part, Fuzzy)]
        self._phrases = [list(part.words) for part in parts if isinstance(part, Phrase)]
        self._name_parts = {part.text for part in typed if isinstance(part, Word | Path)}
        # Every matching text has one of these words, unless only a beginning, a pattern or a
        # spelling matches.
        self._whole = self._exact | {phrase[0] for phrase in self._phrases}
        self._compared = set[str]()
        self._like = set[str]()
        """The words of ``_compared`` that match a pattern or a close spelling."""
        self._read = 0

    def highlights(self, name: str, texts: Sequence[TextRow]) -> list[TextHighlight]:
        """Return the matching texts: the name first, then the most important ones."""
        # Equal texts are shown once: most descriptions are annotations or labels too.
        found: dict[tuple[str, str], TextHighlight] = {}
        if marks := self._name_marks(name):
            found[("", name)] = _highlight(NAME, "", name, marks)
        for text in self._candidates(texts):
            if len(found) == HIGHLIGHTS_MAX:
                break
            one = self._highlight_text(text)
            if one is not None:
                found.setdefault((one.key if one.key_ranges else "", one.snippet), one)
        return list(found.values())

    def _candidates(self, rows: Sequence[TextRow]) -> Iterator[Text]:
        """Yield the texts that may match, the most important first.

        One search of all texts together excludes most.
        """
        lines = [f"{text}\n{key}\n" for _, text, key in rows]
        found = sorted(self._found(lines))
        for number in sorted(found, key=lambda number: _RANKS[rows[number][0]]):
            field, text, key = rows[number]
            yield Text(TextField(field), text, key)

    def _found(self, lines: Sequence[str]) -> set[int]:
        """Return the numbers of the ``lines`` that may match."""
        found = set()
        folded = "".join(lines)
        if not folded.isascii():
            # Folding may change the length of a text that is not ASCII: always a candidate.
            found = {number for number, line in enumerate(lines) if not line.isascii()}
            folded = "".join(
                "\n" * len(line) if number in found else line for number, line in enumerate(lines)
            )
        folded = folded.lower()
        whole = self._whole
        if self._patterns or self._fuzzy:
            whole = whole | self._select_like(set(words(folded)))
        starts: list[int] = []
        for needle in (*whole, *self._prefixes):
            # The rest of a long word is cut off.
            ends = len(needle) if needle in whole and len(needle) < WORD_MAX else None
            place = folded.find(needle)
            while place >= 0:
                if _is_word(folded, place, ends):
                    # Most pages have no match here, so the starts are computed at the first one.
                    starts = starts or [0, *accumulate(map(len, lines))]
                    number = bisect_right(starts, place) - 1
                    found.add(number)
                    place = folded.find(needle, starts[number + 1])
                else:
                    place = folded.find(needle, place + 1)
        return found

    def _highlight_text(self, text: Text) -> TextHighlight | None:
        marks = self._marks(text.text)
        last = text.key_words
        start = len(text.key) - len(last)
        key_marks = [(start + mark[0], start + mark[1]) for mark in self._marks(last)]
        if not marks and not key_marks:
            return None
        return _highlight(text.field.value, text.key, text.text, marks, key_marks)

    def _name_marks(self, name: str) -> list[Span]:
        marks = self._marks(name)
        # Repository names are folded as they are.
        for part in self._name_parts:
            place = name.find(part)
            while place >= 0 and len(marks) < _MARKS_MAX:
                marks.append((place, place + len(part)))
                place = name.find(part, place + len(part))
        if any(pattern.fits(name) for pattern in self._patterns):
            marks.append((0, len(name)))
        return _merged(marks)

    def _marks(self, text: str) -> list[Span]:
        """Return the ranges of all matches, in order."""
        if not text or self._read > _READ_MAX:
            return []
        self._read += len(text)
        found = set(words(text))
        fitting = self._select_matches(found)
        phrases = [phrase for phrase in self._phrases if found.issuperset(phrase)]
        if not fitting and not phrases:
            return []
        if text.isascii() and not phrases:
            return _merged(list(_word_marks(text.lower(), fitting)))
        placed = list(placed_words(text))
        marks = [(one.start, one.end) for one in placed if one.word in fitting]
        for phrase in phrases:
            marks += _phrase_marks(placed, phrase)
        return _merged(marks)

    def _select_matches(self, found: set[str]) -> set[str]:
        """Return the words of a text that match the query."""
        fitting = found & self._exact
        if self._prefixes:
            fitting.update(word for word in found if word.startswith(self._prefixes))
        if self._patterns or self._fuzzy:
            fitting |= self._select_like(found)
        return fitting

    def _select_like(self, found: set[str]) -> set[str]:
        """Return the words that match a pattern or a close spelling."""
        new = list(found - self._compared)[: _COMPARED_MAX - len(self._compared)]
        self._compared.update(new)
        self._like.update(word for word in new if self._is_like(word))
        return found & self._like

    def _is_like(self, word: str) -> bool:
        if any(pattern.fits(word) for pattern in self._patterns):
            return True
        for wanted in self._fuzzy:
            limit = edits_allowed(wanted)
            if edits(wanted, word, limit=limit) <= limit:
                return True
        return False


def _is_word(folded: str, place: int, length: int | None) -> bool:
    """Tell whether a word begins at a place of a text and, if ``length`` is given, ends there."""
    if place and folded[place - 1].isalnum():
        return False
    return length is None or not folded[place + length : place + length + 1].isalnum()


def _word_marks(folded: str, fitting: Iterable[str]) -> Iterator[Span]:
    """Yield the ranges of some words in a text whose folding kept all lengths.

    Few words of a text match, so looking for them is faster than going through all its words.
    """
    for word in fitting:
        # A long word of the text was cut to this length, and is marked whole.
        length = len(word) if len(word) < WORD_MAX else None
        place = folded.find(word)
        while place >= 0:
            end = place + len(word)
            if _is_word(folded, place, length):
                while length is None and folded[end : end + 1].isalnum():
                    end += 1
                yield place, end
            place = folded.find(word, end)


def has_highlights(query: Query) -> bool:
    """Tell whether a query has any part with highlights."""
    return bool(text_parts(query))


def _phrase_marks(placed: Sequence[PlacedWord], phrase: Sequence[str]) -> Iterator[Span]:
    found = [one.word for one in placed]
    for start in range(len(found) - len(phrase) + 1):
        if found[start : start + len(phrase)] == phrase:
            yield placed[start].start, placed[start + len(phrase) - 1].end


def _merged(marks: Sequence[Span]) -> list[Span]:
    """Return the marks in order; overlapping ones become one."""
    merged: list[Span] = []
    for start, end in sorted(marks)[:_MARKS_MAX]:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _highlight(
    field: str, key: str, text: str, marks: Sequence[Span], key_marks: Sequence[Span] = ()
) -> TextHighlight:
    start, end = _window(text, marks)
    before = _CUT if start > 0 else ""
    after = _CUT if end < len(text) else ""
    shift = len(before) - start
    ranges = tuple(
        (max(first, start) + shift, min(last, end) + shift)
        for first, last in marks
        if first < end and last > start
    )
    snippet = before + printable(text[start:end]) + after
    return TextHighlight(field, key, snippet, ranges, tuple(key_marks))


def _window(text: str, marks: Sequence[Span]) -> Span:
    """Return the piece of a text with most marks, cut between words if a border is near."""
    if len(text) <= SNIPPET_MAX:
        return 0, len(text)
    room = SNIPPET_MAX - 2 * len(_CUT)
    first = max(
        (mark[0] for mark in marks),
        key=lambda start: (_count(marks, start, start + room - _LEAD), -start),
        default=0,
    )
    start = min(max(0, first - _LEAD), len(text) - room)
    if start > 0:
        space = text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + room)
    last = max((mark[1] for mark in marks if mark[1] <= end), default=start)
    if end < len(text):
        space = text.rfind(" ", max(last, end - _LEAD), end)
        end = space if space >= 0 else end
    return start, end


def _count(marks: Sequence[Span], start: int, end: int) -> int:
    return sum(start <= mark[0] and mark[1] <= end for mark in marks)
