"""Users of our own, in a file as ``htpasswd -B`` of Apache makes it."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
from cachetools import TTLCache

from indexer.errors import BusyError, SettingsError
from search_api.access.caller import Basic
from search_api.access.watched_file import WatchedFile

KEPT_SECONDS = 300
"""How long a password that was right is not checked again; a change of the file ends it."""
KEPT_MAX = 10_000
WAITING_MAX = 50
"""Passwords that wait to be checked; one more is refused, for each takes a while of a processor."""
BYTES_MAX = 72
"""What bcrypt reads of a password, and so does htpasswd."""
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")


class HtpasswdFile:
    """Checks passwords, one at a time and not on the event loop."""

    def __init__(self, path: Path) -> None:
        """Read the file; :class:`SettingsError` if it cannot be used."""
        self._file = WatchedFile(path, _parse, setting="access.htpasswd_file")
        self._key = secrets.token_bytes(32)
        self._right: TTLCache[bytes, bool] = TTLCache(KEPT_MAX, KEPT_SECONDS)
        self._decoys: dict[int, bytes] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._waiting = 0
        self._users = self._file.content

    def knows(self, name: str) -> bool:
        """Tell whether a user is in the file."""
        return name in self._current()

    def stamp(self, name: str) -> str:
        """Return what changes with the password of a user; empty if the file has no such user."""
        return self._current().get(name, b"").decode()

    def was_right(self, basic: Basic) -> bool:
        """Tell whether a password was found right a short time ago."""
        return basic.username in self._current() and self._digest(basic) in self._right

    async def is_right(self, basic: Basic) -> bool:
        """Tell whether a password is right; as slowly for a user who is not in the file.

        :class:`BusyError` if too many wait.
        """
        if self.was_right(basic):
            return True
        users = self._current()
        if self._waiting >= WAITING_MAX:
            raise BusyError("too many passwords wait to be checked")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._thread, self._check, users, basic)
        finally:
            self._waiting -= 1
        if is_right and users is self._users:
            self._right[self._digest(basic)] = True
        return is_right

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _current(self) -> Mapping[str, bytes]:
        users = self._file.read()
        if users is not self._users:
            self._users = users
            self._right.clear()
        return users

    def _digest(self, basic: Basic) -> bytes:
        """Return what a password is kept as: of no use without the key, which is kept nowhere."""
        name = basic.username.encode()
        content = len(name).to_bytes(4, "big") + name + basic.password.encode()
        return hmac.digest(self._key, content, hashlib.sha256)

    def _check(self, users: Mapping[str, bytes], basic: Basic) -> bool:
        decoy = self._decoy(users)
        kept = users.get(basic.username, decoy)
        password = basic.password.encode()[:BYTES_MAX]
        is_right = bcrypt.checkpw(password, kept)
        return is_right and basic.username in users

    def _decoy(self, users: Mapping[str, bytes]) -> bytes:
        """Return what passwords of unknown users are compared with, for as long as real ones."""
        rounds = max((int(kept[4:6]) for kept in users.values()), default=5)
        if rounds not in self._decoys:
            self._decoys[rounds] = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(rounds))
        return self._decoys[rounds]


def _parse(text: str) -> Mapping[str, bytes]:
    """Return the hashes by user; :class:`SettingsError` says what is wrong with a line."""
    users: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, kept = line.strip().partition(":")
        if not name or not _HASH.fullmatch(kept):
            raise SettingsError(
                f"line {number}, user {name[:100]!r}: no bcrypt hash; `htpasswd -B` makes one"
            )
        users[name] = kept.encode()
    return users
