"""The memory of a process is measured with that of its descendants."""

import subprocess
import sys

from bench.memory import peak, read_memory, resident, share

_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", "the-child"])
child.wait()
"""


def test_a_process_is_counted_with_what_is_below_it() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdout is not None
    program.stdout.readline()
    found = read_memory(program.pid)
    program.communicate(b"\n")
    parent, child = found
    assert "subprocess" in parent.name
    assert child.name.endswith("the-child")
    assert all(0 < one.share <= one.resident <= one.peak for one in found)
    assert resident(found) == sum(one.resident for one in found)
    assert share(found) <= resident(found) <= peak(found)


def test_a_process_that_is_gone_has_none() -> None:
    program = subprocess.Popen([sys.executable, "-c", ""])
    program.wait()
    assert read_memory(program.pid) == []


def test_others_are_not_counted() -> None:
    waiting = [sys.executable, "-c", "input()"]
    programs = [subprocess.Popen(waiting, stdin=subprocess.PIPE) for _ in range(2)]
    assert len(read_memory(programs[0].pid)) == 1
    for program in programs:
        program.communicate(b"\n")
