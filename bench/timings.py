"""The duration of calls, one after the other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.queries import Ask
from indexer.model.document import DocumentType
from tests.end_to_end.measures import percentile

LEAST = 20
BUDGET_SECONDS = 2.0
"""Slow queries are repeated less often, to stay within this time."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one class of query, in milliseconds, over a number of searches."""

    query: str
    type: str
    p50: float
    p95: float
    p99: float
    processor_p50: float
    """Processor time, which excludes waiting for other programs."""
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
    """Ask once to warm up, then ask every query once, until ``budget`` is used up."""
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
