"""The state that a search needs besides an engine."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from indexer.model import ALL_RIGHTS, Rights
from indexer.store import LiveIndex, StoreFreshness, StoreStatus


class ChainFinder(Protocol):
    """Tells which chains a condition about layers stands for.

    One more than :data:`indexer.store.KEYS_MAX` when there are more than allowed.
    """

    def find_bases(self, name: str, *, is_prefix: bool = False) -> list[str]:
        """Return the chains of which something is built on what a name means."""

    def find_derived(self, name: str) -> list[str]:
        """Return the chains of the bases of what a name means."""

    def find_layer(self, layer: str) -> list[str]:
        """Return the chains whose last layer has a digest, or one that begins so."""


class SearchState(Protocol):
    """Read only. It belongs to one thread; each request is inside :meth:`begin_request`."""

    def begin_request(self, rights: Rights = ALL_RIGHTS) -> AbstractContextManager[None]:
        """Enclose one request of somebody with these rights.

        A failure in it is a :class:`indexer.errors.StoreError`.
        """

    def live(self) -> LiveIndex | None:
        """Return the generation that answers searches; None before the first."""

    def look_again(self) -> None:
        """Ask anew at the next call what is live: the generation that was told is not there."""

    def freshness(self) -> StoreFreshness:
        """Return how fresh the store is."""

    def lineage_keys(self) -> ChainFinder | None:
        """Return the keys of ``base:``, ``baseof:`` and ``layer:``; None if there are none."""

    def status(self) -> StoreStatus:
        """Return the status for operators, without the freshness."""

    def repository_names(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all repositories, by registry; the same object while it is so."""

    def token_origin(self, registry: str) -> str:
        """Return scheme, host and port of the token service of a registry; "" if unknown."""

    def close(self) -> None:
        """Close all files and connections."""
