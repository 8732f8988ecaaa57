"""The client of one registry: what the rest of the indexer may ask it."""

from collections.abc import AsyncIterator

import httpx2

from indexer.clock import Clock
from indexer.model import Content, Descriptor, Digest, RepositoryName, TagName
from indexer.registry.auth import Credentials
from indexer.registry.http import Exchange
from indexer.registry.listings import CatalogPage, Lister
from indexer.registry.manifests import BLOB_MAX_BYTES, read_blob, read_manifest
from indexer.registry.referrers import read_referrers


class RegistryClient:
    """Reads one registry. Shared by any number of tasks of one event loop; close it at the end.

    ``url`` is the registry's address, ``http(s)://host[:port]``, :class:`InvalidValueError` where
    it is none. ``max_in_flight`` is the most requests under way at once; further ones wait.

    Whatever a registry does, only the errors under :class:`RegistryError` leave these methods.
    Failures that may pass (no answer, 408, 429, 499, 5xx) were tried three times before, unless
    the registry asked for a pause of more than ten seconds: that is raised at once as
    :class:`UnreachableError` with ``retry_after``. :class:`AbsentError` is raised only where the
    registry itself said that the very thing does not exist; :class:`DeniedError`,
    :class:`UnusableAnswerError` and :class:`TooLargeError` say nothing about that.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        credentials: Credentials | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        max_in_flight: int = 8,
    ) -> None:
        self._exchange = Exchange(
            url,
            clock=clock,
            credentials=credentials,
            transport=transport,
            max_in_flight=max_in_flight,
        )
        self._lister = Lister(self._exchange)

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent so far, those to other hosts too."""
        return self._exchange.requests

    async def aclose(self) -> None:
        """Close all connections."""
        await self._exchange.aclose()

    def repositories(self, *, resume: str = "") -> AsyncIterator[CatalogPage]:
        """Yield the pages of the catalog, from where a page's ``resume`` says or the beginning.

        Where the registry loses its place the listing starts again, up to three times, so that
        pages may come twice. :class:`UnusableAnswerError` for a listing that goes in circles,
        :class:`TooLargeError` above 1,000,000 names.
        """
        return self._lister.repositories(resume)

    def tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        """Yield the pages of a repository's tags; one empty page for a repository without tags.

        Pages may come twice, and errors are raised, as with :meth:`repositories`;
        :class:`AbsentError` where the registry does not know the repository.
        """
        return self._lister.tags(repository)

    async def manifest(
        self, repository: RepositoryName, reference: str, *, known: Digest | None = None
    ) -> Content | None:
        """Return the manifest that a tag or digest names; None where that is still ``known``.

        Its digest is verified. :class:`InvalidValueError` for a ``reference`` that is neither tag
        nor digest.
        """
        return await read_manifest(self._exchange, repository, reference, known=known)

    async def blob(
        self,
        repository: RepositoryName,
        descriptor: Descriptor,
        *,
        limit: int = BLOB_MAX_BYTES,
    ) -> bytes:
        """Return a blob of at most ``limit`` bytes; its digest is verified.

        :class:`TooLargeError` without a request where the descriptor's size is over the limit.
        """
        return await read_blob(self._exchange, repository, descriptor, limit=limit)

    async def referrers(
        self, repository: RepositoryName, digest: Digest
    ) -> tuple[Descriptor, ...] | None:
        """Return what the registry lists as attached to a digest, at most 1,000 manifests.

        None where it has no API for that. :class:`AbsentError` where it has it, or seems to, and
        does not know the repository or the digest.
        """
        return await read_referrers(self._exchange, repository, digest)
