"""The files of an empty data directory, made once: to make their tables is slow."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from indexer.store import Journal, Store


def put_empty_store(directory: Path) -> None:
    """Put an empty store and journal into a directory that has none."""
    files = _empty_files()
    if not any((directory / name).exists() for name in files):
        for name, content in files.items():
            (directory / name).write_bytes(content)


@cache
def _empty_files() -> dict[str, bytes]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        Store(folder).close()
        Journal(folder).close()
        return {path.name: path.read_bytes() for path in folder.iterdir()}
