"""What a token service grants to one caller, asked for many repositories at a time.

Token services differ in how many scopes of a request they read: all of them, the first 10 or 20,
only the first, or only the last. What a token does not name may not have been read. So a number of
scopes is believed only once it is proven: by a token that names the first and the last repository
that was asked for, or by a repository known to be granted, which is asked for at both ends.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice

from indexer.errors import TooLargeError
from indexer.registry import TokenGrant
from search_api.access.calls import gathered

NAMES_MAX = 100
"""The most repositories in one request for a token."""
NAMES_MAX_BYTES = 5_400
"""The most bytes of their scopes, so that the whole address stays below 6 kB."""
_SCOPE_BYTES = len("&scope=repository::pull")
PARALLEL = 8
_SMALLER = (50, 20, 10, 5, 2, 1)

Ask = Callable[[Sequence[str]], Awaitable[TokenGrant]]
"""Asks for a token for some repositories."""


@dataclass(slots=True)
class ScopesRead:
    """How many scopes of a request the token service of a registry reads, for all callers.

    ``size`` is how many are asked for, ``proven`` how many it is known to read.
    """

    size: int = NAMES_MAX
    proven: int = 1

    def reads(self, scopes: int) -> bool:
        """Tell whether it is known to read that many."""
        return scopes <= self.proven

    def prove(self, scopes: int) -> None:
        """Note that it read that many."""
        self.proven = max(self.proven, scopes)

    def shrink(self, below: int) -> None:
        """Ask for fewer than ``below`` from now on."""
        self.size = next(size for size in _SMALLER if size < below)
        self.proven = min(self.proven, self.size)


@dataclass(slots=True)
class Decided:
    """What is known of the repositories of a registry, for one caller."""

    names: set[str] = field(default_factory=set)
    """The repositories for which it is known whether they may be pulled."""
    granted: set[str] = field(default_factory=set)
    """Those that may be."""


async def ask_tokens(
    names: Collection[str], *, ask: Ask, scopes: ScopesRead, decided: Decided
) -> None:
    """Ask for all ``names``, and add to ``decided`` what is known, as soon as it is.

    Names stay out of ``decided`` if nothing was granted and so nothing could be proven.
    """
    await _Asking(ask, scopes, decided).run(sorted(names))


class _Asking:
    def __init__(self, ask: Ask, scopes: ScopesRead, decided: Decided) -> None:
        self._ask = ask
        self._scopes = scopes
        self._decided = decided
        self._unclear: list[list[str]] = []

    async def run(self, names: list[str]) -> None:
        waiting, is_first = names, True
        while waiting:
            size = self._scopes.size
            batches: list[list[str]] = []
            # One alone at first: it may tell how many can be asked for.
            while waiting and len(batches) < (1 if is_first else PARALLEL):
                batches.append(_first(waiting, size))
                waiting = waiting[len(batches[-1]) :]
            is_first = False
            for refused in await gathered(map(self._ask_for, batches)):
                waiting = waiting + refused
            if self._unclear and self._decided.granted:
                await self._find_size(min(self._decided.granted), names)
            waiting = waiting + self._clear()

    async def _ask_for(self, batch: list[str]) -> list[str]:
        """Ask for some names; return those to ask for again, in smaller numbers."""
        try:
            answer = await self._ask(batch)
        except TooLargeError:
            if self._scopes.size >= len(batch):
                self._scopes.shrink(len(batch))
            return batch
        if {batch[0], batch[-1]} <= answer.named:
            self._scopes.prove(len(batch))
        self._decided.granted |= answer.pulled
        self._decided.names |= answer.named
        if len(answer.named) < len(batch):
            self._unclear.append(batch)
        return []

    async def _find_size(self, granted: str, names: Sequence[str]) -> None:
        """Find out how many scopes are read, with a repository that is known to be granted."""
        before = self._scopes.size
        others = [name for name in islice(names, NAMES_MAX) if name != granted]
        while True:
            fill = _first(others, self._scopes.size - 1, granted)
            if self._scopes.reads(len(fill) + 1):
                break
            try:
                ends = await gathered([self._ask([granted, *fill]), self._ask([*fill, granted])])
            except TooLargeError:
                ends = []
            if ends and all(granted in end.pulled for end in ends):
                self._scopes.prove(len(fill) + 1)
            else:
                self._scopes.shrink(len(fill) + 1)
        if len(fill) < len(others):
            self._scopes.size = self._scopes.proven
        if self._scopes.size == 1 and granted not in (await self._ask([granted])).pulled:
            # It was taken away meanwhile, so nothing was found out.
            self._scopes.size = before
            self._decided.granted.discard(granted)

    def _clear(self) -> list[str]:
        """Decide what is clear by now; return what has to be asked for again."""
        again: list[str] = []
        unclear, self._unclear = self._unclear, []
        for batch in unclear:
            if self._scopes.reads(len(batch)):
                self._decided.names |= set(batch)
            elif self._scopes.size < len(batch):
                again += [name for name in batch if name not in self._decided.names]
            else:
                self._unclear.append(batch)
        return again


def _first(names: Sequence[str], most: int, *others: str) -> list[str]:
    """Return the first names, as many as one request has room for beside ``others``."""
    room = NAMES_MAX_BYTES - sum(len(name) + _SCOPE_BYTES for name in others)
    taken: list[str] = []
    for name in islice(names, most):
        room -= len(name) + _SCOPE_BYTES
        if room < 0 and taken:
            break
        taken.append(name)
    return taken
