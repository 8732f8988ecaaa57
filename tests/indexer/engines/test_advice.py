"""What engines say about the number of documents they serve."""

from pathlib import Path

from indexer.engines.tantivy.engine import TantivyEngine
from indexer.engines.whoosh.engine import DOCUMENTS_MAX, WhooshEngine


def test_whoosh_advises_another_engine_once_there_are_many_documents(tmp_path: Path) -> None:
    engine = WhooshEngine(tmp_path)
    assert engine.advice(DOCUMENTS_MAX - 1) is None
    assert engine.advice(DOCUMENTS_MAX) == (
        f"{DOCUMENTS_MAX} documents are many for whoosh: with engine = 'tantivy'"
        " (pip install 'regsearch[tantivy]') searches are faster"
    )


def test_tantivy_advises_nothing(tmp_path: Path) -> None:
    assert TantivyEngine(tmp_path).advice(10**7) is None
