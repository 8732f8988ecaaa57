"""How often each process was started again: counted by the supervisor, read by who reports it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

log = structlog.get_logger()

RESTARTS_FILE = "processes.json"


class RestartCounts:
    """The counts of one supervisor since its start, in a file of the data directory."""

    def __init__(self, directory: Path, *, names: Iterable[str]) -> None:
        """Begin with no restart of the processes with these names."""
        self._path = directory / RESTARTS_FILE
        self._counts = Counter(dict.fromkeys(names, 0))
        self._write()

    def add(self, name: str) -> None:
        """Count a restart of one process."""
        self._counts[name] += 1
        self._write()

    def _write(self) -> None:
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_text(json.dumps({"restarts": self._counts}) + "\n")
            draft.replace(self._path)
        except OSError as error:
            # Such as a full disk, of which others tell. The next restart writes all counts.
            log.warning("restarts_not_written", path=str(self._path), reason=error.strerror)


def read_restarts(directory: Path) -> Mapping[str, int]:
    """Return how often each process was started again; nothing where no supervisor ran."""
    try:
        counts = json.loads((directory / RESTARTS_FILE).read_bytes())["restarts"]
        return {str(name): int(count) for name, count in counts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # It may be damaged like every file, and is written again at the next start.
        return {}
