"""The segments that the engine writes, read by Whoosh alone."""

from collections import defaultdict
from pathlib import Path
from random import Random

from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.qparser import QueryParser

from indexer.engines.ranking import KEYWORD, TEXT
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.engines.whoosh.schema import COLUMNS, INDEX_NAME, SCHEMA, encode
from indexer.model.document import DocumentType
from tests.indexer.engines.conformance.generator import random_document


def test_whoosh_itself_reads_terms_weights_columns_and_answers_queries(tmp_path: Path) -> None:
    random = Random(3)
    made = {each.key.id: each for each in (random_document(random) for _ in range(300))}
    engine = WhooshEngine(tmp_path)
    engine.create("one")
    writer = engine.open_writer("one")
    documents = list(made.values())
    for start in range(0, len(documents), 20):
        writer.apply(DocumentType.REPOSITORY, documents[start : start + 20], [])
    writer.close()
    index = FileIndex(FileStorage(str(tmp_path / "one" / "repository")), indexname=INDEX_NAME)
    expected = {key: encode(document) for key, document in made.items()}
    with index.reader() as reader:
        keys = [bytes(row) for row in reader.column_reader("key", translate=False)]
        ids = [key.decode().partition("\n")[2] for key in keys]
        assert sorted(ids) == sorted(made)
        for field in COLUMNS:
            rows = list(reader.column_reader(field, translate=False))
            assert rows == [expected[document_id][field] for document_id in ids]
        for field in SCHEMA.names():
            if field not in COLUMNS:
                found: defaultdict[str, dict[str, int]] = defaultdict(dict)
                for term in reader.field_terms(field):
                    matcher = reader.postings(field, term)
                    while matcher.is_active():
                        found[ids[matcher.id()]][term] = int(matcher.weight())
                        matcher.next()
                for document_id in ids:
                    terms = expected[document_id][field]
                    assert found[document_id] == (
                        terms if field == TEXT else dict.fromkeys(terms, 1)
                    )
    with index.searcher() as searcher:
        asked = QueryParser(KEYWORD, None).parse("registry\\:one.example")
        count = sum("registry:one.example" in each[KEYWORD] for each in expected.values())
        assert len(searcher.search(asked, limit=None)) == count
