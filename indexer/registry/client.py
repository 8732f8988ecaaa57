"""The client of one registry: the requests that the rest of the indexer can make."""

import ssl
from collections.abc import AsyncIterator, Callable, Collection, Sequence

import httpx2

from indexer.clock import Clock
from indexer.errors import RegistryError
from indexer.model import Content, Descriptor, Digest, RepositoryName, TagName
from indexer.registry.auth import Credentials
from indexer.registry.failures import Failure, explain
from indexer.registry.http import RETRY_DELAYS_SECONDS, Exchange
from indexer.registry.listings import CatalogPage, Lister
from indexer.registry.manifests import BLOB_MAX_BYTES, head_manifest, read_blob, read_manifest
from indexer.registry.realms import RealmGuard, TokenRealm
from indexer.registry.referrers import read_referrers
from indexer.registry.support import Greeting, log_in, read_greeting
from indexer.registry.tls import is_verified
from indexer.registry.traffic import RegistryTraffic
from indexer.registry.urls import check_base


class RegistryClient:
    """Reads one registry. All tasks of an event loop may share it; close it at the end.

    ``url`` is the address of the registry, ``http(s)://host[:port]``, else
    :class:`InvalidValueError`. ``max_in_flight`` is the number of requests at the same time;
    further ones wait. ``read_credentials`` reads the credentials when the registry asks for them,
    and again when it refuses them, in place of fixed ones. ``blob_hosts`` are hosts, with or
    without a port, that may be further inside than the registry. ``realm`` is its token service, as
    far as it is known. ``tls`` is what connections trust and show; None: what the system trusts.
    ``repositories`` are read in place of those of the catalog, if there are any. ``retry_delays``
    are the pauses in seconds before further tries after a temporary failure.

    These methods raise only errors under :class:`RegistryError`. Temporary failures (no answer,
    408, 429, 499, 5xx) are tried three times before. If the registry asks for a pause of more than
    ten seconds, :class:`UnreachableError` with ``retry_after`` is raised at once.
    :class:`AbsentError` means that the registry itself said that exactly this content does not
    exist. :class:`DeniedError`, :class:`UnusableAnswerError` and :class:`TooLargeError` say nothing
    about that.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        credentials: Credentials | None = None,
        read_credentials: Callable[[], Credentials | None] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        max_in_flight: int = 8,
        blob_hosts: Collection[str] = (),
        realm: TokenRealm | None = None,
        tls: ssl.SSLContext | None = None,
        repositories: Sequence[RepositoryName] = (),
        retry_delays: Sequence[float] = RETRY_DELAYS_SECONDS,
    ) -> None:
        self.traffic = RegistryTraffic()
        self.ignores_conditions = False
        """Whether it sent a manifest although it was asked for another one than this."""
        self._url = url
        self._exchange = Exchange(
            url,
            clock=clock,
            credentials=credentials,
            read_credentials=read_credentials,
            transport=transport,
            max_in_flight=max_in_flight,
            blob_hosts=blob_hosts,
            realms=RealmGuard(
                httpx2.URL(check_base(url)), realm or TokenRealm(), proves_itself=is_verified(tls)
            ),
            tls=tls,
            traffic=self.traffic,
            retry_delays=retry_delays,
        )
        self._lister = Lister(self._exchange, chosen=repositories)

    @property
    def requests(self) -> int:
        """The number of HTTP requests so far, also to other hosts."""
        return self._exchange.requests

    def explain(self, error: RegistryError) -> Failure:
        """Return what an error of this registry means, and what to change."""
        return explain(error, url=self._url, username=self._exchange.username)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._exchange.aclose()

    async def greeting(self) -> Greeting:
        """Return how the registry answers somebody without credentials."""
        return await read_greeting(self._exchange)

    async def log_in(self) -> None:
        """Ask whether the registry takes the credentials, or lets everybody in."""
        await log_in(self._exchange)

    def repositories(self, *, resume: str = "") -> AsyncIterator[CatalogPage]:
        """Yield the catalog, from the ``resume`` of a page on, or all; at most 1,000 names a time.

        The repositories of the settings come as one page, once the registry answers.

        If the registry loses its position the listing starts again, up to three times, so names may
        come twice. :class:`UnusableAnswerError` for a listing that goes in circles,
        :class:`TooLargeError` above 1,000,000 names. :class:`UnreachableError` above that number in
        all listings that are read at the same time. :class:`NoCatalogError` if the registry works,
        and has no catalog.
        """
        return self._lister.repositories(resume)

    def tags(self, repository: RepositoryName) -> AsyncIterator[tuple[TagName, ...]]:
        """Yield the tags of a repository, at most 1,000 a time; once none if it has no tags.

        Tags may come twice, and errors are raised, as with :meth:`repositories`.
        :class:`AbsentError` if the registry does not know the repository.
        """
        return self._lister.tags(repository)

    async def manifest(
        self, repository: RepositoryName, reference: str, *, known: Digest | None = None
    ) -> Content | None:
        """Return the manifest of a tag or digest; None if it still has the digest ``known``.

        The digest is verified. :class:`InvalidValueError` for a ``reference`` that is neither tag
        nor digest.
        """
        content = await read_manifest(self._exchange, repository, reference, known=known)
        if content is None or content.digest != known:
            return content
        # A digest is asked for without a condition.
        self.ignores_conditions = self.ignores_conditions or ":" not in reference
        return None

    async def digest(self, repository: RepositoryName, tag: TagName) -> Digest | None:
        """Return the digest of a tag, asked for with HEAD; None if that does not tell it."""
        return await head_manifest(self._exchange, repository, tag)

    async def blob(
        self,
        repository: RepositoryName,
        descriptor: Descriptor,
        *,
        limit: int = BLOB_MAX_BYTES,
    ) -> bytes:
        """Return a blob of at most ``limit`` bytes; its digest is verified.

        :class:`TooLargeError` without a request if the size in the descriptor is over the limit.
        """
        return await read_blob(self._exchange, repository, descriptor, limit=limit)

    async def referrers(
        self, repository: RepositoryName, digest: Digest
    ) -> tuple[Descriptor, ...] | None:
        """Return the referrers of a digest as the registry lists them, at most 1,000.

        None if it has no API for that. :class:`AbsentError` if it has, or seems to have, one, and
        does not know the repository or the digest.
        """
        return await read_referrers(self._exchange, repository, digest)
