"""The benchmark of the extraction measures the figures that it names."""

from pathlib import Path

from bench.corpus.corpus import Corpus
from bench.extract import extract_again, extract_all, measure, parse_only, read_bodies
from indexer.store import Store
from tests.bench.corpus.sizes import TINY
from tests.content_samples import all_samples


def test_whole_rounds_are_counted() -> None:
    samples = all_samples()
    bodies = [body for sample in samples for body in read_bodies(sample.content)]
    for work in (parse_only, extract_all):
        found = measure(samples, work, seconds=0.0)
        assert (found.contents, found.bodies) == (len(samples), len(bodies))
        assert found.bytes == sum(map(len, bodies))
        assert found.seconds > 0


def test_a_whole_corpus_is_extracted_again_and_searchable(tmp_path: Path) -> None:
    again = extract_again(Corpus(TINY), tmp_path)
    store = Store(tmp_path, read_only=True)
    live = store.search_index.live()
    assert live is not None
    assert live.complete
    assert store.extraction.progress() is None
    assert (again.manifests, again.documents) > (TINY.manifests, TINY.repositories)
    store.close()
