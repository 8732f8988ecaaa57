"""Read the settings, and make and check their data directory, before a process uses it.

The supervisor needs no engine and no store, which take long to import: functions import them.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from indexer.engines import Engine
from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api.processes.logs import configure_logging
from search_api.processes.restarts import RESTARTS_FILE
from search_api.processes.service_file import SERVICE_FILE

if TYPE_CHECKING:
    # An optional dependency.
    from indexer.engines.opensearch import OpenSearchEngine

log = structlog.get_logger()

INDEX_DIRECTORY = "search-index"
NO_REGISTRY = (
    "no registry is set: REGSEARCH_REGISTRY=http://localhost:5000 names one,"
    " [[registry]] tables in regsearch.toml name several"
)
SUPERVISOR_FILE = "serve.pid"
_PRIVATE_UMASK = 0o077
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OURS = (
    INDEX_DIRECTORY,
    "*.db",
    "*.db-wal",
    "*.db-shm",
    "*.lock",
    "*.pid",
    "webhook-secret*",
    "session-secret",
    "ended-sessions.json",
    "token*.json*",
    RESTARTS_FILE,
    SERVICE_FILE,
)
"""The files of a data directory; it may be a folder with others, which stay as they are."""


def prepare_settings(*, process: str, quiet: bool = False, supervised: bool = False) -> Settings:
    """Return the settings, with logging and the data directory ready.

    The supervisor of a ``supervised`` process has closed the data directory to others already.
    """
    settings = load_settings()
    configure_logging(
        "error" if quiet else settings.log_level,
        process=process,
        as_json=settings.log_format == "json",
    )
    if not settings.registry:
        raise SettingsError(NO_REGISTRY)
    prepare(settings, supervised=supervised)
    return settings


def prepare(settings: Settings, *, supervised: bool = False) -> None:
    """Make the data directory; :class:`SettingsError` if it cannot be used.

    Only this account may read it and what this process and its children write from now on. A
    failing disk may become read-only. A data directory with a store can still be searched then.
    """
    os.umask(_PRIVATE_UMASK)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir {str(settings.data_dir)!r}: {error.strerror}") from error
    if os.access(settings.data_dir, os.R_OK | os.W_OK | os.X_OK):
        if not supervised:
            _close_to_others(settings.data_dir)
        return
    is_read_only = bool(os.statvfs(settings.data_dir).f_flag & os.ST_RDONLY)
    if not is_read_only or not _has_store(settings.data_dir):
        raise SettingsError(f"data_dir {str(settings.data_dir)!r} cannot be written")
    log.warning("data_dir_is_read_only", path=str(settings.data_dir))


@contextmanager
def supervisor_lock(directory: Path) -> Iterator[None]:
    """Let one supervisor work on a data directory; the lock ends with the process.

    :class:`SettingsError` if another one does. On a volume that cannot be written there is none.
    """
    path = directory / SUPERVISOR_FILE
    try:
        # Not for writing: a supervisor must not keep a disk from being made read-only.
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError as error:
        log.warning("supervisor_not_locked", path=str(path), reason=error.strerror)
        yield
        return
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"data_dir {str(directory)!r}: regsearch serve runs on it already, as process"
                f" {file.read().strip()}: stop that one, or set another data_dir"
            ) from error
        with suppress(OSError):
            path.write_text(f"{os.getpid()}\n", "utf-8")
        yield


def _close_to_others(directory: Path) -> None:
    """Take what others may do from a data directory; where that is refused, log it once.

    Volumes without modes refuse it, and so do those that belong to another account, as Kubernetes
    mounts them: whoever mounts such a volume decides who may read it.
    """
    try:
        for path in _list_ours(directory):
            mode = path.lstat().st_mode
            if mode & stat.S_ISVTX:
                raise PermissionError(f"{path} is a folder that everybody shares")
            if mode & _OTHERS and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
            if path.lstat().st_mode & _OTHERS and not stat.S_ISLNK(mode):
                raise PermissionError(f"{path} keeps its mode")
    except FileNotFoundError:
        # Another process works with it, and has closed what it makes.
        return
    except OSError as error:
        log.warning("data_dir_readable_by_others", path=str(directory), reason=str(error))


def _list_ours(directory: Path) -> Iterator[Path]:
    yield directory
    for pattern in _OURS:
        yield from directory.glob(pattern)
    yield from (directory / INDEX_DIRECTORY).rglob("*")


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

    That of a cluster is among them if the settings say where it is. :class:`SettingsError` if the
    library of the chosen engine is not installed, or a file of the cluster cannot be read.
    """
    from indexer.engines.whoosh import WhooshEngine  # noqa: PLC0415

    directory = settings.data_dir / INDEX_DIRECTORY
    engines: list[Engine] = [WhooshEngine(directory)]
    try:
        # An optional dependency.
        from indexer.engines.tantivy import TantivyEngine  # noqa: PLC0415
    except ImportError as error:
        _refuse_missing(settings, "tantivy", error)
    else:
        engines.append(TantivyEngine(directory))
    if settings.opensearch_url:
        try:
            engines.append(_make_opensearch(settings, directory))
        except ImportError as error:
            _refuse_missing(settings, "opensearch", error)
    (chosen,) = (engine for engine in engines if engine.name == settings.engine)
    return Engines(chosen, tuple(engine for engine in engines if engine is not chosen))


def make_joint_engine(settings: Settings) -> "OpenSearchEngine":
    """Return the engine with which a search node reads what all indexer nodes have.

    :class:`SettingsError` if it is not installed, or a file of the cluster cannot be read.
    """
    try:
        return _make_opensearch(settings, settings.data_dir / INDEX_DIRECTORY)
    except ImportError as error:
        _refuse_missing(settings, "opensearch", error)
        raise


def _refuse_missing(settings: Settings, name: str, error: ImportError) -> None:
    if settings.engine == name:
        message = f"engine {name!r} is not installed: pip install 'regsearch[{name}]' ({error})"
        raise SettingsError(message) from error


def _make_opensearch(settings: Settings, directory: Path) -> "OpenSearchEngine":
    # An optional dependency too.
    from indexer.engines.opensearch import (  # noqa: PLC0415
        ClusterAddress,
        IndexShape,
        OpenSearchEngine,
    )

    address = ClusterAddress(
        settings.opensearch_url,
        username=settings.opensearch_username,
        password=settings.opensearch_secret(),
        ca_file=settings.opensearch_ca_file,
        timeout=settings.search_deadline.total_seconds(),
    )
    shape = IndexShape(settings.opensearch_shards, settings.opensearch_replicas)
    return OpenSearchEngine(directory, address, prefix=settings.opensearch_prefix, shape=shape)
