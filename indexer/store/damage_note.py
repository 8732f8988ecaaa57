"""A note in the data directory: somebody who only reads met a row that cannot be read.

Any process may leave it, and the indexer, which alone may write to the store, looks for it.
"""

from contextlib import suppress
from pathlib import Path

NOTE_FILE = "damage.note"


def note_damage(directory: Path) -> None:
    """Leave the note, if the disk takes it."""
    with suppress(OSError):
        (directory / NOTE_FILE).touch()


def take_damage_note(directory: Path) -> bool:
    """Remove the note; tell whether it was there."""
    try:
        (directory / NOTE_FILE).unlink()
    except OSError:
        return False
    return True
