"""Where everything is put together: the one module that knows all packages."""

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from indexer.clock import Clock, SystemClock
from indexer.garbage import collect_seldom
from indexer.registry import RegistryTraffic
from indexer.settings import Settings
from search_api.access import (
    Access,
    Callers,
    KnownRepositories,
    PassedCallers,
    Peers,
    RegistryAsks,
    Renewal,
    Sessions,
    SignIn,
    SignInGuesses,
    Viewing,
    can_sign_in,
    describe_access,
    make_asks,
    make_owner_token,
)
from search_api.api import Streams, make_api
from search_api.endpoints import (
    CheckProof,
    DockerSearch,
    Health,
    Metrics,
    NodeLineage,
    OciExtension,
    Served,
    TrustedProxies,
)
from search_api.http_errors import exception_handlers
from search_api.nodes import Details, notification_routes
from search_api.pages import Site, missing_page, page_routes
from search_api.processes import (
    WEB_PID_FILE,
    access_log,
    are_traces_wanted,
    listen,
    remove_service_file,
    send_traces,
    write_service_file,
)
from search_api.search import API, SearchService, StartedProcess, make_web_service
from search_api.server import (
    BACKLOG,
    BasePath,
    CallerLimit,
    Connections,
    HttpServer,
    Refusals,
    RequestRefusal,
    Requests,
    RouteCounts,
    RouteNotes,
    Traces,
)
from webhooks.auth import webhook_secrets
from webhooks.journal import JournalWriter, LateJournal
from webhooks.receiver import Receiver

log = structlog.get_logger()


