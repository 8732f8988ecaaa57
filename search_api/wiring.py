"""Where everything is put together: the one module that knows all packages."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.routing import Mount

from indexer.clock import Clock, SystemClock
from indexer.settings import Settings
from search_api.api import Streams, make_api
from search_api.docker_search import DockerSearch
from search_api.health import Health
from search_api.http_errors import exception_handlers
from search_api.metrics import Metrics
from search_api.oci_extension import OciExtension
from search_api.opening import make_searching
from webhooks.group_commit import JournalWriter
from webhooks.late_journal import LateJournal
from webhooks.receiver import Receiver
from webhooks.secret import webhook_secrets

log = structlog.get_logger()


def make_web(settings: Settings, *, clock: Clock | None = None) -> Starlette:
    """Return the web application: receiving and searching. The data directory must be there."""
    clock = clock or SystemClock()
    searching = make_searching(settings, clock=clock, processes=settings.search_processes)
    journal = JournalWriter(LateJournal(settings.data_dir), clock=clock)
    receiver = Receiver(
        journal,
        secrets=webhook_secrets(settings),
        counting=frozenset(registry.name for registry in settings.registry if registry.count_pulls),
    )
    hosts = frozenset(registry.registry_host for registry in settings.registry)
    streams = Streams()
    api = make_api(searching, clock=clock, cors_origins=settings.cors_origins, streams=streams)
    docker_search = DockerSearch(searching, registry_hosts=hosts, clock=clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        searching.start()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(searching.close)
            stack.callback(journal.close)
            yield

    app = Starlette(
        # Looked at in this order, and notifications come in bursts.
        routes=[
            *receiver.routes(),
            Mount("/api/v1", api),
            *Health(searching).routes(),
            *Metrics(searching).routes(),
            *OciExtension(searching, registry_hosts=hosts).routes(),
            *docker_search.routes(),
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    # Docker drops credentials at a redirect, and registries the body of a notification.
    app.router.redirect_slashes = False
    app.state.streams = streams
    return app
