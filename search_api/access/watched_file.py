"""A small file that operators change while the service runs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from indexer.errors import SettingsError

log = structlog.get_logger()

Content = TypeVar("Content")

SIZE_MAX = 10_000_000
"""The most bytes of such a file."""
_Version = tuple[int, int, int] | None


class WatchedFile(Generic[Content]):
    """Reads a file again after each change; what cannot be used is logged, and changes nothing."""

    def __init__(
        self,
        path: Path,
        parse: Callable[[str], Content],
        *,
        setting: str,
        may_be_missing: bool = False,
    ) -> None:
        """Read it: :class:`SettingsError` if it cannot be used. A missing one may count as empty.

        ``parse`` raises :class:`SettingsError` too.
        """
        self._path = path
        self._parse = parse
        self._setting = setting
        self._may_be_missing = may_be_missing
        self._version = self._look()
        self.content = self._load()

    def read(self) -> Content:
        """Return what is in the file now; it is read only after a change."""
        version = self._look()
        if version != self._version:
            self._version = version
            try:
                self.content = self._load()
            except SettingsError as error:
                log.warning("file_unusable", reason=str(error))
            else:
                log.info("file_read_again", setting=self._setting, path=str(self._path))
        return self.content

    def _look(self) -> _Version:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a Path takes longer, at each request
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self) -> Content:
        try:
            text = self._text()
            return self._parse(text)
        except OSError as error:
            problem = error.strerror or str(error)
            raise SettingsError(f"{self._setting} {str(self._path)!r}: {problem}") from error
        except (UnicodeDecodeError, SettingsError) as error:
            raise SettingsError(f"{self._setting} {str(self._path)!r}: {error}") from error

    def _text(self) -> str:
        try:
            with self._path.open("rb") as file:
                content = file.read(SIZE_MAX + 1)
        except FileNotFoundError:
            if self._may_be_missing:
                return ""
            raise
        if len(content) > SIZE_MAX:
            raise SettingsError(f"larger than {SIZE_MAX} bytes")
        return content.decode()
