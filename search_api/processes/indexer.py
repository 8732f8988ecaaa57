"""The indexer process: it reads registries and updates the search index until it is stopped."""

import os

from indexer.clock import SystemClock
from indexer.settings import Settings
from search_api.processes.data_dir import make_engines


async def serve_indexer(settings: Settings) -> None:
    """Index until cancelled; :class:`IndexerRunningError` if another indexer runs."""
    # Every process imports this folder, but only this one needs these.
    from indexer.extract import load_kinds  # noqa: PLC0415
    from indexer.run import indexer_lock, run_indexer  # noqa: PLC0415

    with indexer_lock(settings.data_dir):
        engines = make_engines(settings)
        await run_indexer(
            settings,
            engine=engines.chosen,
            others=engines.others,
            clock=SystemClock(),
            kinds=load_kinds(),
            extract_processes=os.cpu_count() or 1,
        )
