"""The matches in a hit: pieces of its texts, with the ranges of the matching words, as data.

Only words and patterns of a query are marked, not its conditions or negated parts. Words are
those of :mod:`indexer.model.text`. Ranges count characters of the original text, because folding
may change its length.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from heapq import merge
from itertools import chain, groupby

from indexer.engines.ranking import pattern, text_parts
from indexer.model import (
    TEXT_END,
    WORD_MAX,
    Fuzzy,
    Path,
    Phrase,
    PlacedWord,
    Prefix,
    Query,
    Text,
    TextBlock,
    TextField,
    Wildcard,
    Word,
    edits_allowed,
    fold,
    folded_words,
    near,
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
_CUT = "…"

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
        begun = (part.text for part in parts if isinstance(part, Prefix))
        # Anything else begins no word.
        self._prefixes = tuple(prefix for prefix in begun if words(prefix) == [prefix])
        self._patterns = [pattern(part.pattern) for part in parts if isinstance(part, Wildcard)]
        self._fuzzy = [part.text for part in parts if isinstance(part, Fuzzy)]
        self._phrases = [list(part.words) for part in parts if isinstance(part, Phrase)]
        self._name_parts = {part.text for part in typed if isinstance(part, Word | Path)}
        # Every matching text has one of these words, unless only a beginning, a pattern or a
        # spelling matches.
        self._whole = self._exact | {phrase[0] for phrase in self._phrases}
        self._in_keys: dict[str, list[Span]] = {}
        """The ranges of the matches in keys."""

    def highlights(self, name: str, texts: Iterable[TextBlock]) -> list[TextHighlight]:
        """Return the matching texts: the name first, then the most important ones."""
        # Equal texts are shown once: most descriptions are annotations or labels too.
        found: dict[tuple[str, str], TextHighlight] = {}
        if marks := self._name_marks(name):
            found[("", name)] = _highlight(NAME, "", name, marks)
        matching = chain.from_iterable(map(self._in_block, texts))
        # Nothing is looked for beyond the last one that is shown.
        while len(found) < HIGHLIGHTS_MAX and (one := next(matching, None)):
            found.setdefault((one.key if one.key_ranges else "", one.snippet), one)
        return list(found.values())

    def _in_block(self, block: TextBlock) -> Iterator[TextHighlight]:
        """Yield the matching texts of a block, in their order."""
        folded = block.folded
        whole = [word for word in self._whole if word in folded]
        begun = [prefix for prefix in self._prefixes if prefix in folded]
        like = self._like(folded)
        of_keys = self._key_marks(block)
        if not (whole or begun or like or of_keys):
            return
        found = [_having(word, folded, is_whole=len(word) < WORD_MAX) for word in whole]
        found += [_having(prefix, folded, is_whole=False) for prefix in begun]
        if like:
            found.append(_having_any(like, folded))
        if of_keys:
            found.append(block.with_keys(of_keys))
        texts, known = list[str](), set[tuple[str, str]]()
        for number, _ in groupby(merge(*found)):
            texts = texts or block.joined.split(TEXT_END)
            text, place = texts[number], block.key_place(number)
            key, of_key = block.keys[place], of_keys.get(place, ())
            shown = (key if of_key else "", text)
            if shown in known:
                continue
            known.add(shown)
            if (marks := self._marks(text, like)) or of_key:
                yield _highlight(block.field.value, key, text, marks, of_key)

    def _key_marks(self, block: TextBlock) -> dict[int, list[Span]]:
        """Return the ranges of the matches in the keys of a block, by their places."""
        found: dict[int, list[Span]] = {}
        if block.field is TextField.METADATA or block.keys == [""]:
            return found
        # Images have the same few keys.
        known = self._in_keys
        for place, key in enumerate(block.keys):
            if key not in known:
                last = Text(block.field, "", key).key_words
                start = len(key) - len(last)
                marks = self._marks(last, self._like(fold(last)))
                known[key] = [(start + first, start + end) for first, end in marks]
            if known[key]:
                found[place] = known[key]
        return found

    def _name_marks(self, name: str) -> list[Span]:
        marks = self._marks(name, self._like(fold(name)))
        # Repository names are folded as they are.
        for part in self._name_parts:
            place = name.find(part)
            while place >= 0 and len(marks) < _MARKS_MAX:
                marks.append((place, place + len(part)))
                place = name.find(part, place + len(part))
        if any(pattern.fits(name) for pattern in self._patterns):
            marks.append((0, len(name)))
        return _merged(marks)

    def _like(self, folded: str) -> set[str]:
        """Return the words of a folded text that match a pattern or a close spelling."""
        found = set[str]()
        for one in self._patterns:
            found |= one.words(folded)
        if self._fuzzy:
            among = list(set(folded_words(folded)))
            for wanted in self._fuzzy:
                close = near(wanted, among, limit=edits_allowed(wanted))
                found.update(word for word, _ in close)
        return found

    def _marks(self, text: str, like: Set[str]) -> list[Span]:
        """Return the ranges of all matches, in order; the words ``like`` match too."""
        folded = fold(text)
        fitting = {word for word in self._exact if word in folded}
        phrases = [phrase for phrase in self._phrases if all(word in folded for word in phrase)]
        prefixes = tuple(prefix for prefix in self._prefixes if prefix in folded)
        if like:
            fitting.update(like & set(folded_words(folded)))
        if not (fitting or phrases or prefixes):
            return []
        if text.isascii() and not phrases:
            exact = (_word_marks(word, folded, is_whole=len(word) < WORD_MAX) for word in fitting)
            begun = (_word_marks(prefix, folded, is_whole=False) for prefix in prefixes)
            return _merged([*chain.from_iterable(exact), *chain.from_iterable(begun)])
        placed = list(placed_words(text))
        marks = [
            (one.start, one.end)
            for one in placed
            if one.word in fitting or one.word.startswith(prefixes)
        ]
        for phrase in phrases:
            marks += _phrase_marks(placed, phrase)
        return _merged(marks)


def _having(begin: str, folded: str, *, is_whole: bool) -> Iterator[int]:
    """Yield the numbers of the texts of a block with a word that begins so, or is that."""
    number = counted = end = 0
    for place, _ in _word_marks(begin, folded, is_whole=is_whole):
        if place < end:
            continue
        number += folded.count(TEXT_END, counted, place)
        yield number
        counted, end = place, folded.find(TEXT_END, place)
        if end < 0:
            return


def _having_any(wanted: Set[str], folded: str) -> Iterator[int]:
    """Yield the numbers of the texts of a block with any of some words."""
    for number, text in enumerate(folded.split(TEXT_END)):
        if not wanted.isdisjoint(folded_words(text)):
            yield number


def _word_marks(begin: str, folded: str, *, is_whole: bool) -> Iterator[Span]:
    """Yield the ranges of the words of a folded text that begin so, or are that if ``is_whole``.

    Few words match, so looking for them is faster than going through all words.
    """
    place = folded.find(begin)
    while place >= 0:
        end = place + len(begin)
        if not (place and folded[place - 1].isalnum()):
            while not is_whole and folded[end : end + 1].isalnum():
                end += 1
            if not folded[end : end + 1].isalnum():
                yield place, end
        place = folded.find(begin, end)


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