def make_web(
    settings: Settings,
    *,
    clock: Clock | None = None,
    owner_token: str = "",
    first: StartedProcess | None = None,
    search_only: bool = False,
) -> Starlette:
    """Return the web application: receiving and searching. The data directory must be there.

    With ``owner_token``, if there is one, a request sees everything. ``first`` is a search process
    that was started before. With ``search_only`` it is a search node, which receives nothing, and
    fetches from the indexer nodes what needs a store.
    """
    clock = clock or SystemClock()
    refusals, counts = Refusals(), RouteCounts()
    service = make_web_service(settings, clock=clock, first=first, search_only=search_only)
    who = _make_who_asks(settings, service, clock=clock, refusals=refusals, owner_token=owner_token)
    journal = JournalWriter(LateJournal(settings.data_dir), clock=clock)
    secrets = {} if search_only else webhook_secrets(settings)
    receiver = _make_receiver(settings, journal, secrets=secrets, clock=clock)
    hosts = frozenset(
        host for registry in settings.registry for host in (registry.registry_host, *registry.hosts)
    )
    streams = Streams(refusals, per_caller=settings.caller_streams)
    connections = Connections(refusals)
    api = make_api(service, cors_origins=settings.cors_origins, streams=streams)
    docker_search = DockerSearch(
        service,
        registry_hosts=hosts,
        challenges=settings.access.challenge,
        proof=CheckProof(one for each in secrets.values() for one in each),
        clock=clock,
    )
    site = Site(
        service,
        clock=clock,
        version=version("regsearch"),
        base=settings.base_path,
        registries=[one.name for one in settings.registry],
        sign_in=who.sign_in,
    )
    details = (
        Details(settings, find_caller=who.callers.find, streams=streams) if search_only else None
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(service.close)
            stack.callback(journal.close)
            stack.push_async_callback(who.close)
            if details is not None:
                stack.push_async_callback(details.close)
            yield

    app = _Web(
        wrap=partial(
            _wrapped, settings=settings, who=who, hosts=hosts, refusals=refusals, counts=counts
        ),
        # Looked at in this order, and notifications come in bursts.
        routes=[
            *(notification_routes() if details else receiver.routes()),
            *(details.routes(site if settings.page else None) if details else ()),
            Mount(API, api),
            *Health(
                service, find_problem=_find_none if search_only else journal.find_problem
            ).routes(),
            *Metrics(
                service,
                settings,
                served=Served(
                    counts,
                    refusals,
                    connections,
                    streams,
                    details.requests if details else {},
                ),
                events=receiver.events,
                rights_traffic=who.traffic,
            ).routes(),
            *_lineage_routes(settings, service),
            *OciExtension(service, registry_hosts=hosts).routes(),
            *docker_search.routes(),
            *(page_routes(site) if settings.page else ()),
        ],
        exception_handlers=exception_handlers()
        | ({HTTPException: partial(missing_page, site)} if settings.page else {}),
        lifespan=lifespan,
    )
    # Docker drops credentials at a redirect, and registries the body of a notification.
    app.router.redirect_slashes = False
    app.state.streams = streams
    app.state.connections = connections
    return app


def _lineage_routes(settings: Settings, service: SearchService) -> list[Route]:
    """Return what only search nodes ask an indexer node."""
    node = settings.own_node()
    if node is None:
        return []
    secret = settings.shared_secret()
    return NodeLineage(service, secret=secret, registries=node.registries).routes()


async def _find_none() -> str | None:
    """Return what is wrong with receiving: nothing, where nothing is received."""
    return None


@dataclass(frozen=True, slots=True)
class _WhoAsks:
    """What finds out who asks, and what they may see."""

    callers: Callers
    guesses: SignInGuesses
    access: Access
    sessions: Sessions | None
    sign_in: SignIn | None
    asks: Mapping[str, RegistryAsks]
    traffic: Mapping[str, RegistryTraffic]

    async def close(self) -> None:
        """Close all files and connections."""
        async with AsyncExitStack() as stack:
            stack.callback(self.callers.close)
            for one in self.asks.values():
                stack.push_async_callback(one.close)


def _make_who_asks(
    settings: Settings,
    service: SearchService,
    *,
    clock: Clock,
    refusals: Refusals,
    owner_token: str,
) -> _WhoAsks:
    guesses = SignInGuesses(
        on_refused=lambda _: refusals.count(RequestRefusal.CREDENTIALS),
        on_limited=lambda caller: refusals.request(RequestRefusal.GUESSES, caller=caller),
    )
    sessions = Sessions(settings, clock=clock) if settings.page and can_sign_in(settings) else None
    oidc = None
    if issued := settings.access.oidc:
        # Its libraries take long to import, and few need them.
        from search_api.access.oidc import Issuer, Oidc  # noqa: PLC0415

        oidc = Oidc(issued, clock=clock, issuer=Issuer(issued, clock=clock))
    callers = Callers(
        settings,
        clock=clock,
        guesses=guesses,
        sessions=sessions,
        oidc=oidc,
        owner_token=owner_token,
    )
    traffic = {one.name: RegistryTraffic() for one in settings.registry if one.mode == "registry"}
    asks = make_asks(settings, clock=clock, read_token_origin=service.token_origin, traffic=traffic)
    access = Access(
        settings,
        callers=callers,
        read_names=KnownRepositories(service.repository_names).get,
        asks=asks,
    )
    sign_in = (
        SignIn(settings, callers=callers, access=access, sessions=sessions, oidc=oidc)
        if sessions
        else None
    )
    return _WhoAsks(callers, guesses, access, sessions, sign_in, asks, traffic)


def _make_receiver(
    settings: Settings,
    journal: JournalWriter,
    *,
    secrets: Mapping[str, tuple[str, ...]],
    clock: Clock,
) -> Receiver:
    return Receiver(
        journal,
        secrets=secrets,
        counting=frozenset(one.name for one in settings.registry if one.count_pulls),
        pull_through=frozenset(one.name for one in settings.registry if one.pull_through),
        clock=clock,
    )


def _wrapped(
    app: ASGIApp,
    *,
    settings: Settings,
    who: _WhoAsks,
    hosts: Collection[str],
    refusals: Refusals,
    counts: RouteCounts,
) -> ASGIApp:
    """Return an application with all that looks at a request before it, and at its answer."""
    base = settings.base_path
    # Innermost: limits and the log know addresses as they were asked.
    app = RouteNotes(app, base=base)
    app = Renewal(app, sessions=who.sessions) if who.sessions else app
    audit_log = access_log() if settings.access.audit_log else None
    app = BasePath(Viewing(app, access=who.access, audit_log=audit_log), base)
    app = CallerLimit(app, per_second=settings.caller_requests_per_second, refusals=refusals)
    log_of_requests = access_log() if settings.access_log else None
    app = Requests(app, refusals=refusals, counts=counts, access_log=log_of_requests)
    app = Traces(app) if are_traces_wanted() else app
    if settings.own_node() is not None:
        # Before all that looks at the address of the client, and behind what proxies say of it.
        app = PassedCallers(app, settings, guesses=who.guesses)
    return Peers(_trusting(app, settings, hosts), settings)


class _Web(Starlette):
    """An application that something is put around, and not only inside its error handler."""

    def __init__(self, *, wrap: Callable[[ASGIApp], ASGIApp], **named: Any) -> None:
        super().__init__(**named)
        self._wrap = wrap

    def build_middleware_stack(self) -> ASGIApp:
        return self._wrap(super().build_middleware_stack())


def _trusting(app: ASGIApp, settings: Settings, hosts: Collection[str]) -> ASGIApp:
    networks = settings.trusted_proxies
    if not networks:
        return app
    app = ProxyHeadersMiddleware(app, trusted_hosts=list(map(str, networks)))  # type: ignore[arg-type,assignment]
    # First, because the other one puts the client's address in the place of the proxy's.
    return TrustedProxies(app, networks=networks, registry_hosts=hosts)


def serve_web(
    settings: Settings, *, first: StartedProcess | None = None, search_only: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT; :class:`SettingsError` where the address cannot be had.

    ``first`` is a search process that was started before. With ``search_only`` this is a search
    node.
    """
    send_traces(process="web")
    with listen(settings, backlog=BACKLOG) as listening:
        _write_pid(settings)
        token = make_owner_token()
        app = make_web(settings, owner_token=token, first=first, search_only=search_only)
        streams = app.state.streams

        def stop() -> None:
            # Now: the server ends by the signal that it got.
            remove_service_file(settings)
            streams.stop()

        server = HttpServer(app, connections=app.state.connections, on_stop=stop)
        collect_seldom()
        for one in settings.registry:
            means = describe_access(one)
            log.info("registry_access", registry=one.name, access=one.mode, means=means)
        log.info("web_listens", address=settings.listen)
        write_service_file(settings, token)
        server.run(sockets=[listening])


def _write_pid(settings: Settings) -> None:
    path = settings.data_dir / WEB_PID_FILE
    try:
        path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        # A disk that is full or read-only is no reason not to answer searches.
        log.warning("pid_not_written", path=str(path), reason=error.strerror)
