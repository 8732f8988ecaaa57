"""What a page says to type and what it says is printed then, read from the page itself.

A fenced block ``sh`` is typed as it is written. A fenced block ``text`` right after it says what is
printed: each of its lines must come, in this order, among the lines that were printed. Spaces count
as one, and ``…`` stands for any text. A comment before a ``sh`` block changes that:

- ``<!-- typed again until it prints this -->``: the first attempt may come too early;
- ``<!-- ends with 1 -->``: the status with which the last command of the block ends;
- ``<!-- not typed: WHY -->``: no test types it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_PARTS = re.compile(
    r"^(?P<level>#+) (?P<heading>.*?)\n"
    r"|^<!-- (?P<remark>[^\n]*?) -->\n"
    r"|^```(?P<language>\w*)\n(?P<text>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)
_AGAIN = "typed again until it prints this"
_ENDS = "ends with "
_NOT_TYPED = "not typed: "
_ANY = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """One block of commands, and what is printed after it."""

    heading: str
    line: int
    commands: str
    printed: tuple[str, ...]
    status: int = 0
    is_typed_again: bool = False
    why_not_typed: str = ""


def read_steps(page: Path) -> list[Step]:
    """Return the steps of a page, in order; :class:`ValueError` for a remark that means nothing."""
    return list(_steps(page.read_text("utf-8")))


def _steps(text: str) -> Iterator[Step]:
    heading, remark, parts = "", "", list(_PARTS.finditer(text))
    for number, part in enumerate(parts):
        if part["level"]:
            heading = part["heading"]
        elif part["remark"] is not None:
            remark = part["remark"]
        elif part["language"] == "sh":
            follows = parts[number + 1] if number + 1 < len(parts) else None
            is_printed = follows is not None and follows["language"] == "text"
            printed = follows["text"].splitlines() if follows and is_printed else []
            line = text.count("\n", 0, part.start()) + 1
            yield _step(remark, Step(heading, line, part["text"], tuple(printed)))
            remark = ""


def _step(remark: str, step: Step) -> Step:
    """Return the step as the comment before it says."""
    if not remark:
        return step
    if remark == _AGAIN:
        return replace(step, is_typed_again=True)
    if remark.startswith(_ENDS):
        return replace(step, status=int(remark.removeprefix(_ENDS)))
    if remark.startswith(_NOT_TYPED):
        return replace(step, why_not_typed=remark.removeprefix(_NOT_TYPED))
    raise ValueError(f"a remark before a block that means nothing: {remark!r}")


def missing_line(wanted: tuple[str, ...], printed: str) -> str | None:
    """Return the first line that was not printed in its turn, None if all were."""
    lines = iter(" ".join(line.split()) for line in printed.splitlines())
    for line in wanted:
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split(_ANY))
        if line.strip() and not any(re.fullmatch(pattern, each) for each in lines):
            return line
    return None
