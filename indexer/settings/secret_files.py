"""Secrets that are kept in files of their own, as Docker and Kubernetes mount them."""

from pathlib import Path

from indexer.errors import SettingsError


def read_secret_file(path: Path, *, setting: str) -> str:
    """Return the secret in a file, without the space around it; it may be empty.

    :class:`SettingsError`, which begins with ``setting``, if the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting}: {error}") from error
