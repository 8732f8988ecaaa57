"""How long calls take, one after the other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.queries import Ask
from indexer.model.document import DocumentType
from tests.end_to_end.measures import percentile

LEAST = 20
BUDGET_SECONDS = 2.0
"""What is so slow that more than the least takes longer is asked less."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one class of query took, in milliseconds, over so many searches."""

    query: str
    type: str
    p50: float
    p95: float
    p99: float
    processor_p50: float
    """Of the processor's time, which does not count waiting while other programs run."""
    processor_p95: float
    searches: int


def time_calls(
    query: str,
    kind: DocumentType,
    asks: Sequence[Ask],
    search: Callable[[Ask], object],
    *,
    budget: float = BUDGET_SECONDS,
) -> Timing:
    """Ask once to warm up, and then everything once, as far as that goes within ``budget``."""
    search(asks[0])
    taken, busy = [], []
    begun = time.perf_counter()
    for number, ask in enumerate(asks):
        started, before = time.perf_counter(), time.process_time()
        if number >= LEAST and started - begun > budget:
            break
        search(ask)
        taken.append(1_000 * (time.perf_counter() - started))
        busy.append(1_000 * (time.process_time() - before))
    p50, p95, p99 = (percentile(taken, each) for each in (50, 95, 99))
    return Timing(
        query,
        kind.value,
        p50,
        p95,
        p99,
        processor_p50=percentile(busy, 50),
        processor_p95=percentile(busy, 95),
        searches=len(taken),
    )
