"""The steps of the pipeline at which a process is killed, each with a name.

A step is reached by what a process does to files and databases, so the product knows nothing of
this: see ``victim.py``. ``MOMENT`` stands for a kill at any moment, which is not guided.
"""

from dataclasses import dataclass
from enum import StrEnum

WEB, INDEXER = "web", "indexer"
MOMENT = "any-moment"
READING = "registry-read"
"""The one step that the torture sees itself: a request whose answer is never read."""


class Needs(StrEnum):
    """The condition for reaching a step."""

    PUSHES = "pushes"
    LATE_PUSH = "a push that is told of before it is to be seen"
    CRAWL = "a crawl"
    REBUILD = "a rebuild"
    START = "a start"
    OLD_ENTRIES = "a start with old entries in the journal"
    NO_INDEX = "a start without the search index, which somebody has removed"


@dataclass(frozen=True, slots=True)
class Step:
    """A step; the kill comes when it is reached for the n-th time, n being at most ``times``."""

    name: str
    victim: str
    needs: Needs = Needs.PUSHES
    times: int = 3


def _around(name: str, victim: str, needs: Needs = Needs.PUSHES, times: int = 3) -> list[Step]:
    return [Step(f"{name}:{moment}", victim, needs, times) for moment in ("before", "after")]


STEPS: tuple[Step, ...] = (
    *_around("journal-append", WEB),
    Step("journal-inside", WEB),
    *_around("take-in", INDEXER, times=2),
    *_around("refresh", INDEXER, times=6),
    *_around("look-again", INDEXER, Needs.LATE_PUSH, times=1),
    *_around("crawl-begun", INDEXER, Needs.CRAWL, times=1),
    *_around("catalog-page", INDEXER, Needs.CRAWL, times=4),
    *_around("crawl-ended", INDEXER, Needs.CRAWL, times=1),
    Step("store-inside", INDEXER, times=40),
    Step(READING, INDEXER, times=12),
    Step("segment-write", INDEXER, times=20),
    *_around("index-commit", INDEXER, times=2),
    Step("old-segment-removal", INDEXER, times=3),
    Step("fsync", INDEXER, times=8),
    *_around("stale-marks-removed", INDEXER, times=2),
    *_around("generation-made", INDEXER, Needs.REBUILD, times=1),
    *_around("rebuild-progress", INDEXER, Needs.REBUILD, times=1),
    *_around("swap", INDEXER, Needs.REBUILD, times=1),
    Step("generation-dropped", INDEXER, Needs.REBUILD, times=6),
    Step("lock", INDEXER, Needs.START, times=2),
    *_around("registries-put", INDEXER, Needs.START, times=1),
    *_around("prune", INDEXER, Needs.OLD_ENTRIES, times=1),
    *_around("generation-made", INDEXER, Needs.NO_INDEX, times=1),
    *_around("swap", INDEXER, Needs.NO_INDEX, times=2),
    *_around("rebuild-progress", INDEXER, Needs.NO_INDEX, times=2),
    Step("index-commit:before", INDEXER, Needs.NO_INDEX, times=2),
)
AT_A_START = frozenset({Needs.START, Needs.OLD_ENTRIES, Needs.NO_INDEX})
FIRST_START = {
    WEB: (Step("migration", WEB, times=3),),
    INDEXER: (
        Step("migration", INDEXER, times=20),
        *_around("registries-put", INDEXER, times=1),
        *_around("generation-made", INDEXER, times=1),
        *_around("swap", INDEXER, times=1),
    ),
}
"""What is done once only, while the files of the data directory are made."""
