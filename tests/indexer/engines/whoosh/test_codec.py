"""The segments that the engine writes, read by Whoosh alone."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.index import FileIndex
from whoosh.qparser import QueryParser

from indexer.engines.ranking import KEYWORD, TEXT
from indexer.engines.whoosh.codec import TermIndex, merge
from indexer.engines.whoosh.engine import WhooshEngine
from indexer.engines.whoosh.schema import COLUMNS, INDEX_NAME, SCHEMA, encode
from indexer.model.document import DocumentType
from tests.indexer.engines.conformance.generator import document, random_document


def test_terms_are_laid_out_as_whoosh_does_it(tmp_path: Path) -> None:
    """Blocks, hash tables and all: a term longer than a block too."""
    random = Random(4)
    keys = sorted({random.randbytes(random.randint(1, 9)) for _ in range(5_000)} | {b"k" * 70_000})
    found = {key: random.randbytes(random.choice([1, 30, 200])) for key in keys}
    found[keys[7]] = bytes(200_000)
    storage = FileStorage(str(tmp_path))
    for name, writer_class in (("whoosh", OrderedHashWriter), ("own", TermIndex)):
        writer = writer_class(storage.create_file(name))
        for key in keys:
            writer.add(key, found[key])
        writer.close()
    assert (tmp_path / "own").read_bytes() == (tmp_path / "whoosh").read_bytes()


def test_merged_terms_come_in_order_each_once_with_all_its_postings() -> None:
    random = Random(6)
    expected: defaultdict[bytes, list[int]] = defaultdict(list)
    sources = []
    for source in range(5):
        terms = {random.randbytes(2): [source + 5 * random.randint(0, 99)] for _ in range(2_000)}
        terms[b"gone"] = []
        sources.append(iter(sorted(terms.items())))
        for key, postings in terms.items():
            expected[key] += postings
    assert list(merge([*sources, iter(())])) == sorted(
        (key, sorted(postings)) for key, postings in expected.items() if postings
    )


def test_terms_of_any_length_are_read_in_order(tmp_path: Path) -> None:
    words = [f"{n:04}" + "x" * (n % 7) * (9_000 if n % 100 == 6 else 1) for n in range(3_000)]
    engine = WhooshEngine(tmp_path)
    engine.create("one")
    writer = engine.open_writer("one")
    keywords = frozenset(("tag", word) for word in words)
    writer.apply(DocumentType.REPOSITORY, [replace(document("a"), keywords=keywords)], [])
    [segment] = writer._indexes[DocumentType.REPOSITORY].parts
    read = list(segment.terms)
    assert [key for key, _ in read] == sorted(key for key, _ in read)
    found = {key[2:].decode() for key, _ in read}
    assert {f"tag:{word}" for word in words} <= found
    assert all(postings.documents == (0,) for _, postings in read)
    writer.close()


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
    expected = {key: encode(document).content for key, document in made.items()}
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
