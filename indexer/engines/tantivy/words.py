"""The searchable words of a tantivy index, for all that asks for words like another one.

tantivy tells all words of an index or none, which takes long. So whoever writes appends what is new
to a file before it is committed; whoever reads has all words told once, and then reads on in that
file. A word too many does no harm, no document has it: so nothing depends on what else is in the
file, and it need not be whole, or be there at all, when an index is opened.
"""

from collections.abc import Set
from pathlib import Path

from tantivy import Searcher

from indexer.engines.ranking import TEXT, Vocabulary

FILE = "words.txt"


class NewWords:
    """Appends the words that are not in the index yet; they are kept until they are written."""

    def __init__(self, folder: Path, searcher: Searcher) -> None:
        self._path = folder / FILE
        self._known = _all_words(searcher)
        self._unwritten = set[str]()

    def add(self, words: Set[str]) -> None:
        """Keep words to be written."""
        self._unwritten |= words - self._known

    def write(self) -> None:
        """Make the words known to readers, before the commit that has them."""
        if self._unwritten:
            with self._path.open("ab") as file:
                # What is there may end in a torn line.
                file.write("\n".join(["", *self._unwritten, ""]).encode())
            self._known |= self._unwritten
            self._unwritten.clear()


class KnownWords(Vocabulary):
    """The words of an index, those of its deleted documents and some more among them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / FILE
        self._read_bytes = 0

    def catch_up(self, searcher: Searcher) -> None:
        """Know all words of the index as ``searcher`` sees it."""
        known = set[str]() if self._joined else _all_words(searcher)
        self.add(known.union(self._appended()))

    def _appended(self) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            lines, end, _ = file.read().rpartition(b"\n")
        self._read_bytes += len(lines) + len(end)
        return lines.decode(errors="replace").split("\n")


def _all_words(searcher: Searcher) -> set[str]:
    return {word for word, _ in searcher.terms_with_prefix(TEXT, "")}
