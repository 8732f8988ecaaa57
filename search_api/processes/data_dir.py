"""Read the settings, and make and check their data directory, before a process uses it.

The supervisor needs no engine and no store, which take long to import: functions import them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from indexer.engines import Engine
from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api.processes.logs import configure_logging

log = structlog.get_logger()

INDEX_DIRECTORY = "search-index"


def prepare_settings(*, process: str, quiet: bool = False) -> Settings:
    """Return the settings, with logging and the data directory ready."""
    settings = load_settings()
    configure_logging("error" if quiet else settings.log_level, process=process)
    if not settings.registry:
        raise SettingsError(
            "no registry is set: REGSEARCH_REGISTRY=http://localhost:5000 names one,"
            " [[registry]] tables in regsearch.toml name several"
        )
    prepare(settings)
    return settings


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
    if not is_read_only or not _has_store(settings.data_dir):
        raise SettingsError(f"data_dir {str(settings.data_dir)!r} cannot be written")
    log.warning("data_dir_is_read_only", path=str(settings.data_dir))


def _has_store(directory: Path) -> bool:
    from indexer.store import STORE_FILE  # noqa: PLC0415

    return (directory / STORE_FILE).exists()


@dataclass(frozen=True, slots=True)
class Engines:
    """The engine of the settings, and the others that may have made the search index."""

    chosen: Engine
    others: tuple[Engine, ...]


def make_engines(settings: Settings) -> Engines:
    """Return the engines that are installed.

    :class:`SettingsError` if the library of the chosen engine is not installed.
    """
    from indexer.engines.whoosh import WhooshEngine  # noqa: PLC0415

    directory = settings.data_dir / INDEX_DIRECTORY
    engines: list[Engine] = [WhooshEngine(directory)]
    try:
        # An optional dependency.
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
