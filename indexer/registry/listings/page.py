"""One page of a listing, read piece by piece as it arrives.

Of a page only its names are kept, so a page of any form costs no more memory than its names do.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import ijson

from indexer.errors import InvalidValueError
from indexer.model import JSON_DEPTH_MAX, one_line

VALUES_MAX = 5_000_000
"""Keys, values and ends in a page. Some registries describe each image in a page of tags."""
SILENCE_MAX = 64 * 1_024
"""Bytes without a key, a value or an end: one endless text, or blanks."""
ILLEGAL_SHOWN = 400

_BOM = b"\xef\xbb\xbf"
_ENDS = frozenset({"end_map", "end_array"})
_STARTS = frozenset({"start_map", "start_array"})
_Name = TypeVar("_Name", bound=str)


class PageReader(Generic[_Name]):
    """Reads the list at ``key`` of a JSON object: :meth:`feed` the body, then :meth:`close`.

    ``parse`` makes a name of each text, or raises :class:`InvalidValueError`. ``add`` is called
    with the number of new entries of whatever form, and may raise any error.

    At the end ``names`` are the valid names, ``others`` the hashes of other texts, ``entries`` the
    number of all entries, ``last`` the last text, and ``illegal`` the first entry that is no name.
    ``error`` says why this is no page.
    """

    def __init__(
        self,
        key: str,
        parse: Callable[[str], _Name],
        *,
        add: Callable[[int], None] = lambda _: None,
        backend: Any = ijson,
    ) -> None:
        self.names: list[_Name] = []
        self.others: set[int] = set()
        self.entries = 0
        self.last = ""
        self.illegal = ""
        self.error = ""
        self._key = key
        self._parse = parse
        self._add = add
        self._events = ijson.sendable_list()
        self._parser = backend.basic_parse_coro(self._events, use_float=True)
        self._depth = 0
        self._at = ""
        self._is_found = False
        self._is_list = False
        self._values = 0
        self._silence = 0
        self._is_begun = False

    @property
    def skipped(self) -> int:
        """The number of entries that are no names."""
        return self.entries - len(self.names)

    def feed(self, piece: bytes) -> bool:
        """Read on; False if no more is wanted, because of an error."""
        if not self._is_begun:
            self._is_begun = True
            piece = piece.removeprefix(_BOM)
        self._call(lambda: self._parser.send(piece))
        self._silence = 0 if self._events else self._silence + len(piece)
        self._take()
        if self._silence > SILENCE_MAX:
            self._fail(f"a text or blanks of more than {SILENCE_MAX} bytes")
        return not self.error

    def close(self) -> None:
        """End the page. Without an error it is whole."""
        self._call(self._parser.close)
        self._take()
        if not self._is_found:
            self._fail(f"no list of {self._key}")

    def abandon(self) -> None:
        """End the reading of a body that broke off."""
        with suppress(ijson.JSONError, ValueError):
            self._parser.close()

    def _call(self, function: Callable[[], object]) -> None:
        if self.error:
            return
        try:
            function()
        except (ijson.JSONError, ValueError) as error:
            self._fail(f"not JSON: {one_line(str(error).partition(chr(10))[0], limit=100)}")

    def _fail(self, error: str) -> None:
        self.error = self.error or error
        self.abandon()

    def _take(self) -> None:
        """Take in what the last piece completed."""
        self._values += len(self._events)
        before = self.entries
        for event, value in self._events:
            if self._depth == 2 and self._is_list and event not in _ENDS:
                self._take_entry(value if event == "string" else None)
            elif self._depth == 1 and event == "map_key":
                self._at = value
            elif self._depth == 1 and self._at == self._key and event not in _ENDS:
                self._is_list = event == "start_array"
                self._is_found = self._is_list or event == "null"
                self._at = ""
            elif self._depth == 0 and event != "start_map":
                return self._fail("no JSON object")
            if event in _STARTS:
                self._depth += 1
            elif event in _ENDS:
                self._depth -= 1
                self._is_list = self._is_list and self._depth > 1
            if self._depth > JSON_DEPTH_MAX:
                return self._fail(f"JSON nested deeper than {JSON_DEPTH_MAX}")
        self._events.clear()
        self._add(self.entries - before)
        if self._values > VALUES_MAX:
            self._fail(f"more than {VALUES_MAX} keys and values")
        return None

    def _take_entry(self, text: str | None) -> None:
        self.entries += 1
        try:
            name = self._parse(text or "")
        except InvalidValueError:
            self.illegal = self.illegal or repr(text)[:ILLEGAL_SHOWN]
            self.others.add(hash(text))
        else:
            self.names.append(name)
        self.last = text[:ILLEGAL_SHOWN] if text is not None else ""
