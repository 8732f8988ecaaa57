"""The memory of real processes and of everything below them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.measures import memory_megabytes

_NAME_MAX = 60
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """The resident memory of one process, in MB.

    ``share`` divides shared memory among its processes, so that shares add up.
    """

    name: str
    resident: float
    peak: float
    share: float


def read_memory(pid: int) -> list[ProcessMemory]:
    """Return the memory of a process and of all its descendants, the process first."""
    below = _children()
    found = []
    waiting = [pid]
    while waiting:
        one = waiting.pop(0)
        waiting += below[one]
        try:
            found.append(_memory(one))
        except _GONE:
            continue
    return found


def resident(processes: Sequence[ProcessMemory]) -> float:
    """Return the sum of the resident memory of several processes."""
    return sum(one.resident for one in processes)


def peak(processes: Sequence[ProcessMemory]) -> float:
    """Return the sum of the peaks of several processes, perhaps from different times."""
    return sum(one.peak for one in processes)


def share(processes: Sequence[ProcessMemory]) -> float:
    """Return the resident memory of several processes, with shared memory counted once."""
    return sum(one.share for one in processes)


def _memory(pid: int) -> ProcessMemory:
    now, highest = memory_megabytes(pid)
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    shares = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    # A process that just ends has no memory.
    share = int(shares[1]) / 1_000 if shares else 0.0
    return ProcessMemory(_name(pid), now, highest, share)


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return " ".join(words[1:]).strip()[:_NAME_MAX]


def _children() -> dict[int, list[int]]:
    """Return the processes below each one."""
    below = defaultdict(list)
    for pid, parent in _parents():
        below[parent].append(pid)
    return below


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text("utf-8", "replace")
            except _GONE:
                continue
            # The name in parentheses may contain any character.
            yield int(entry.name), int(stat.rpartition(")")[2].split()[1])
