"""The webhook secrets: from the settings, or made at the first start and kept."""

import os
import secrets
from pathlib import Path

from indexer.errors import SettingsError
from indexer.settings import Settings, short_secret

SECRET_FILE = "webhook-secret"  # noqa: S105 - the name of the file


def webhook_secrets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the secrets of each registry that are accepted, the present one first.

    It has its own, else the one of :func:`common_secret`, and perhaps a previous one, so that
    nothing is refused while the secret is changed.
    """
    common = common_secret(settings)
    found: dict[str, tuple[str, ...]] = {}
    for registry in settings.registry:
        shared = "" if registry.webhook_secret else settings.previous_webhook_secret
        present = registry.webhook_secret or common
        found[registry.name] = tuple(
            filter(None, (present, registry.previous_webhook_secret or shared))
        )
    return found


def kept_secrets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the same as :func:`webhook_secrets`, and make nothing: empty before the first start.

    :class:`SettingsError` as there.
    """
    is_made = bool(settings.webhook_secret) or (settings.data_dir / SECRET_FILE).exists()
    return webhook_secrets(settings) if is_made else {}


def common_secret(settings: Settings) -> str:
    """Return the secret of the settings, else the one in the data directory, made if missing.

    :class:`SettingsError` if the file with the secret cannot be used.
    """
    if settings.webhook_secret:
        return settings.webhook_secret
    path = settings.data_dir / SECRET_FILE
    try:
        if not path.exists():
            _make(path)
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"webhook_secret, kept in {path}: {error}") from error
    if not secret:
        # An empty secret would accept everybody who sends no credential.
        raise SettingsError(f"webhook_secret, kept in {path}, is empty: remove that file")
    if problem := short_secret(f"webhook_secret, kept in {path},", secret):
        raise SettingsError(problem)
    return secret


def _make(path: Path) -> None:
    """Write a new secret that only this account can read; the first process wins."""
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(24) + "\n")
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
