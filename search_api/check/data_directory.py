"""The data directory: whether it can be made, written and filled; nothing in it is changed."""

import os
import pwd
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

from indexer.model import size_text
from search_api.check.findings import Finding, ok, warning, wrong
from search_api.processes import INDEX_DIRECTORY

AREA = "data directory"
FREE_MIN_BYTES = 64 * 1_024 * 1_024
"""With less free space, what is received may be refused at any moment."""
FREE_WANTED_BYTES = 512 * 1_024 * 1_024
FREE_FILES_MIN = 1_000
_SIZE_FILES_MAX = 100_000


def check_data_directory(directory: Path) -> Iterator[Finding]:
    """Yield how the data directory is, or the place where it would be made."""
    if directory.exists():
        place = directory
        is_usable = yield from _check_use(directory)
    else:
        place = _nearest(directory)
        is_usable = yield from _check_place(directory, place)
    if is_usable:
        yield from _check_space(directory, place)


def _check_use(directory: Path) -> Generator[Finding, None, bool]:
    """Yield whether a folder that is there can be used; return whether the disk is looked at."""
    shown = repr(str(directory))
    if not directory.is_dir():
        yield _unusable(
            f"{shown} is a file, not a folder", "correct data_dir, or move the file away"
        )
        return False
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        yield wrong(
            AREA,
            "writing",
            f"{shown} is on a file system that is read-only: nothing new can be stored",
            "mount it for writing; after an error of the disk, look into the log of the system",
        )
        return False
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield _unusable(f"{shown} cannot be written by {_user()}", _give_it(directory))
        return False
    others = [path for path in _files(directory) if not os.access(path, os.R_OK | os.W_OK)]
    if others:
        yield _unusable(
            f"{len(others)} files cannot be written by {_user()}, such as {str(others[0])!r}",
            _give_it(directory),
        )
        return False
    yield ok(AREA, "writing", f"{shown} can be written by {_user()}")
    return True


def _check_place(directory: Path, place: Path) -> Generator[Finding, None, bool]:
    """Yield whether the folder can be made; return whether the disk is looked at."""
    shown = repr(str(directory))
    if not place.is_dir():
        yield _unusable(
            f"{shown} cannot be made, because {str(place)!r} is a file",
            "correct data_dir, or move the file away",
        )
        return False
    about = os.statvfs(place)
    if about.f_blocks == 0 or about.f_flag & os.ST_RDONLY:
        yield _unusable(
            f"{shown} cannot be made, because {str(place)!r} takes no files",
            "set data_dir to a folder on a disk that can be written",
        )
        return False
    if not os.access(place, os.W_OK | os.X_OK):
        yield _unusable(
            f"{shown} cannot be made by {_user()} in {str(place)!r}",
            f"make it and give it to that user: mkdir {directory}; {_give_it(directory)}",
        )
        return False
    yield ok(AREA, "writing", f"{shown} is made at the first start")
    return True


def _check_space(directory: Path, place: Path) -> Iterator[Finding]:
    about, free = os.statvfs(place), shutil.disk_usage(place).free
    if free < FREE_MIN_BYTES:
        yield wrong(
            AREA,
            "free space",
            f"{size_text(free)} are free in {str(place)!r}",
            "make room: without it, notifications are refused and nothing is indexed",
        )
        return
    if about.f_files and about.f_favail < FREE_FILES_MIN:
        yield wrong(
            AREA,
            "free space",
            f"only {about.f_favail} more files can be made in {str(place)!r} (inodes)",
            "delete files, or make the file system with more inodes",
        )
        return
    index = sum(path.stat().st_size for path in _files(directory / INDEX_DIRECTORY))
    # A rebuild makes a new search index beside the old one.
    if free < max(FREE_WANTED_BYTES, 2 * index):
        yield warning(
            AREA,
            "free space",
            f"{size_text(free)} are free, and the search index has {size_text(index)}",
            "make room: a rebuild needs as much again as the search index, and the journal grows",
        )
        return
    yield ok(AREA, "free space", f"{size_text(free)} are free in {str(place)!r}")


def _nearest(directory: Path) -> Path:
    """Return the nearest thing above a folder that is there."""
    return next(one for one in directory.absolute().parents if one.exists())


def _files(directory: Path) -> list[Path]:
    found = []
    for path in directory.rglob("*"):
        if path.is_file():
            found.append(path)
        if len(found) >= _SIZE_FILES_MAX:
            break
    return found


def _user() -> str:
    number = os.geteuid()
    try:
        return f"user {pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        # Containers run as numbers without a name.
        return f"user {number}"


def _give_it(directory: Path) -> str:
    return f"chown -R {os.geteuid()} {directory} (in Kubernetes: fsGroup of the pod)"


def _unusable(value: str, remedy: str) -> Finding:
    return wrong(AREA, "writing", value, remedy, stops_start=True)
