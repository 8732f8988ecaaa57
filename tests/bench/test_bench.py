"""All benchmarks of a size run with valid arguments."""

from importlib import import_module
from pathlib import Path

import pytest

from bench.__main__ import Step
from bench.__main__ import steps as all_steps
from bench.corpus.sizes import SIZES


def steps(size: str, *, has_cluster: bool = True) -> list[Step]:
    return all_steps(
        size, store=Path("the-store"), material=Path("the-material"), has_cluster=has_cluster
    )


@pytest.mark.parametrize("size", SIZES)
def test_every_benchmark_takes_its_arguments(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in steps(size):
        module, *arguments = step.arguments(tmp_path)
        assert (f"--json={tmp_path / step.name}.json" in arguments) is step.writes_json
        if step.writes_json:
            # Values that are of no use are refused before the help is printed.
            with pytest.raises(SystemExit) as ended:
                import_module(module).main([*arguments, "--help"])
            assert ended.value.code == 0
            help_text = capsys.readouterr().out
            assert all(one.partition("=")[0] in help_text for one in arguments)


def test_whoosh_is_not_measured_where_there_is_too_much_for_it() -> None:
    assert any("whoosh" in word for step in steps("primary") for word in step.words)
    assert not any("whoosh" in word for step in steps("stress") for word in step.words)


def test_opensearch_is_measured_only_if_a_cluster_can_be_started() -> None:
    for size in ("small", "primary"):
        names = {step.name for step in steps(size)}
        assert {"search-opensearch", "cluster"} <= names
        without = steps(size, has_cluster=False)
        assert {step.name for step in without} == names - {"search-opensearch", "cluster"}
        assert not any("opensearch" in word for step in without for word in step.words)


def test_the_end_to_end_measures_are_there() -> None:
    (step,) = (one for one in steps("primary") if one.name == "registry")
    assert all(Path(name).exists() for name in step.words[1:])
