"""All benchmarks of a size run with valid arguments."""

from importlib import import_module
from pathlib import Path

import pytest

from bench.__main__ import steps
from bench.corpus.sizes import SIZES

PLACES = {"store": Path("the-store"), "material": Path("the-material")}


@pytest.mark.parametrize("size", SIZES)
def test_every_benchmark_takes_its_arguments(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in steps(size, **PLACES):
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
    assert any("whoosh" in word for step in steps("primary", **PLACES) for word in step.words)
    assert not any("whoosh" in word for step in steps("stress", **PLACES) for word in step.words)


def test_the_end_to_end_measures_are_there() -> None:
    (step,) = (one for one in steps("primary", **PLACES) if one.name == "registry")
    assert all(Path(name).exists() for name in step.words[1:])
