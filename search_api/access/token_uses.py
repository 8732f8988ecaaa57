"""When each token was last used, written now and then."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from indexer.clock import Clock, rfc3339
from search_api.access.tokens import USES_FILE, replace_file

log = structlog.get_logger()

WRITTEN_EVERY_SECONDS = 60.0


class TokenUses:
    """Notes uses, and writes them once a minute at most."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._path = directory / USES_FILE
        self._clock = clock
        self._uses: dict[str, str] = dict(read_uses(directory))
        self._written_at = -WRITTEN_EVERY_SECONDS
        self._is_written = True

    def note(self, number: str) -> None:
        """Note that a token is used now."""
        self._uses[number] = rfc3339(self._clock.now())
        self._is_written = False
        if time.monotonic() - self._written_at >= WRITTEN_EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is not written yet; where that fails, it is lost, and nothing else."""
        if self._is_written:
            return
        self._written_at, self._is_written = time.monotonic(), True
        try:
            replace_file(self._path, json.dumps(self._uses) + "\n")
        except OSError as error:
            log.warning("token_uses_not_written", path=str(self._path), reason=error.strerror)


def read_uses(directory: Path) -> Mapping[str, str]:
    """Return when each token was last used, by its id; nothing if nothing is known."""
    try:
        uses = json.loads((directory / USES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return (
        {str(number): str(used) for number, used in uses.items()} if isinstance(uses, dict) else {}
    )
