"""Where everything is put together: the one module that knows all packages."""

import gc
import os
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from indexer.clock import Clock, SystemClock
from indexer.errors import SettingsError
from indexer.settings import Settings
from search_api.api import Streams, make_api
from search_api.endpoints import DockerSearch, Health, Metrics, OciExtension, TrustedProxies
from search_api.http_errors import exception_handlers
from search_api.search import make_service
from webhooks.auth import webhook_secrets
from webhooks.journal import JournalWriter, LateJournal
from webhooks.receiver import Receiver

log = structlog.get_logger()


def make_web(settings: Settings, *, clock: Clock | None = None) -> Starlette:
    """Return the web application: receiving and searching. The data directory must be there."""
    clock = clock or SystemClock()
    service = make_service(settings, clock=clock, processes=settings.search_processes)
    journal = JournalWriter(LateJournal(settings.data_dir), clock=clock)
    receiver = Receiver(
        journal,
        secrets=webhook_secrets(settings),
        counting=frozenset(registry.name for registry in settings.registry if registry.count_pulls),
        pull_through=frozenset(one.name for one in settings.registry if one.pull_through),
    )
    hosts = frozenset(
        host for registry in settings.registry for host in (registry.registry_host, *registry.hosts)
    )
    streams = Streams()
    api = make_api(service, cors_origins=settings.cors_origins, streams=streams)
    docker_search = DockerSearch(
        service, registry_hosts=hosts, are_several=len(settings.registry) > 1
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(service.close)
            stack.callback(journal.close)
            yield

    app = Starlette(
        # Looked at in this order, and notifications come in bursts.
        routes=[
            *receiver.routes(),
            Mount("/api/v1", api),
            *Health(service, find_problem=journal.find_problem).routes(),
            *Metrics(service).routes(),
            *OciExtension(service, registry_hosts=hosts).routes(),
            *docker_search.routes(),
        ],
        middleware=_trusting(settings, hosts),
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    # Docker drops credentials at a redirect, and registries the body of a notification.
    app.router.redirect_slashes = False
    app.state.streams = streams
    return app


def _trusting(settings: Settings, hosts: Collection[str]) -> list[Middleware]:
    networks = settings.trusted_proxies
    if not networks:
        return []
    return [
        # First, because the other one puts the client's address in the place of the proxy's.
        Middleware(TrustedProxies, networks=networks, registry_hosts=hosts),
        Middleware(ProxyHeadersMiddleware, trusted_hosts=list(map(str, networks))),
    ]


WEB_PID_FILE = "web.pid"
SHUTDOWN_SECONDS = 3
BACKLOG = 1_024


def serve_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; :class:`SettingsError` where the address cannot be had."""
    listening = _listen(settings)
    _write_pid(settings)
    server = _Server(
        uvicorn.Config(
            make_web(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            # Proxies are believed as the settings say; see ``TrustedProxies``.
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    # What is there now stays: looking through it again for garbage would hold up answers.
    gc.collect()
    gc.freeze()
    log.info("web_listens", address=settings.listen)
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends open streams when it is to stop, for then it waits for every answer to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.config.app.state.streams.is_stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _listen(settings: Settings) -> socket.socket:
    """Return a listening socket; :class:`SettingsError` where the address cannot be had."""
    host, port = settings.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's delay, 40 ms an answer, only for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise SettingsError(f"listen {settings.listen!r}: {error}") from error
    return listening


def _write_pid(settings: Settings) -> None:
    path = settings.data_dir / WEB_PID_FILE
    try:
        path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        # A disk that is full or read-only is no reason not to answer searches.
        log.warning("pid_not_written", path=str(path), reason=error.strerror)
