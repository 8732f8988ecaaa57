"""The indexer process: reads registries and keeps the search index until it is told to stop."""

from indexer.clock import SystemClock
from indexer.kind_plugins import load_kinds
from indexer.settings import Settings
from indexer.worker import indexer_lock, run_indexer
from search_api.opening import make_engines


async def serve_indexer(settings: Settings) -> None:
    """Index until cancelled; :class:`IndexerRunningError` when another indexer does."""
    with indexer_lock(settings.data_dir):
        engines = make_engines(settings)
        await run_indexer(
            settings,
            engine=engines.chosen,
            others=engines.others,
            clock=SystemClock(),
            kinds=load_kinds(),
        )
