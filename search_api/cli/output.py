"""What commands print: lines that fit the terminal, and whole lines in a pipe."""

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from indexer.model import one_line
from search_api.cli.common import LINE_MAX

INDENT = 2
HEX_SHOWN = 12
"""The digits of a digest in a list, as docker shows them; enough to search for it."""
_WIDTH_MIN = 20


class Output:
    """Standard output. Texts from elsewhere have no effect on a terminal."""

    def __init__(self) -> None:
        console = Console(soft_wrap=True)
        self._console = console
        self.width = max(_WIDTH_MIN, console.width) if console.is_terminal else None
        """The columns of the terminal; None in a pipe."""

    def whole(self, text: str, *, indent: int = 0, is_bold: bool = False) -> None:
        """Print a line that is never broken, such as a reference: people copy it."""
        line = one_line(text, limit=LINE_MAX)
        self._print(Text(" " * indent + line, style="bold" if is_bold else ""))

    def cut(self, text: str, *, indent: int = 0) -> None:
        """Print one line, of which a terminal shows as much as fits."""
        line = one_line(text, limit=LINE_MAX)
        room = (self.width or LINE_MAX * 2) - indent
        if cell_len(line) > room:
            line = set_cell_size(line, room - 1).rstrip() + "…"
        self._print(Text(" " * indent + line))

    def text(self, text: str, *, indent: int = 0) -> None:
        """Print a text; on a terminal, lines that follow are below its beginning."""
        line = ""
        for word in one_line(text, limit=LINE_MAX).split(" "):
            longer = f"{line} {word}" if line else " " * indent + word
            if line.strip() and self.width is not None and cell_len(longer) > self.width:
                self._print(Text(line))
                longer = " " * (indent + INDENT) + word
            line = longer
        self._print(Text(line))

    def digest(self, digest: str) -> str:
        """Return a digest as a list shows it: whole only in a pipe, because it is wide."""
        algorithm, _, digits = digest.partition(":")
        return digest if self.width is None else f"{algorithm}:{digits[:HEX_SHOWN]}"

    def row(self, text: str, *, is_bold: bool = False) -> None:
        """Print a row of a table, of which the cells are lines already."""
        self._print(Text(text, style="bold" if is_bold else ""))

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, highlight=False, soft_wrap=True)
