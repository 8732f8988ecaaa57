"""Builds a release in ``dist/`` and tries it as its users will: ``make release``.

The wheel and the source distribution are each installed in an environment of their own, without
anything of the project around it. There regsearch serves a registry and finds an image.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.builders import image
from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import RunningProgram, log_tail, run, run_well
from tests.end_to_end.waiting import wait_until
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving

TOP = Path(__file__).parents[1]
DIST = TOP / "dist"
FOUND = "team/release"
# Building and installing ask a package index, and machines may be slow.
BUILD_SECONDS = 600
FIND_SECONDS = 120


def make_release(dist: Path) -> list[Path]:
    """Build wheel and source distribution into an empty folder, check them, and return both."""
    shutil.rmtree(dist, ignore_errors=True)
    build = [sys.executable, "-m", "build", "--outdir", str(dist), str(TOP)]
    run_well(build, seconds=BUILD_SECONDS)
    files = sorted(dist.iterdir())
    run_well([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)])
    return files


def make_environment(folder: Path, *packages: str | Path) -> Path:
    """Make an environment with these packages; return its folder of programs."""
    uv = [sys.executable, "-m", "uv"]
    run_well([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    programs = folder / "bin"
    python = str(programs / "python")
    run_well(
        [*uv, "pip", "install", "--quiet", "--python", python, *map(str, packages)],
        seconds=BUILD_SECONDS,
    )
    return programs


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the environment of a program that sees nothing of the project and its settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REGSEARCH_", "PYTHON", "OTEL_"))
    }
    return inherited | settings


def try_release(file: Path) -> str:
    """Install a release, serve a registry with it, and find an image; return its version."""
    registry = FakeRegistry()
    registry.put(FOUND, image(), tag="1")
    with (
        tempfile.TemporaryDirectory(prefix="regsearch-release-") as name,
        serving(registry.app) as url,
    ):
        folder = Path(name)
        command = str(make_environment(folder / "environment", file) / "regsearch")
        environment = clean_environment(
            REGSEARCH_REGISTRY=url,
            REGSEARCH_DATA_DIR=str(folder / "data"),
            REGSEARCH_LISTEN=f"127.0.0.1:{free_port()}",
        )
        version = run_well([command, "--version"], environment=environment, folder=folder)
        log = folder / "log"
        service = RunningProgram(
            [command, "serve"], log=log, environment=environment, folder=folder
        )
        search = [command, "search", "release", "--names"]

        def finds() -> bool:
            return FOUND in run(search, environment=environment, folder=folder).stdout

        try:
            wait_until(finds, FIND_SECONDS, f"{file.name} finds {FOUND}", every=1)
            ended = service.terminate(20)
            assert ended == 0, f"serve ended with {ended}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log_tail(log)}") from error
        finally:
            service.kill()
    return version.split()[-1]


def main() -> None:
    """Make a release and try it."""
    for file in make_release(DIST):
        print(f"{file}: version {try_release(file)}, serves and finds")
    print("Nothing is signed or uploaded. CONTRIBUTING.md says what to do next.")


if __name__ == "__main__":
    main()
