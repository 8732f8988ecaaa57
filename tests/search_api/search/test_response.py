"""What the status advises."""

import pytest

from indexer.model.document import DocumentType
from search_api.search.response import WHOOSH_DOCUMENTS_MAX, status_json
from search_api.search.searcher import Freshness, Status

MANY = WHOOSH_DOCUMENTS_MAX + 1


def status(engine: str, *, images: int, repositories: int = 0) -> Status:
    return Status(
        freshness=Freshness(index_complete=True, registries=(), journal={}),
        live=None,
        wanted_engine=engine,
        documents={DocumentType.IMAGE: images, DocumentType.REPOSITORY: repositories},
        index_size_bytes=0,
        stale_documents=0,
        rebuild=None,
        extraction=None,
        crawls={},
        set_aside=[],
        rejected=[],
    )


def test_what_is_many_for_whoosh_gets_advice() -> None:
    index = status_json(status("whoosh", images=MANY - 1, repositories=1))["search_index"]
    assert index["advice"] == (
        f"{MANY} documents are many for whoosh: with engine = 'tantivy'"
        " (pip install 'regsearch[tantivy]') searches are faster"
    )


@pytest.mark.parametrize(("engine", "images"), [("whoosh", MANY - 1), ("tantivy", MANY)])
def test_what_an_engine_is_good_for_gets_none(engine: str, images: int) -> None:
    assert status_json(status(engine, images=images))["search_index"]["advice"] is None
