"""Opening a tantivy index, and what it raises when that fails."""

from pathlib import Path
from types import TracebackType

from tantivy import Index

from indexer.engines.tantivy_match import Matcher
from indexer.engines.tantivy_schema import schema
from indexer.engines.tantivy_view import View
from indexer.errors import EngineError

_UNREADABLE = (OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError)
_PANIC = "PanicException"
"""What a panic inside of tantivy becomes: a ``BaseException`` that no module gives a name to."""


class engine_errors:  # noqa: N801  # used like a function, as context managers are
    """Turn what tantivy raises for a missing, torn or foreign index into an ``EngineError``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        """Begin; the body is judged when it ends."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, EngineError):
            return
        if kind.__name__ == _PANIC or issubclass(kind, _UNREADABLE):
            message = f"search index {self._folder} cannot be used: {error!r}"
            raise EngineError(message) from error


class OpenIndex:
    """The newest commit of the index in ``folder``, as of the last refresh."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with engine_errors(folder):
            self.index = Index.open(str(folder))
            self.index.config_reader("manual")
        self._matcher = Matcher(schema())
        self._view: View | None = None

    @property
    def view(self) -> View:
        """The documents of that commit."""
        if self._view is None:
            raise EngineError(f"search index {self._folder} is closed")
        return self._view

    def refresh(self) -> None:
        """Go to the newest commit; the old one stays when that cannot be read."""
        with engine_errors(self._folder):
            self.index.reload()
            self._view = View(self.index.searcher(), self._matcher)

    def close(self) -> None:
        """Let go of all files."""
        self._view = None
        del self.index
