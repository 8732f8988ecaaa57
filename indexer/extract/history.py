"""How an image was built: its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from indexer.extract.created import parse_moment
from indexer.extract.image_config import STEP_MAX, Step
from indexer.extract.secrets import masked
from indexer.model import one_line

_SHELL = "/bin/sh -c "
_NO_OPERATION = "#(nop) "


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of a build; secrets in ``created_by`` are masked.

    ``created_at`` is as written, whatever it is worth. ``is_empty`` says that it made no layer.
    """

    created_by: str
    created_at: datetime | None
    comment: str
    is_empty: bool


def read_history(steps: Sequence[Step]) -> tuple[HistoryEntry, ...]:
    """Return the steps, base first."""
    return tuple(
        HistoryEntry(
            created_by=_command(step.created_by),
            created_at=parse_moment(step.created),
            comment=one_line(step.comment, limit=256),
            is_empty=step.is_empty,
        )
        for step in steps
    )


def _command(raw: str) -> str:
    shown = raw.removeprefix(_SHELL)
    is_no_operation = shown.startswith(_NO_OPERATION)
    text = shown.removeprefix(_NO_OPERATION).lstrip() if is_no_operation else raw
    return one_line(masked(text[:STEP_MAX]), limit=STEP_MAX)
