"""What registries granted, kept for a while: by a keyed hash of the credentials, never by them."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from indexer.registry import Credentials
from search_api.access.policy import Granted
from search_api.access.token_rights import Decided

CALLERS_MAX = 1_000
NAMES_MAX = 1_000_000
"""The most names that are kept for all callers of a registry: about 100 bytes each."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SEPARATOR = "\0"


class Standing(Enum):
    """How the rights of a caller are found out."""

    UNKNOWN = "not yet asked"
    EVERYTHING = "the registry lets them in, and that means all"
    NOTHING = "the registry lets nobody in without credentials"
    REFUSED = "the credentials are wrong"
    LISTED = "a token service tells what is granted"
    ONE_BY_ONE = "only asking for an image tells whether it may be read"


_WHOLE = frozenset({Standing.EVERYTHING, Standing.NOTHING, Standing.REFUSED})


@dataclass(slots=True)
class CallerRights:
    """What one caller may read in one registry. The lock lets one request at a time ask."""

    until: datetime = _LONG_AGO
    standing: Standing = Standing.UNKNOWN
    decided: Decided = field(default_factory=Decided)
    problem: str = ""
    retry_at: datetime = _LONG_AGO
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: Granted | None = None
    names: frozenset[str] | None = None

    def renew(self, now: datetime, lifetime: timedelta) -> None:
        """Forget everything once it was believed for ``lifetime``."""
        if now >= self.until:
            self.until = now + lifetime
            self.standing, self.decided = Standing.UNKNOWN, Decided()
            self.problem, self.retry_at = "", _LONG_AGO
            self.changed()

    def decide(self, name: str, *, is_granted: bool) -> None:
        """Note whether a single repository is granted."""
        self.decided.names.add(name)
        if is_granted:
            self.decided.granted.add(name)

    def changed(self) -> None:
        """Make the next answer from what is known by then."""
        self.names = None

    def answer_for(self, names: Collection[str]) -> Granted:
        """Return what is known of a registry with these repositories; the same, the same object."""
        if self.names is None:
            self.names = frozenset(self.decided.granted)
        is_listed = self.standing is Standing.LISTED and self.decided.names.issuperset(names)
        made = Granted(
            everything=self.standing is Standing.EVERYTHING,
            names=self.names,
            is_exact=is_listed or self.standing in _WHOLE,
            is_refused=self.standing is Standing.REFUSED,
            problem=self.problem,
        )
        if self.answer is None or made != self.answer:
            self.answer = made
        return self.answer


class KeptRights:
    """The rights of the callers of one registry; those used longest ago are forgotten first."""

    def __init__(self, *, callers_max: int = CALLERS_MAX, names_max: int = NAMES_MAX) -> None:
        self._callers_max = callers_max
        self._names_max = names_max
        # Known to this process alone, so that a copy of its memory is no list to try passwords on
        # elsewhere.
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, CallerRights] = OrderedDict()

    def of(self, credentials: Credentials | None) -> CallerRights:
        """Return what is kept for a caller, None being everybody without credentials."""
        key = self._hash(credentials)
        rights = self._kept.setdefault(key, CallerRights())
        self._kept.move_to_end(key)
        return rights

    def sweep(self) -> None:
        """Forget callers until all that is kept is within the limits; the newest one stays."""
        names = sum(len(rights.decided.names) for rights in self._kept.values())
        for key, rights in list(self._kept.items())[:-1]:
            if len(self._kept) <= self._callers_max and names <= self._names_max:
                return
            if not rights.lock.locked():
                del self._kept[key]
                names -= len(rights.decided.names)

    def __len__(self) -> int:
        """Return the number of callers that are kept."""
        return len(self._kept)

    def _hash(self, credentials: Credentials | None) -> bytes:
        if credentials is None:
            return b""
        # A user name has no colon, and neither part a zero byte, so no two pairs are one text.
        pair = f"{credentials.username}{_SEPARATOR}{credentials.password}"
        return hashlib.blake2b(pair.encode(), key=self._key, digest_size=32).digest()
