"""The benchmark of pushes to large repositories."""

from pathlib import Path

import pytest
from rich.console import Console

from bench.large import Costs, measure, plan_of, table


def test_its_corpus_is_one_repository_of_so_many_images() -> None:
    corpus, plan = plan_of(7)
    assert corpus.repositories == (plan,)
    tagged = [one for one in corpus.content(plan) if one.tags[0][:7] != "sha256-"]
    assert len({one.manifest.digest for one in tagged}) == 7


def test_the_figures_are_a_table() -> None:
    console = Console(width=120)
    with console.capture() as printed:
        console.print(table([Costs("whoosh", 1_000, 1.0, 0.25, 0.5, 0.125, 2.0)]))
    words = ("whoosh", "1,000", "1.000", "0.250", "0.500", "0.125", "2.000")
    assert all(word in printed.get() for word in words)


@pytest.mark.thorough
def test_pushes_to_a_repository_are_measured(tmp_path: Path) -> None:
    costs = measure("whoosh", 3, pushes=1, stores=tmp_path)
    assert (costs.engine, costs.images) == ("whoosh", 3)
    assert min(costs.first, costs.one, costs.in_a_row, costs.found, costs.longest) > 0
