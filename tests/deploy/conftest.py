"""A Docker Engine with the images, made once for all tests of a process."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.deploy.cluster_images import make_cluster_images
from tests.deploy.images import Images, make_images
from tests.end_to_end.conftest import image_layout, short_folder, skopeo
from tests.end_to_end.docker_client import Docker
from tests.opensearch.cluster import find_java
from tests.programs import NeedsProgram, find_program, need_root

__all__ = ["image_layout", "short_folder", "skopeo"]


@pytest.fixture
def images(needs_program: NeedsProgram, request: pytest.FixtureRequest) -> Images:
    """Give the images, in the Engine of ``engine``."""
    needs_program("dockerd", package="docker.io")
    needs_program("docker", package="docker-cli")
    needs_program("mmdebstrap")
    needs_program("registry")
    need_root("for a Docker Engine of its own")
    made = request.getfixturevalue("session_images")
    assert isinstance(made, Images)
    return made


@pytest.fixture
def cluster_images(
    images: Images, engine: Docker, needs_program: NeedsProgram, tmp_path: Path
) -> Mapping[str, str]:
    """Give the variables that deploy/compose/cluster.yaml reads."""
    program = needs_program("opensearch")
    made = make_cluster_images(
        engine, tmp_path, base=images.python, opensearch=program, java=find_java("opensearch")
    )
    return {**images.environment, **made}


@pytest.fixture
def engine(images: Images, request: pytest.FixtureRequest) -> Docker:
    """Give the running Docker Engine that has the images."""
    running = request.getfixturevalue("session_engine")
    assert isinstance(running, Docker)
    return running


@pytest.fixture(scope="session")
def session_engine(short_folder: Path) -> Iterator[Docker]:
    """Run a Docker Engine for images and containers."""
    folder = short_folder / "engine"
    folder.mkdir()
    running = Docker(folder, storage_driver="overlay2")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def session_images(session_engine: Docker, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Make all images once."""
    program = find_program("registry")
    assert program is not None
    return make_images(session_engine, tmp_path_factory.mktemp("images"), registry_program=program)
