"""The image of the Dockerfile, and the images that it needs: real ones, or stand-ins.

The variables ``PYTHON_IMAGE`` and ``REGISTRY_IMAGE`` name images that the Engine pulls. Without
them the tests make stand-ins: a Debian of the same name with its own Python, and in it the registry
that ``make programs`` built, started as the official image starts its own.
"""

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.docker_client import Docker
from tests.end_to_end.processes import run_well
from tests.programs import kept_folder

PROJECT = Path(__file__).parents[2]
DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8")
IMAGE = "regsearch"
PYTHON_PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# The oldest builder: the Dockerfile asks for nothing newer.
CLASSIC = os.environ | {"DOCKER_BUILDKIT": "0"}

# What the entrypoint of the official image does.
_ENTRYPOINT = """\
#!/bin/sh
set -e
case "$1" in
    *.yaml | *.yml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Images:
    """The names of the images, and how they were made."""

    python: str
    registry: str
    made: str
    """Which of them are stand-ins, in words."""
    build_seconds: float

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that compose.yaml reads."""
        names = {"PYTHON_IMAGE": self.python, "REGISTRY_IMAGE": self.registry}
        return names | {"SEARCH_IMAGE": IMAGE}


def make_images(docker: Docker, folder: Path, *, registry_program: str) -> Images:
    """Make every image that the tests need, in the Engine; ``folder`` is for their contents."""
    python, registry = os.environ.get("PYTHON_IMAGE", ""), os.environ.get("REGISTRY_IMAGE", "")
    made = []
    if not (python and registry):
        docker.run("import", str(_debian()), "stand-in-debian", seconds=300)
    if not python:
        python = "stand-in-python"
        _make_python(docker, folder / python, name=python)
        made.append(f"Python: Debian {debian_suite()} of mmdebstrap")
    if not registry:
        registry = "stand-in-registry"
        _make_registry(docker, folder / registry, name=registry, program=registry_program)
        made.append("registry: the program of make programs")
    start = time.monotonic()
    argument = f"--build-arg=PYTHON_IMAGE={python}"
    build(docker, PROJECT, argument, "--build-arg=VERSION=0.0.0-test", name=IMAGE)
    seconds = time.monotonic() - start
    return Images(python, registry, "; ".join(made) or "real images", seconds)


def build(docker: Docker, context: Path, *options: str, name: str) -> None:
    """Build a Dockerfile; it reaches the network as this machine does."""
    words = ["build", "--quiet", "--network=host", *options, f"--tag={name}", str(context)]
    docker.run(*words, seconds=900, environment=CLASSIC)


def debian_suite() -> str:
    """Return the Debian release of the Dockerfile's own base image."""
    found = re.search(r"^ARG PYTHON_IMAGE=\S+-(\w+)$", DOCKERFILE, re.MULTILINE)
    assert found is not None, "the Dockerfile names its base image with a Debian release"
    return found[1]


def _make_python(docker: Docker, folder: Path, *, name: str) -> None:
    folder.mkdir()
    # This machine may reach package indexes in a way of its own, which its certificates belong to.
    shutil.copy(_CERTIFICATES, folder / "certificates.crt")
    (folder / "pip.conf").write_text(f"[global]\ncert = {_CERTIFICATES}\n", "utf-8")
    lines = [
        "FROM stand-in-debian",
        f"COPY certificates.crt {_CERTIFICATES}",
        "COPY pip.conf /etc/pip.conf",
    ]
    (folder / "Dockerfile").write_text("\n".join(lines), "utf-8")
    build(docker, folder, name=name)


def _debian() -> Path:
    """Return the archive of a small Debian with Python, which is kept between runs."""
    archive = kept_folder("stand-in", debian_suite()) / "debian.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        making = archive.with_suffix(f".{os.getpid()}.tar")
        options = ["--variant=minbase", f"--include={PYTHON_PACKAGES}"]
        run_well(["mmdebstrap", *options, debian_suite(), str(making)], seconds=600)
        making.rename(archive)
    return archive


def _make_registry(docker: Docker, folder: Path, *, name: str, program: str) -> None:
    folder.mkdir()
    shutil.copy(program, folder / "registry")
    entrypoint = folder / "entrypoint.sh"
    entrypoint.write_text(_ENTRYPOINT, "utf-8")
    entrypoint.chmod(0o755)
    lines = [
        # The program is linked to the C library of some Debian.
        "FROM stand-in-debian",
        "COPY registry /bin/registry",
        "COPY entrypoint.sh /entrypoint.sh",
        "VOLUME /var/lib/registry",
        'ENTRYPOINT ["/entrypoint.sh"]',
        'CMD ["/etc/distribution/config.yml"]',
    ]
    (folder / "Dockerfile").write_text("\n".join(lines), "utf-8")
    build(docker, folder, name=name)
