"""The commands ``backup`` and ``restore``."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import click

from indexer.clock import SystemClock, rfc3339
from indexer.errors import SettingsError, StoreError
from indexer.model import size_text
from indexer.store import JOURNAL_FILE, STORE_FILE, adopt_databases, copy_databases
from search_api.access import TOKENS_FILE
from search_api.cli.backup_file import Backup, read_backup, write_backup
from search_api.cli.times import age_text
from search_api.processes import INDEX_DIRECTORY, prepare_settings
from webhooks.auth import SECRET_FILE

STANDARD = "-"
BESIDE = (SECRET_FILE, TOKENS_FILE)
"""Files beside the databases, if they are there. The key of sessions is none of them: who reads a
backup could sign in as anybody, and a restore would bring ended sessions back."""
FILES = (*BESIDE, STORE_FILE, JOURNAL_FILE)
"""What is in a backup, in the order in which it is put back."""
_REFUSED_BY = (*FILES, f"{STORE_FILE}-wal", f"{JOURNAL_FILE}-wal", INDEX_DIRECTORY)


def back_up(name: str) -> None:
    """Write a backup to a file, which takes the place of an older one, or to standard output."""
    settings = prepare_settings(process="backup", quiet=True)
    if name == STANDARD and sys.stdout.isatty():
        raise click.UsageError("a backup is no text for a terminal: name a file")
    directory = settings.data_dir
    beside = directory if name == STANDARD else Path(name).absolute().parent
    with _named_errors(name), _folder(beside) as folder:
        copied = copy_databases(directory, folder, clock=SystemClock())
        backup = Backup(
            taken_at=rfc3339(copied.taken_at),
            regsearch=version("regsearch"),
            store=copied.store_version,
            journal=copied.journal_version,
            registries=copied.registries,
            tags=copied.tags,
        )
        for each in BESIDE:
            if (directory / each).exists():
                shutil.copy(directory / each, folder / each)
        files = [folder / each for each in FILES if (folder / each).exists()]
        if name == STANDARD:
            write_backup(sys.stdout.buffer, backup, files)
            sys.stdout.buffer.flush()
            return
        path, draft = Path(name).absolute(), folder / "backup"
        with draft.open("wb") as output:
            write_backup(output, backup, files)
            os.fsync(output.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
        size = path.stat().st_size
    click.echo(f"{name}: {size_text(size)}, {_describe(backup)}")


def restore(name: str) -> None:
    """Put a backup into an empty data directory."""
    settings = prepare_settings(process="restore", quiet=True)
    # It takes long to import, and only this command of an operator needs it.
    from indexer.run import indexer_lock  # noqa: PLC0415

    directory, now = settings.data_dir, SystemClock().now()
    with indexer_lock(directory), _named_errors(name), _folder(directory) as folder:
        for each in _REFUSED_BY:
            if (directory / each).exists():
                raise SettingsError(
                    f"data_dir {str(directory)!r} is not empty: {each} is in it. A backup takes the"
                    " place of nothing: move the content away, or name another data_dir"
                )
        with _opened(name) as file:
            backup = read_backup(file, folder, names=FILES, source=name)
        adopt_databases(folder, now=now)
        for each in FILES:
            if (folder / each).exists():
                with (folder / each).open("rb") as moved:
                    os.fsync(moved.fileno())
                (folder / each).replace(directory / each)
        _sync_folder(directory)
    click.echo(
        f"restored {_describe(backup)}, from {age_text(backup.taken_at, now=now)}\n"
        "The next start fills the search index and crawls every registry, which finds what is in"
        f" it now. What only events tell is lost from {backup.taken_at} on: who pushed, when, which"
        " tags moved, and pulls."
    )


def _describe(backup: Backup) -> str:
    registries = ", ".join(backup.registries) or "no registry"
    return (
        f"the state of {backup.taken_at} by regsearch {backup.regsearch}:"
        f" {backup.tags} tags of {registries}"
    )


@contextmanager
def _folder(beside: Path) -> Iterator[Path]:
    """Give a folder of this account on the disk where the result is to be."""
    with tempfile.TemporaryDirectory(prefix=".regsearch-", dir=beside) as folder:
        yield Path(folder)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or name}: {error.strerror or error}") from error


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
