"""The table of mistakes in docs/check.md: the tests make its rows, and compare them.

``WRITE_TABLE=1 python -m pytest tests/search_api/check`` writes the rows of the tests that ran.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "check.md"


@dataclass(frozen=True, slots=True)
class Row:
    """A mistake, what is said about it, and what to change."""

    mistake: str
    said: str
    remedy: str

    def __str__(self) -> str:
        """The row as Markdown."""
        cells = (self.mistake, self.said, self.remedy)
        return "| " + " | ".join(_cell(text) for text in cells) + " |"


def _cell(text: str) -> str:
    # Markdown would read these as something else.
    return re.sub(r"([|<>*_\[\]])", r"\\\1", text.replace("\n", " "))


def kept_rows() -> dict[str, str]:
    """Return the rows of the page by their mistakes, as the page has them."""
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and line.count(" | ") == 2]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows}


def compare(row: Row, *, below: str) -> None:
    """Fail if the page has another row; with ``WRITE_TABLE`` it is written below a heading."""
    print(row)
    text = str(row)
    mistake = _cell(row.mistake)
    if os.environ.get("WRITE_TABLE"):
        _write(mistake, text, below)
        return
    assert kept_rows().get(mistake) == text


def _write(mistake: str, text: str, below: str) -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    old = [number for number, line in enumerate(lines) if line.startswith(f"| {mistake} | ")]
    if old:
        lines[old[0]] = text
    else:
        at = lines.index(below) + 1
        # Behind the last row of the table below that heading.
        while at < len(lines) and not lines[at].startswith("| "):
            at += 1
        while at < len(lines) and lines[at].startswith("| "):
            at += 1
        lines.insert(at, text)
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")
