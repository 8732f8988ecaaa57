"""Measuring real processes: how long, how much memory, how many requests a second."""

import math
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from indexer.model import media_types
from tests.end_to_end.processes import run_well

MANIFEST_TYPES = (
    media_types.OCI_MANIFEST,
    media_types.OCI_INDEX,
    media_types.DOCKER_MANIFEST,
    media_types.DOCKER_LIST,
)
_TICKS = os.sysconf("SC_CLK_TCK")


def percentile(values: Iterable[float], percent: float) -> float:
    """Give the smallest value that at least ``percent`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(seconds: Sequence[float], unit: str = "s") -> str:
    """Print the p50 and p95 of some durations, in seconds (``s``) or milliseconds (``ms``)."""
    factor, digits = (1000, 1) if unit == "ms" else (1, 2)
    half, most = percentile(seconds, 50) * factor, percentile(seconds, 95) * factor
    return f"p50 {half:.{digits}f} {unit} p95 {most:.{digits}f} {unit}"


def durations(action: Callable[[], object], *, times: int) -> list[float]:
    """Do something several times, one after the other, and give the seconds of each."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return taken


def memory_megabytes(pid: int) -> tuple[float, float]:
    """Give the resident memory of a process in MB, now and at its peak."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return _megabytes("VmRSS", status), _megabytes("VmHWM", status)


def processor_seconds(pid: int, *, with_ended: bool = False) -> float:
    """Give the processor time of a process; ``with_ended`` that of its ended children too."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / _TICKS


def hey_requests_a_second(url: str, *, requests: int, connections: int) -> float:
    """Let ``hey`` send GET requests for a manifest and give how many a second it reached."""
    count = [f"-n={requests}", f"-c={connections}"]
    command = ["hey", *count, "-H", f"Accept: {', '.join(MANIFEST_TYPES)}", url]
    # A busy machine answers a hundred a second.
    report = run_well(command, seconds=120)
    assert f"[200]\t{requests} responses" in report, report
    found = re.search(r"Requests/sec:\s+([0-9.]+)", report)
    assert found is not None, report
    return float(found[1])


def _megabytes(key: str, status: str) -> float:
    found = re.search(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None, f"no {key} in {status}"
    return int(found[1]) / 1000
