"""What a shell offers: bash itself asks, and a real service suggests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search_api.web import make_web
from tests.end_to_end.ports import free_port
from tests.fakes.serving import serving
from tests.search_api.filling import MAIN, settings_for
from tests.series import thorough

PROGRAM = Path(sys.executable).with_name("regsearch")
# What readline does, but for its display: it divides the line, calls the function, and reads the
# array.
BASH = """
PATH={folder}:$PATH
eval "$2"
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
COMP_LINE=$1 COMP_POINT=${{#1}}
_regsearch_completion regsearch 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
Complete = Callable[..., list[str]]


@pytest.fixture(scope="module")
def url(filled: Path) -> Iterator[str]:
    with serving(make_web(settings_for(filled))) as address:
        yield address


@pytest.fixture(scope="module")
def script() -> str:
    """Give what makes bash complete."""
    command = [str(PROGRAM), "completion", "bash"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def complete(url: str, script: str, tmp_path: Path) -> Complete:
    def completed(line: str, address: str = url) -> list[str]:
        own = {"REGSEARCH_URL": address, "DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
        ended = subprocess.run(
            ["bash", "--norc", "-c", BASH.format(folder=PROGRAM.parent), "bash", line, script],
            env={"PATH": os.environ["PATH"], **own},
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert ended.stderr == ""
        return [one for one in ended.stdout.splitlines() if one]

    return completed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("regsearch conf", ["conformance"]),
        ("regsearch search --registry s", ["second"]),
        ("regsearch search nginx arc", ["arch:"]),
        # Bash replaces what is behind the colon.
        ("regsearch search team/web:", ["1.4", "latest"]),
        ("regsearch show team/we", ["team/web"]),
        ("regsearch show team/web:1", ["1.4"]),
        ("regsearch show second.example:5000/only", ["5000/only/second"]),
        ("regsearch search --columns reference,si", ["reference,size"]),
        thorough("regsearch search --fac", ["--facets"]),
        thorough("regsearch search --names bist", ["bistro"]),
        thorough("regsearch search arch:arm", ["arm", "arm64"]),
        thorough(f"regsearch show {MAIN}/bis", [f"{MAIN}/bistro"]),
        thorough("regsearch changes --repository bist", ["bistro"]),
        thorough("regsearch show nothing-is-called-so", []),
    ],
)
def test_what_the_service_knows_is_offered(
    complete: Complete, line: str, expected: list[str]
) -> None:
    assert complete(line) == expected


def test_an_address_on_the_line_is_asked(complete: Complete, url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert complete(f"regsearch search --url {url} bist", nobody) == ["bistro"]


def test_where_nothing_answers_nothing_is_offered(complete: Complete) -> None:
    assert complete("regsearch show team/we", f"http://127.0.0.1:{free_port()}") == []
