"""A process that searches beside the killed one, as the web process does.

``python -m tests.indexer.engines.kills.reading DIRECTORY ENGINE`` looks at each single answer,
until its standard input ends; then it prints as JSON how many there were and what was wrong.
"""

import asyncio
import json
import sys
from functools import partial
from itertools import cycle
from pathlib import Path

from indexer.clock import SystemClock
from indexer.errors import EngineError
from indexer.extract import BUILT_IN
from indexer.model.document import DocumentType, Sort
from indexer.store import OwnThread, StoreSearchState
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from search_api.search.service import SearchService
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.kills.answers import ALL, SOME, TYPES, find_steps, mixed
from tests.indexer.engines.kills.content import FACE
from tests.indexer.engines.kills.victim import INDEX_DIRECTORY

PAUSE_SECONDS = 0.02
WRONG_MAX = 20


class Reading:
    """Searches again and again, and keeps the failures."""

    def __init__(self, service: SearchService) -> None:
        self._service = service
        self._newest = dict.fromkeys(TYPES, 0)
        self.answers = 0
        self.refused: list[str] = []
        self.wrong: list[str] = []

    async def ask(self, document_type: DocumentType, limit: int, sort: Sort) -> None:
        """Look at one answer."""
        try:
            answer = await self._service.search(
                SearchRequest(Order(document_type, sort), limit=limit, facets=(FACE,))
            )
        except EngineError as error:
            self.refused.append(str(error))
            return
        if not answer.freshness.index_complete:
            return
        self.answers += 1
        wrong = list(mixed(answer.page, document_type))
        if not wrong:
            [step] = find_steps(answer.page)
            if step < self._newest[document_type]:
                wrong.append(f"step {step} after step {self._newest[document_type]}")
            self._newest[document_type] = step
        self.wrong += wrong


async def read(directory: Path, engine_name: str) -> Reading:
    """Search until the parent process has ended."""
    engine = ALL_ENGINES[engine_name](directory / INDEX_DIRECTORY)
    state, clock = StoreSearchState(directory), SystemClock()
    service = SearchService(
        Searcher(state=state, engine=engine, clock=clock),
        state,
        make_thread=partial(OwnThread, path=directory),
        clock=clock,
        kinds=BUILT_IN,
    )
    reading = Reading(service)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for document_type, (limit, sort) in cycle(
        (kind, page) for kind in TYPES for page in ((ALL, Sort.RELEVANCE), (SOME, Sort.NAME))
    ):
        # One question at least comes after the end, when all is whole again.
        is_last = ended.done()
        await reading.ask(document_type, limit, sort)
        if is_last:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    await service.close()
    return reading


def main() -> None:
    """Search, and print the findings."""
    reading = asyncio.run(read(Path(sys.argv[1]), sys.argv[2]))
    wrong, refused = reading.wrong[:WRONG_MAX], reading.refused[:WRONG_MAX]
    print(json.dumps({"answers": reading.answers, "wrong": wrong, "refused": refused}))


if __name__ == "__main__":
    main()
