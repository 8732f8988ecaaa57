"""A release installs and works; beside packages of others it says what is wrong."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.end_to_end.processes import run, run_well
from tests.release import TOP, clean_environment, make_environment, make_release, try_release

FOREIGN = {
    "indexer/__init__.py": "",
    "indexer/errors.py": "class Wrong(Exception): ...\n",
    "someones_indexer-1.0.dist-info/METADATA": "Metadata-Version: 2.1\n"
    "Name: someones-indexer\nVersion: 1.0\n",
    "someones_indexer-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
    "Root-Is-Purelib: true\nTag: py3-none-any\n",
}
REMEDY = "install regsearch in an environment of its own: `pipx install regsearch`"


@pytest.mark.thorough
def test_a_release_serves_and_finds(tmp_path: Path) -> None:
    files = make_release(tmp_path / "dist")
    assert sorted(file.suffix for file in files) == [".gz", ".whl"]
    assert {try_release(file) for file in files} == {version("regsearch")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    run_well([*build, "--outdir", str(folder), str(TOP)], seconds=300)
    [file] = folder.iterdir()
    return file


@pytest.fixture
def programs(tmp_path: Path, wheel: Path) -> Path:
    """Give an environment with this release; it takes the dependencies from that of the tests."""
    made = make_environment(tmp_path / "environment", "--no-deps", wheel)
    [site] = (tmp_path / "environment").glob("lib/python*/site-packages")
    others = Path(pytest.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"{others}\n")
    return made


def regsearch(programs: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return run(
        [str(programs / "regsearch"), "search", "--help"],
        environment=clean_environment(**settings),
        folder=programs,
    )


def test_in_an_environment_of_its_own_it_runs(programs: Path) -> None:
    ended = regsearch(programs)
    assert ended.returncode == 0, ended.stderr
    assert "Usage: regsearch search" in ended.stdout


def test_files_of_another_package_are_named(programs: Path, tmp_path: Path) -> None:
    other = tmp_path / "someones_indexer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(other, "w") as archive:
        for name, text in FOREIGN.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in FOREIGN)
        archive.writestr("someones_indexer-1.0.dist-info/RECORD", record)
    python = str(programs / "python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    run_well([*install, str(other)])
    ended = regsearch(programs)
    assert ended.returncode == 2
    assert "the package 'indexer' of regsearch has files of someones-indexer" in ended.stderr
    assert REMEDY in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["indexer", "search_api", "webhooks"])
def test_a_package_that_is_found_first_is_named(programs: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "elsewhere" / name
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    ended = regsearch(programs, PYTHONPATH=str(other.parent))
    assert ended.returncode == 2
    assert f"the package {name!r} of regsearch is in" in ended.stderr
    assert f"Python finds {other}, which belongs to another program" in ended.stderr
    assert REMEDY in ended.stderr


def test_the_page_of_the_package_index_has_no_link_that_leads_nowhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith("/METADATA")]
        text = archive.read(name).decode()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20
    assert [link for link in links if not re.match(r"https?://|#", link)] == []
    picture = f"https://raw.githubusercontent.com/regsearch/regsearch/v{version('regsearch')}/"
    assert f"]({picture}docs/page.png)" in text
