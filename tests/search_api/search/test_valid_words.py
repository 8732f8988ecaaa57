"""No word of a catalogue is taken for a mistake, typed as it is there."""

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from bench.relevance.catalogue import built_all, catalogue
from bench.relevance.filling import INDEX_DIRECTORY, NOW, fill_index, fill_store
from indexer.model import DocumentType, fold, words
from indexer.store import StoreSearchState
from search_api.search.cursors import Order
from search_api.search.request import SearchRequest
from search_api.search.searcher import Searcher
from tests.fakes.clock import ManualClock
from tests.indexer.engines.conformance.engines import ENGINES

WORDS = 200


def words_of_the_catalogue() -> list[str]:
    """So many words of names and texts, chosen by chance."""
    texts = [
        f"{one.name} {one.title} {one.description} {' '.join(one.keywords)}"
        for one in catalogue().values()
    ]
    found = {word for text in texts for word in words(fold(text))}
    return sorted(Random(1).sample(sorted(found), WORDS))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_word_of_the_catalogue_is_corrected(engine: str, tmp_path: Path) -> None:
    entries = catalogue()
    fill_store(tmp_path, entries, built_all(entries))
    made = ENGINES[engine](tmp_path / INDEX_DIRECTORY)
    asyncio.run(fill_index(tmp_path, made))
    searcher = Searcher(state=StoreSearchState(tmp_path), engine=made, clock=ManualClock(NOW))
    corrected = {}
    with closing(searcher):
        for word in words_of_the_catalogue():
            found = searcher.search(SearchRequest(Order(DocumentType.REPOSITORY), 1, word))
            assert found.page.total, word
            if found.suggestion is not None:
                corrected[word] = found.suggestion
    assert corrected == {}
