"""The writer of an index may be killed at any moment; and the checks find planted faults."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.model.document import DocumentType, FacetCounts, Hit, Position, SearchPage, ValueCount
from tests.indexer.engines.conformance.engines import ALL_ENGINES
from tests.indexer.engines.kills.answers import TYPES, mixed
from tests.indexer.engines.kills.content import FACE, expected
from tests.indexer.engines.kills.rounds import kill_again_and_again
from tests.series import series

IMAGE = DocumentType.IMAGE


@pytest.mark.parametrize("rounds", series((2, 5), short=1))
@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_a_kill_leaves_an_index_that_is_whole_and_becomes_what_the_store_says(
    tmp_path: Path, figure: Callable[[str], None], engine: str, rounds: int
) -> None:
    """The short form of ``make kills``, with other moments in every run."""
    told: list[str] = []
    seed = secrets.token_hex(4)
    tally = kill_again_and_again(tmp_path, engine, rounds=rounds, seed=seed, report=told.append)
    figure(f"kills with seed {seed}: {tally.line()}")
    assert (tally.mixed, tally.differences) == ([], []), "\n".join(told)
    assert tally.rounds == rounds
    assert tally.phases.total() >= rounds
    assert tally.answers > 0
    assert tally.healed or (tally.opened, tally.refused) == (tally.phases.total(), [])


def page(step: int, kind: DocumentType = IMAGE) -> SearchPage:
    """Return the answer to a question for everything at one step."""
    there = expected(step, kind)
    places: dict[str, list[str]] = {}
    for repository, tag in sorted(there.tags):
        places.setdefault(repository if kind is not IMAGE else f"{repository}:{tag}", []).append(
            tag
        )
    tags = "tags" if kind is IMAGE else "newest_tags"
    hits = [
        Hit({"repository": place.partition(":")[0], tags: found}, 0.0, Position(0, place))
        for place, found in places.items()
    ]
    counts = tuple(ValueCount(*pair) for pair in there.faces.items())
    return SearchPage(
        tuple(hits), there.total, has_more=False, facets={FACE: FacetCounts(counts, 0)}
    )


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("step", range(6))
def test_what_is_of_one_step_is_whole(step: int, kind: DocumentType) -> None:
    assert list(mixed(page(step, kind), kind)) == []
    first = page(step, kind)
    assert list(mixed(replace(first, hits=first.hits[:7], has_more=True), kind)) == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_page_with_one_hit_of_another_step_is_mixed(kind: DocumentType) -> None:
    whole = page(4, kind)
    other = replace(whole, hits=(page(3, kind).hits[0], *whole.hits[1:]))
    assert "hits of steps [3, 4]" in "".join(mixed(other, kind))


@pytest.mark.parametrize("kind", TYPES)
def test_a_total_facets_or_hits_of_another_step_are_seen(kind: DocumentType) -> None:
    whole, before = page(4, kind), page(3, kind)
    assert "facets" in "".join(mixed(replace(whole, facets=before.facets), kind))
    assert "a total" in "".join(mixed(replace(whole, total=whole.total + 1), kind))
    assert "hits" in "".join(mixed(replace(whole, hits=whole.hits[:-1]), kind))
    exchanged = (*whole.hits[:-1], before.hits[-60])
    assert "differ" in "".join(mixed(replace(whole, hits=exchanged), kind))
