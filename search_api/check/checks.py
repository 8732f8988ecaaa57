"""All checks of a service, side by side, within a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.clock import Clock, SystemClock
from indexer.errors import EngineError, RegsearchError, StoreError, UnusableFileError
from indexer.model import RepositoryName
from indexer.settings import RegistrySettings, Settings
from indexer.store import STORE_FILE
from search_api.check.arrivals import check_arrivals
from search_api.check.data_directory import check_data_directory
from search_api.check.findings import Finding, Verdict, warning, wrong
from search_api.check.own_service import OwnService
from search_api.check.public_host import STREAM_SECONDS, PublicHost
from search_api.check.registry import RegistryCheck, area_of
from search_api.check.start import check_start
from search_api.endpoints import CheckProof
from search_api.search import SearchService, ServiceStatus, make_service

SECONDS_MAX = 45.0
"""How long one registry or one host may take; all are tried at the same time."""
RECENT_CHANGES = 50
NOTHING_PUBLIC = "the host that clients type: set public_url, or give --host HOST"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the data directory tells."""

    status: ServiceStatus | None = None
    token_origins: Mapping[str, str] = field(default_factory=dict)
    recent: Mapping[str, Sequence[RepositoryName]] = field(default_factory=dict)
    """By registry, the repositories that changed last."""
    problem: Finding | None = None


async def run_checks(
    settings: Settings,
    *,
    read_secrets: Callable[[], Mapping[str, Sequence[str]]],
    hosts: Sequence[str] = (),
    clock: Clock | None = None,
    stream_seconds: float = STREAM_SECONDS,
) -> list[Finding]:
    """Try everything, and change nothing; return what was found, in a fixed order.

    ``read_secrets`` returns the webhook secrets of each registry, if there are any yet. ``hosts``
    are those that clients type, beside ``public_url``. ``stream_seconds`` is how long a stream of
    changes is listened to.
    """
    clock = clock or SystemClock()
    findings = [*check_start(settings, read_secrets), *check_data_directory(settings.data_dir)]
    if any(one.stops_start for one in findings):
        # The service does not run with these, and what depends on it would only repeat that.
        return findings + await _only_registries(settings, clock=clock)
    secrets = read_secrets()
    known = await _read_data_directory(settings, clock=clock)
    findings += [known.problem] if known.problem else []
    service = OwnService(settings, secrets=secrets, clock=clock)
    findings += await _bounded("service", service.run(known.status))
    tried = [_try_registry(settings, one, known, clock=clock) for one in settings.registry]
    proof = CheckProof(one for each in secrets.values() for one in each)
    asked = {settings.public_url: True} if settings.public_url else {}
    asked |= {host: False for host in hosts if host not in asked}
    for text, is_public_url in asked.items():
        host = PublicHost(
            text,
            settings,
            proof=proof,
            clock=clock,
            is_public_url=is_public_url,
            stream_seconds=stream_seconds,
        )
        tried.append(_bounded(host.area, host.run()))
    for found in await asyncio.gather(*tried):
        findings += found
    return findings


def not_tried(settings: Settings, hosts: Sequence[str]) -> list[str]:
    """Return what was not tried, because nobody said where it is."""
    return [] if settings.public_url or hosts else [NOTHING_PUBLIC]


def exit_status(findings: Sequence[Finding]) -> int:
    """Return 2 for settings with which nothing starts, 1 if anything is wrong, else 0."""
    if any(one.stops_start for one in findings):
        return 2
    return int(any(one.verdict is Verdict.WRONG for one in findings))


async def _only_registries(settings: Settings, *, clock: Clock) -> list[Finding]:
    tried = [_try_registry(settings, one, _Known(), clock=clock) for one in settings.registry]
    return [finding for found in await asyncio.gather(*tried) for finding in found]


async def _try_registry(
    settings: Settings, registry: RegistrySettings, known: _Known, *, clock: Clock
) -> list[Finding]:
    origin = known.token_origins.get(registry.name, "")
    check = RegistryCheck(registry, clock=clock, token_origin=origin)
    found = await _bounded(area_of(registry), check.run(known.recent.get(registry.name, ())))
    arrived = await asyncio.to_thread(
        lambda: list(check_arrivals(settings, registry, check.seen, known.status, now=clock.now()))
    )
    return [*found, *arrived]


async def _bounded(area: str, findings: AsyncIterator[Finding]) -> list[Finding]:
    """Return the findings that come in time."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(SECONDS_MAX):
            found.extend([finding async for finding in findings])
    except TimeoutError:
        found.append(
            wrong(
                area,
                "time",
                f"it did not answer all questions within {SECONDS_MAX:.0f} seconds",
                "look at its load and its log, and at the network between it and this host",
            )
        )
    return found


async def _read_data_directory(settings: Settings, *, clock: Clock) -> _Known:
    """Return what the store tells, without a change; nothing before there is one."""
    if not (settings.data_dir / STORE_FILE).exists():
        return _Known()
    service = make_service(settings, clock=clock)
    try:
        names = [one.name for one in settings.registry]
        return _Known(
            status=await service.status(),
            token_origins={name: await service.token_origin(name) for name in names},
            recent={name: await _recent(service, name) for name in names},
        )
    except UnusableFileError as error:
        return _Known(problem=wrong("data directory", "store", *_split(error), stops_start=True))
    except (StoreError, EngineError) as error:
        return _Known(problem=warning("data directory", "store", *_split(error)))
    finally:
        await service.close()


async def _recent(service: SearchService, registry: str) -> list[RepositoryName]:
    """Return the repositories of a registry that changed last; none if it is not known yet."""

    def read(resources: Any) -> list[RepositoryName]:
        page = resources.newest_changes(registry=registry, limit=RECENT_CHANGES)
        return list(dict.fromkeys(RepositoryName(one["repository"]) for one in page.items))

    try:
        return await service.read(read)
    except RegsearchError:
        return []


def _split(error: RegsearchError) -> tuple[str, str]:
    """Return an error and what to do about it, which is behind its last semicolon or colon."""
    text = str(error)
    for separator in ("; ", ": "):
        value, found, remedy = text.rpartition(separator)
        if found:
            return value, remedy
    return text, "look into the log of the service"
