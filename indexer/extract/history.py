"""How an image was built: its history, each step with the layer that it made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from indexer.extract.created import parse_moment
from indexer.extract.image_config import STEP_MAX, Step
from indexer.extract.secrets import masked
from indexer.model import Descriptor, Digest, one_line

_SHELL = "/bin/sh -c "
_NO_OPERATION = "#(nop) "


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of a build; secrets in ``created_by`` are masked.

    ``layer`` is what it made; None where it made none, or where history and layers do not fit
    each other so that nothing can be said. ``created_at`` is as written, whatever it is worth.
    """

    created_by: str
    created_at: datetime | None
    comment: str
    author: str
    is_empty: bool
    layer: Digest | None


def history_of(steps: Sequence[Step], layers: Sequence[Descriptor]) -> tuple[HistoryEntry, ...]:
    """Return the steps, base first, paired with ``layers`` if there are as many of both."""
    fits = sum(not step.is_empty for step in steps) == len(layers)
    remaining = iter(layers)
    return tuple(
        HistoryEntry(
            created_by=_command(step.created_by),
            created_at=parse_moment(step.created),
            comment=one_line(step.comment, limit=256),
            author=one_line(step.author, limit=256),
            is_empty=step.is_empty,
            layer=next(remaining).digest if fits and not step.is_empty else None,
        )
        for step in steps
    )


def _command(raw: str) -> str:
    shown = raw.removeprefix(_SHELL)
    is_no_operation = shown.startswith(_NO_OPERATION)
    text = shown.removeprefix(_NO_OPERATION).lstrip() if is_no_operation else raw
    return one_line(masked(text[:STEP_MAX]), limit=STEP_MAX)
