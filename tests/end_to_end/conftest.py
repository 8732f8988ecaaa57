"""Real programs for the end-to-end tests, and their logs after a failure."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.end_to_end.crane_client import Crane
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.helm_client import Helm
from tests.end_to_end.layouts import write_layout
from tests.end_to_end.oras_client import Oras
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.end_to_end.sample_images import sample_images
from tests.end_to_end.skopeo_client import Skopeo
from tests.programs import NeedsProgram, need_root

LOGGED = (Deployment, Docker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the real programs of the test wrote."""
    report = yield
    if report.failed:
        arguments = getattr(item, "funcargs", {}).values()
        programs = {id(program): program for program in arguments if isinstance(program, LOGGED)}
        for program in programs.values():
            report.sections.append((f"log of {type(program).__name__}", program.log_text()))
    return report


@pytest.fixture
def registry_program(needs_program: NeedsProgram, request: pytest.FixtureRequest) -> str:
    """Give the path of the registry: Debian's, unless the test names another (``versions.py``)."""
    return needs_program(getattr(request, "param", DISTRIBUTION_2))


@pytest.fixture
def deployment(registry_program: str, tmp_path: Path) -> Iterator[Deployment]:
    """Give a registry and a service of the test's own, not started."""
    with Deployment(tmp_path, program=registry_program) as own:
        yield own


@pytest.fixture
def running(deployment: Deployment) -> Deployment:
    """Give a registry and a service of the test's own, running and idle."""
    deployment.start()
    return deployment


@pytest.fixture
def password_deployment(registry_program: str, tmp_path: Path) -> Iterator[Deployment]:
    """Give a registry that asks for a password and a service that knows it, not started."""
    with Deployment(tmp_path, program=registry_program, password_needed=True) as own:
        yield own


# What lives longer than one test is asked for by name only after the test has been found to have
# its programs: pytest starts the longer-lived first wherever both are arguments.


@pytest.fixture
def shared(registry_program: str, request: pytest.FixtureRequest) -> Deployment:
    """Give the running registry and service of the module, to tests that disturb nobody."""
    everybodys = request.getfixturevalue("module_deployments")(registry_program)
    assert isinstance(everybodys, Deployment)
    return everybodys


@pytest.fixture
def docker(needs_program: NeedsProgram, request: pytest.FixtureRequest) -> Docker:
    """Give the running Docker Engine of the session, with its client."""
    needs_program("dockerd", package="docker.io")
    needs_program("docker", package="docker-cli")
    need_root("for a Docker Engine of its own")
    engine = request.getfixturevalue("session_docker")
    assert isinstance(engine, Docker)
    return engine


@pytest.fixture
def skopeo(needs_program: NeedsProgram, image_layout: Path) -> Skopeo:
    """Give skopeo with the layout of all sample images."""
    needs_program("skopeo")
    return Skopeo(image_layout)


@pytest.fixture
def oras(needs_program: NeedsProgram, tmp_path: Path) -> Oras:
    """Give oras."""
    return Oras(needs_program("oras"), tmp_path)


@pytest.fixture
def crane(needs_program: NeedsProgram, tmp_path: Path) -> Crane:
    """Give crane."""
    return Crane(needs_program("crane"), tmp_path)


@pytest.fixture
def helm(needs_program: NeedsProgram, tmp_path: Path) -> Helm:
    """Give helm."""
    return Helm(needs_program("helm"), tmp_path)


@pytest.fixture
def podman(needs_program: NeedsProgram, podman_storage: Path) -> Podman:
    """Give podman with a storage of its own."""
    needs_program("podman")
    return Podman(podman_storage)


@pytest.fixture(scope="module")
def module_deployments(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Deployment]]:
    """Run a registry and a service for a module, one pair for each registry that is asked for."""
    with ExitStack() as stack:

        @cache
        def running(program: str) -> Deployment:
            folder = tmp_path_factory.mktemp("shared")
            # What cannot be started is closed at once, and shows its log.
            with ExitStack() as starting:
                everybodys = starting.enter_context(Deployment(folder, program=program))
                everybodys.start()
                stack.push(starting.pop_all())
            return everybodys

        yield running


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """Give a folder whose path is short.

    pytest's own are too long for the Unix sockets of the Docker Engine and for podman's run root.
    """
    with TemporaryDirectory(prefix="rs-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def session_docker(short_folder: Path) -> Iterator[Docker]:
    """Run a Docker Engine for the session."""
    folder = short_folder / "docker"
    folder.mkdir()
    engine = Docker(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def image_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the image layout that skopeo pushes from."""
    layout = tmp_path_factory.mktemp("layout") / "images"
    write_layout(layout, sample_images())
    return layout


@pytest.fixture(scope="session")
def podman_storage(short_folder: Path) -> Path:
    """Give the folder of podman's storage: making one takes longer than a search."""
    return short_folder / "podman"
