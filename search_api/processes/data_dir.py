"""Make and check the data directory of the settings, before a process uses it."""

import os
from dataclasses import dataclass

import structlog

from indexer.engines import Engine
from indexer.engines.whoosh import WhooshEngine
from indexer.errors import SettingsError
from indexer.settings import Settings
from indexer.store import STORE_FILE

log = structlog.get_logger()

INDEX_DIRECTORY = "search-index"


def prepare(settings: Settings) -> None:
    """Make the data directory; :class:`SettingsError` if it cannot be used.

    A failing disk may become read-only. A data directory with a store can still be searched then.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir {str(settings.data_dir)!r}: {error}") from error
    if os.access(settings.data_dir, os.R_OK | os.W_OK | os.X_OK):
        return
    is_read_only = bool(os.statvfs(settings.data_dir).f_flag & os.ST_RDONLY)
    if not is_read_only or not (settings.data_dir / STORE_FILE).exists():
        raise SettingsError(f"data_dir {str(settings.data_dir)!r} cannot be written")
    log.warning("data_dir_is_read_only", path=str(settings.data_dir))


@dataclass(frozen=True, slots=True)
class Engines:
    """The engine of the settings, and the others that may have made the search index."""

    chosen: Engine
    others: tuple[Engine, ...]


def make_engines(settings: Settings) -> Engines:
    """Return the engines that are installed.

    :class:`SettingsError` if the library of the chosen engine is not installed.
    """
    directory = settings.data_dir / INDEX_DIRECTORY
    engines: list[Engine] = [WhooshEngine(directory)]
    try:
        # An optional dependency, so it is imported only here.
        from indexer.engines.tantivy import TantivyEngine  # noqa: PLC0415
    except ImportError as error:
        if settings.engine == "tantivy":
            message = (
                f"engine 'tantivy' is not installed: pip install 'regsearch[tantivy]' ({error})"
            )
            raise SettingsError(message) from error
    else:
        engines.append(TantivyEngine(directory))
    (chosen,) = (engine for engine in engines if engine.name == settings.engine)
    return Engines(chosen, tuple(engine for engine in engines if engine is not chosen))
