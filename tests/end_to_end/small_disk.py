"""A small file system of a test's own, which can be filled and made read-only."""

import subprocess
from itertools import repeat
from pathlib import Path
from typing import Self

import pytest

from tests.end_to_end.processes import run, run_well
from tests.end_to_end.waiting import wait_until

SIZE_MEGABYTES = 16
_BALLAST = "ballast"
_BLOCK = 4_096


class SmallDisk:
    """A file system in memory, mounted over ``folder`` while this is entered; needs root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        size = f"size={SIZE_MEGABYTES}m"
        run_well(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self._folder)])
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: a process that the test could not end would keep it mounted for ever.
        run(["umount", "--lazy", str(self._folder)])

    @property
    def is_filled(self) -> bool:
        """Whether what :meth:`fill` took was not given back yet."""
        return (self._folder / _BALLAST).exists()

    def fill(self) -> None:
        """Leave no block free; once more, take what was given back meanwhile."""
        with (
            (self._folder / _BALLAST).open("ab", buffering=0) as ballast,
            pytest.raises(OSError, match="No space left"),
        ):
            ballast.writelines(repeat(bytes(_BLOCK)))

    def free(self) -> None:
        """Give back what :meth:`fill` took."""
        (self._folder / _BALLAST).unlink()

    def make_read_only(self) -> None:
        """Refuse every write from now on; whoever has a file open for writing must be ending."""
        what = f"{self._folder} is read-only"
        wait_until(lambda: self._remount("ro").returncode == 0, 10, what)

    def make_writable(self) -> None:
        """Take writes again."""
        ended = self._remount("rw")
        assert ended.returncode == 0, ended.stderr

    def _remount(self, how: str) -> subprocess.CompletedProcess[str]:
        return run(["mount", "-o", f"remount,{how}", str(self._folder)])
