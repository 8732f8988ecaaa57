"""Where the service of a data directory answers, for commands on the same machine."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from indexer.errors import InvalidValueError, SettingsError
from indexer.model import parse_json_object
from indexer.settings import Settings
from search_api.processes.address import own_address

log = structlog.get_logger()

SERVICE_FILE = "service.json"


@dataclass(frozen=True, slots=True)
class RunningService:
    """The address of a service, and a token with which it tells everything."""

    url: str
    token: str = field(repr=False)


def write_service_file(settings: Settings, token: str) -> None:
    """Write where this service answers; only this account may read it."""
    path = settings.data_dir / SERVICE_FILE
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"url": f"http://{own_address(settings)}", "token": token}, file)
        draft.replace(path)
    except OSError as error:
        # A disk that is full or read-only is no reason not to answer searches.
        log.warning("service_file_not_written", path=str(path), reason=error.strerror)


def remove_service_file(settings: Settings) -> None:
    """Remove what :func:`write_service_file` wrote, because the service ends."""
    try:
        (settings.data_dir / SERVICE_FILE).unlink(missing_ok=True)
    except OSError as error:
        log.warning("service_file_not_removed", reason=error.strerror)


def read_service_file(directory: Path) -> RunningService | None:
    """Return the service that runs on a data directory; None if none has said so.

    One that was killed may still be named. :class:`SettingsError` if the file cannot be read.
    """
    path = directory / SERVICE_FILE
    try:
        body = parse_json_object(path.read_bytes())
        return RunningService(str(body["url"]), str(body["token"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise SettingsError(
            f"{path}: only the account of the service may read it; run this command as that"
            " account, or name the address of the service with --url"
        ) from error
    except (OSError, KeyError, InvalidValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
