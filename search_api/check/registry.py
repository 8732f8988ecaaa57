"""A registry: whether it is reached, lets us in, and gives what is read of it."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from indexer.clock import Clock
from indexer.errors import AbsentError, NoCatalogError, RegistryError, SettingsError
from indexer.model import Digest, RepositoryName, TagName, is_system_tag
from indexer.registry import Failure, RegistryClient, TokenRealm, registry_client
from indexer.settings import RegistrySettings
from search_api.check.findings import Finding, ok, warning, wrong

CLOCK_SECONDS_MAX = 30
"""Certificates and tokens are valid to the second; the ``Date`` of an answer is a little old."""
REPOSITORIES_TRIED = 5
TAGS_TRIED = 3
"""Of each of these repositories."""
_UNKNOWN = RepositoryName("regsearch-check/nothing")
_NO_CATALOG_REMEDY = (
    "set repositories = [...] of the registry: they are crawled in its place; without it, only what"
    " notifications name is known"
)


@dataclass(slots=True)
class SeenContent:
    """What a registry showed of itself: repositories, and the tags of some of them."""

    names: list[RepositoryName] = field(default_factory=list)
    """The first ones of the catalog that are read, at most 1,000."""
    is_whole: bool = False
    """Whether these are all."""
    tags: dict[RepositoryName, list[TagName]] = field(default_factory=dict)
    digests: dict[tuple[RepositoryName, TagName], Digest] = field(default_factory=dict)


def area_of(registry: RegistrySettings) -> str:
    """Return what findings about a registry belong to."""
    return f"registry {registry.name}"


class RegistryCheck:
    """Tries one registry; ``seen`` afterwards holds what it showed."""

    def __init__(self, registry: RegistrySettings, *, clock: Clock, token_origin: str) -> None:
        """Take the token service that the indexer knows already, "" for none."""
        self.seen = SeenContent()
        self._registry = registry
        self._area = area_of(registry)
        self._clock = clock
        self._realm = TokenRealm(named=registry.token_realm, pinned=token_origin)
        self._explain: Callable[[RegistryError], Failure] = lambda error: Failure(str(error), "")

    async def run(self, wanted: Sequence[RepositoryName] = ()) -> AsyncIterator[Finding]:
        """Yield what is found, until nothing more can be tried.

        ``wanted`` are repositories of which the tags are read first.
        """
        try:
            client = registry_client(
                self._registry, clock=self._clock, realm=self._realm, retry_delays=()
            )
        except SettingsError:
            # The settings say it already.
            return
        self._explain = client.explain
        try:
            async for finding in self._try(client, wanted):
                yield finding
        except SettingsError as error:
            # A helper program is asked for the credentials only when the registry wants them.
            yield wrong(
                self._area,
                "credentials",
                str(error),
                "correct docker_config, or set username and password_file",
            )
        finally:
            await client.aclose()

    async def _try(
        self, client: RegistryClient, wanted: Sequence[RepositoryName]
    ) -> AsyncIterator[Finding]:
        try:
            greeting = await client.greeting()
        except RegistryError as error:
            yield self._failed("address", error)
            return
        yield ok(self._area, "address", f"{self._registry.url} answers as a registry")
        if self._registry.insecure:
            yield warning(
                self._area,
                "certificate",
                "it is not checked, so anybody on the way can answer in its place",
                "remove insecure = true, and set ca_file to the certificate of its authority",
            )
        if finding := self._check_clock(greeting.told_at):
            yield finding
        try:
            await client.log_in()
        except RegistryError as error:
            yield self._failed("credentials", error)
            return
        yield self._logged_in(greeting.schemes)
        async for finding in self._check_catalog(client):
            yield finding
        async for finding in self._check_content(client, wanted):
            yield finding

    def _failed(self, thing: str, error: RegistryError) -> Finding:
        failure = self._explain(error)
        return wrong(self._area, thing, failure.problem, failure.remedy)

    def _check_clock(self, told_at: datetime | None) -> Finding | None:
        if told_at is None:
            return None
        ahead = told_at - self._clock.now()
        if abs(ahead) <= timedelta(seconds=CLOCK_SECONDS_MAX):
            return ok(self._area, "clock", "tells the same time as this host")
        where = "ahead of" if ahead > timedelta() else "behind"
        return warning(
            self._area,
            "clock",
            f"is {_duration(abs(ahead))} {where} the clock of this host",
            "set both by NTP: tokens and certificates are valid for a time, and times of pushes"
            " are compared",
        )

    def _logged_in(self, schemes: Sequence[str]) -> Finding:
        has_some = self._registry.is_read_with_credentials
        if has_some and not schemes:
            return warning(
                self._area,
                "credentials",
                "it asks for none, so nobody knows whether those of the settings are right",
                "remove them if everybody may read this registry",
            )
        way = f" ({', '.join(schemes)})" if schemes else ""
        who = "it takes those of the settings" if has_some else "it needs none"
        return ok(self._area, "credentials", f"{who}{way}")

    async def _check_catalog(self, client: RegistryClient) -> AsyncIterator[Finding]:
        registry, seen = self._registry, self.seen
        names: list[RepositoryName] = []
        try:
            async for page in client.repositories():
                names = list(page.names)
                seen.is_whole = not page.resume
                break
        except NoCatalogError:
            yield wrong(self._area, "catalog", "it has none", _NO_CATALOG_REMEDY)
            return
        except RegistryError as error:
            yield self._failed("catalog", error)
            return
        seen.names = [name for name in names if registry.includes(name)]
        some = "" if seen.is_whole else "more than "
        if registry.repositories:
            # Others of which nobody said anything may be there.
            seen.is_whole = False
            yield ok(self._area, "catalog", f"{len(names)} repositories of the settings are read")
            return
        if not names:
            yield ok(self._area, "catalog", "it lists no repository yet")
        elif not seen.names:
            yield warning(
                self._area,
                "catalog",
                f"include and exclude leave out all of {some}{len(names)} repositories",
                "correct these patterns: * stands for any text, / too",
            )
        else:
            yield ok(
                self._area,
                "catalog",
                f"{some}{len(names)} repositories, {len(seen.names)} of them are read",
            )

    async def _check_content(
        self, client: RegistryClient, wanted: Sequence[RepositoryName]
    ) -> AsyncIterator[Finding]:
        if self._registry.pull_through:
            # Each question would make it fetch from the registry that it caches.
            return
        there = set(self.seen.names)
        tried = [name for name in wanted if name in there or not self.seen.is_whole]
        tried += [name for name in self.seen.names if name not in tried]
        for name in islice(tried, REPOSITORIES_TRIED):
            try:
                self.seen.tags[name] = [tag async for page in client.tags(name) for tag in page]
            except AbsentError:
                # Some list repositories of which nothing was ever pushed.
                self.seen.tags[name] = []
            except RegistryError as error:
                yield self._failed("tags", error)
                return
        if not tried:
            if finding := await self._look_at_nothing(client):
                yield finding
            return
        yield ok(self._area, "tags", f"can be listed, such as those of {tried[0]}")
        async for finding in self._check_manifests(client):
            yield finding

    async def _look_at_nothing(self, client: RegistryClient) -> Finding | None:
        """Ask for what is not there: a service that is no registry says so."""
        try:
            async for _ in client.tags(_UNKNOWN):
                break
        except AbsentError:
            return None
        except RegistryError as error:
            return self._failed("tags", error) if "registry" in str(error) else None
        return None

    async def _check_manifests(self, client: RegistryClient) -> AsyncIterator[Finding]:
        read = [
            (name, tag)
            for name, tags in self.seen.tags.items()
            for tag in [one for one in tags if not is_system_tag(one)][-TAGS_TRIED:]
        ]
        for name, tag in read:
            try:
                digest = await client.digest(name, tag)
            except AbsentError:
                continue
            except RegistryError as error:
                yield self._failed("rights", error)
                return
            if digest is not None:
                self.seen.digests[name, tag] = digest
        if not self.seen.digests:
            return
        (name, tag), digest = next(iter(self.seen.digests.items()))
        yield ok(self._area, "rights", f"can be pulled, such as {name}:{tag}")
        try:
            referrers = await client.referrers(name, digest)
        except RegistryError as error:
            yield self._failed("referrers", error)
            return
        if referrers is None:
            yield ok(
                self._area,
                "referrers",
                "it has no list of them: signatures and SBOMs are found by their tags",
            )
        else:
            yield ok(self._area, "referrers", "it lists what is attached to an image")


def _duration(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
