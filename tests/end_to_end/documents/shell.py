"""A shell into which the steps of a page are typed, one after the other."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.end_to_end.documents.blocks import Step, missing_line

_DONE = "--- done with "
_AGAIN_SECONDS = 60.0
"""How long a step is typed again; the machine may be busy."""
_PAUSE_SECONDS = 0.3


class Shell:
    """A bash in a folder; entered, it and all that it started end with the block.

    ``places`` are texts of the page that mean something else here, such as an address.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], places: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._places = dict(places or {})
        self._bash: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash is not None
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._bash.pid, sign)
            time.sleep(1 if sign == signal.SIGTERM else 0)
        self._bash.wait(10)
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def type(self, step: Step, *, seconds: float = 120) -> str:
        """Type a step, and return what it printed; it fails if that is not what the page says."""
        end = time.monotonic() + _AGAIN_SECONDS
        while True:
            printed, status = self._run(self._here(step.commands), seconds)
            line = missing_line(tuple(self._here(each) for each in step.printed), printed)
            if not step.is_typed_again or time.monotonic() > end:
                break
            if line is None and status == step.status:
                break
            time.sleep(_PAUSE_SECONDS)
        place = f"line {step.line}, under {step.heading!r}"
        assert status == step.status, f"{place}: ended with {status}\n{step.commands}\n{printed}"
        assert line is None, f"{place}: not printed: {line}\n{step.commands}\n{printed}"
        return printed

    def _here(self, text: str) -> str:
        if not self._places:
            return text
        written = "|".join(re.escape(each) for each in self._places)
        return re.sub(written, lambda found: self._places[found[0]], text)

    def _run(self, commands: str, seconds: float) -> tuple[str, int]:
        assert self._bash is not None
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{commands}\nprintf '\\n{_DONE}%d\\n' $?\n".encode())
        self._bash.stdin.flush()
        return self._read(seconds)

    def _read(self, seconds: float) -> tuple[str, int]:
        assert self._bash is not None
        assert self._bash.stdout is not None
        output, got, end = self._bash.stdout.fileno(), b"", time.monotonic() + seconds
        while True:
            text = got.decode("utf-8", "replace")
            before, mark, after = text.rpartition(f"\n{_DONE}")
            if mark and after.endswith("\n"):
                return before, int(after.split()[0])
            left = end - time.monotonic()
            assert left > 0, f"not done after {seconds} seconds:\n{text}"
            if select.select([output], [], [], min(left, 1))[0]:
                piece = os.read(output, 65_536)
                assert piece, f"the shell ended:\n{text}"
                got += piece
