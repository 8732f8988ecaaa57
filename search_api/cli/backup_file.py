"""The file of a backup: a tar archive with the databases, what was copied, and checksums.

``tar xf FILE && sha256sum -c checksums`` checks one by hand.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from indexer.errors import UnusableFileError

FORMAT = 1
_DESCRIPTION = "backup.json"
_CHECKSUMS = "checksums"
_CHUNK = 1_024 * 1_024
_TEXT_MAX = 1_024 * 1_024


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says about itself; ``taken_at`` is RFC 3339."""

    taken_at: str
    regsearch: str
    """The version that made it."""
    store: str
    """The last step of the schema of the store."""
    journal: str
    registries: Sequence[str]
    tags: int
    format: int = FORMAT


def write_backup(output: BinaryIO, backup: Backup, files: Sequence[Path]) -> None:
    """Write a backup with these files."""
    description = json.dumps(asdict(backup), indent=2).encode() + b"\n"
    sums = {_DESCRIPTION: hashlib.sha256(description).hexdigest()}
    with tarfile.open(fileobj=output, mode="w|") as archive:
        _add(archive, _DESCRIPTION, io.BytesIO(description), size=len(description))
        for path in files:
            with path.open("rb") as file:
                hashed = _HashedFile(file)
                _add(archive, path.name, hashed, size=path.stat().st_size)
            sums[path.name] = hashed.sum.hexdigest()
        text = "".join(f"{checksum}  {name}\n" for name, checksum in sums.items()).encode()
        _add(archive, _CHECKSUMS, io.BytesIO(text), size=len(text))


def read_backup(file: BinaryIO, to: Path, *, names: Sequence[str], source: str) -> Backup:
    """Write those files of a backup that have these names into a folder; return what it says.

    :class:`UnusableFileError` names ``source`` if it is no backup, damaged, or of a newer version.
    """
    try:
        return _read(file, to, names)
    except (tarfile.TarError, ValueError, KeyError, TypeError, EOFError) as error:
        raise UnusableFileError(f"{source}: this is no whole backup: {error}") from error


def _read(file: BinaryIO, to: Path, names: Sequence[str]) -> Backup:
    sums: dict[str, str] = {}
    said: Mapping[str, str] = {}
    described: Mapping[str, Any] = {}
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                raise ValueError(f"{member.name!r} is no file")
            if member.name == _CHECKSUMS:
                lines = content.read(_TEXT_MAX).decode().splitlines()
                said = {line[66:]: line[:64] for line in lines}
                break
            if member.name == _DESCRIPTION:
                body = content.read(_TEXT_MAX)
                sums[member.name] = hashlib.sha256(body).hexdigest()
                described = json.loads(body)
                if described["format"] > FORMAT:
                    raise ValueError(
                        f"regsearch {described['regsearch']} made it; use at least that version"
                    )
            elif member.name in names:
                sums[member.name] = _extract(content, to / member.name)
            else:
                raise ValueError(f"{member.name!r} is no part of a backup")
    if not said or said != sums:
        wrong = sorted(name for name in {*said, *sums} if said.get(name) != sums.get(name))
        raise ValueError(f"wrong checksum of {', '.join(wrong)}" if said else "it ends too early")
    return Backup(**described)


def _extract(content: Any, path: Path) -> str:
    """Write the content of a member; return its checksum."""
    checksum = hashlib.sha256()
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK):
            checksum.update(chunk)
            file.write(chunk)
    return checksum.hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: Any, *, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


class _HashedFile:
    """A file whose checksum is known after it was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        chunk = self._file.read(size)
        self.sum.update(chunk)
        return chunk
