"""The benchmark of lineage uses a store like one that a crawl filled."""

import random
from pathlib import Path

import pytest

from bench.lineage import measure, questions, sampled
from bench.lineage_store import fill
from indexer.model.names import Digest
from indexer.store import Store

MANIFESTS = 2_000


def test_every_question_has_an_answer(tmp_path: Path) -> None:
    filled = fill(tmp_path, MANIFESTS)
    store = Store(tmp_path, read_only=True)
    answers = {name: ask() for name, ask in questions(store, filled, random.Random(1))}
    assert store.extraction.is_current()
    derived = store.lineage.derived(Digest(filled.hot_base))
    assert derived.has_more
    assert len(answers) == 15
    for one in derived.images:
        bases = store.lineage.bases(one.digest)
        named = {
            image.digest for base in bases for each in base.bases for image in each.images.images
        }
        assert filled.hot_base in named
    store.close()


def test_a_store_that_is_there_is_asked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, MANIFESTS)
    measure(tmp_path, sampled(tmp_path), rounds=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 16
    assert "bases of an image" in lines[1]
