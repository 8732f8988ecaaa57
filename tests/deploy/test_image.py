"""The image: built from the Dockerfile, run alone, with compose, by podman and under systemd."""

import json
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import (
    SECONDS,
    Address,
    Container,
    compose,
    compose_environment,
    found,
    wait_until_found,
    wait_until_ready,
)
from tests.deploy.images import DOCKERFILE, IMAGE, PROJECT, Images
from tests.deploy.kube_play import KubePlay
from tests.deploy.systemd import SYSTEMD, SYSTEMD_IMAGE, SYSTEMD_OPTIONS, UNITS, make_systemd_image
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import run
from tests.end_to_end.real_registry import RealRegistry, Receiver
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.waiting import wait_until
from tests.programs import NeedsProgram

Figure = Callable[[str], None]
SECRET = "a-secret-of-the-image-test"
POD = "regsearch-pod-0-regsearch"
"""How podman names the container of the Deployment."""
HARDENED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
)
thorough = pytest.mark.thorough


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = str(Path(sys.executable).parent / "hadolint")
    ended = run([hadolint, str(PROJECT / "Dockerfile")])
    assert (ended.returncode, ended.stdout) == (0, "")


def test_the_product_and_nothing_else_goes_to_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sent = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(sent) == sorted(["LICENSE", "README.md", "pyproject.toml", *packages])
    assert sorted(" ".join(copied).split()) == sorted(sent)


@thorough
def test_the_image_says_what_it_is(images: Images, engine: Docker, figure: Figure) -> None:
    figure(f"image: built in {images.build_seconds:.0f} s ({images.made})")
    described = json.loads(engine.run("inspect", IMAGE))[0]
    config = described["Config"]
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Labels"].items()
    }
    assert labels["title"] == "regsearch"
    assert labels["version"] == "0.0.0-test"
    assert labels["base.name"] == images.python
    assert {
        "description",
        "licenses",
        "revision",
        "created",
        "source",
        "url",
        "documentation",
    } <= labels.keys()
    assert config["User"] == "10001:10001"
    assert list(config["Volumes"]) == ["/var/lib/regsearch"]
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["Healthcheck"]["Test"]
    figure(f"image: {described['Size'] / 1e6:.0f} MB with its base")


@pytest.fixture
def port() -> int:
    """Give a port for the service."""
    return free_port()


@pytest.fixture
def registry(needs_program: NeedsProgram, tmp_path: Path, port: int) -> Iterator[RealRegistry]:
    """Run a registry that notifies the service at ``port``."""
    program = needs_program("registry")
    receiver = Receiver(f"http://127.0.0.1:{port}/webhooks/default", SECRET)
    own = RealRegistry(tmp_path, program=program, receiver=receiver)
    try:
        own.start()
        yield own
    finally:
        own.kill()


@thorough
@pytest.mark.parametrize("search_engine", ["whoosh", "tantivy"])
def test_it_runs_read_only_without_capabilities_as_a_user(
    search_engine: str,
    engine: Docker,
    registry: RealRegistry,
    port: int,
    skopeo: Skopeo,
    figure: Figure,
) -> None:
    url = f"http://127.0.0.1:{port}"
    volume = f"data-{search_engine}"
    options = [
        *HARDENED,
        "--network=host",
        f"--volume={volume}:/var/lib/regsearch",
        f"--env=REGSEARCH_LISTEN=127.0.0.1:{port}",
        f"--env=REGSEARCH_REGISTRY={registry.url}",
        f"--env=REGSEARCH_WEBHOOK_SECRET={SECRET}",
        f"--env=REGSEARCH_ENGINE={search_engine}",
    ]
    skopeo.push("webapp-1", registry, "team/webapp:1.0")
    with Container(engine, IMAGE, *options) as container:
        ready = wait_until_ready(url)
        wait_until_found(url, "team/webapp")
        skopeo.push("numbered-01", registry, "team/numbered:1.0")
        pushed = wait_until_found(url, "team/numbered")
        healthy = container.wait_until_healthy()
        status = container.execute("cat", "/proc/1/status")
        assert re.search(r"^Uid:\s10001\s10001\s10001\s10001$", status, re.MULTILINE)
        assert re.search(r"^CapBnd:\s0+$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
        refused = container.execute("sh", "-c", "touch /opt/file 2>&1 || true")
        assert "Read-only file system" in refused
        assert "complete crawl" in container.execute("regsearch", "status")
        start = time.monotonic()
        assert container.stop() == 0
        stopped = time.monotonic() - start
    with Container(engine, IMAGE, *options):
        wait_until_ready(url)
        assert set(found(url)) == {"team/webapp", "team/numbered"}
    engine.run("volume", "rm", volume)
    figure(
        f"image with {search_engine}: ready after {ready:.1f} s, a push found after {pushed:.1f} s,"
        f" healthy after {ready + healthy:.1f} s or later, stopped in {stopped:.1f} s"
    )


@thorough
def test_one_command_starts_a_registry_and_finds_what_is_pushed_to_it(
    images: Images,
    engine: Docker,
    needs_program: NeedsProgram,
    skopeo: Skopeo,
    figure: Figure,
) -> None:
    program = needs_program("compose")
    port, search_port = free_port(), free_port()
    search_host, registry = f"localhost:{search_port}", Address(f"localhost:{port}")
    environment = {
        **compose_environment(engine, PROJECT / "compose.yaml", project="regsearch-test"),
        **images.environment,
        "REGISTRY_PORT": str(port),
        "SEARCH_PORT": str(search_port),
    }

    def finds(name: str) -> bool:
        return f"{registry.host}/{name}" in {row.name for row in engine.search(search_host, name)}

    try:
        start = time.monotonic()
        compose(program, "up", "--detach", "--wait", environment=environment)
        up = time.monotonic() - start
        skopeo.push("webapp-1", registry, "team/webapp:1.0")
        seconds = wait_until(lambda: finds("team/webapp"), SECONDS, "docker search finds it")
        # What is found can be pulled as it is printed.
        engine.pull(f"{registry.host}/team/webapp:1.0")
        # Without its volumes: the next start has the images, the history and the secret of before.
        compose(program, "down", environment=environment)
        compose(program, "up", "--detach", "--wait", environment=environment)
        skopeo.push("numbered-01", registry, "team/numbered:1.0")
        wait_until(lambda: finds("team/numbered"), SECONDS, "docker search finds another")
        assert finds("team/webapp")
    finally:
        start = time.monotonic()
        compose(program, "down", "--volumes", environment=environment)
        down = time.monotonic() - start
    figure(f"compose: up in {up:.0f} s, a push found after {seconds:.1f} s, down in {down:.0f} s")


@thorough
def test_podman_plays_the_plain_manifests(
    images: Images,
    engine: Docker,
    needs_program: NeedsProgram,
    short_folder: Path,
    port: int,
    figure: Figure,
) -> None:
    needs_program("podman")
    needs_program("catatonit")
    podman = KubePlay(short_folder / "play")
    podman.load(engine, IMAGE)
    manifests = (PROJECT / "deploy" / "kubernetes" / "regsearch.yaml").read_text("utf-8")
    # Podman publishes every port of a container. Everything else is played as it is written.
    played = re.sub(
        r"( +)containerPort: 8080\n",
        rf"\1containerPort: 8080\n\1hostIP: 127.0.0.1\n\1hostPort: {port}\n",
        re.sub(r'image: "regsearch:.*"', f"image: localhost/{IMAGE}:latest", manifests),
    )
    assert played.count("hostPort") == 1
    with podman.play(played) as seconds:
        ready = wait_until_ready(f"http://127.0.0.1:{port}")
        container = podman.inspect(POD)
        assert container["HostConfig"]["ReadonlyRootfs"]
        assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
        assert not container["EffectiveCaps"]
        assert container["Config"]["User"] == "10001:10001"
        status = podman.run("exec", "regsearch-pod-0-regsearch", "regsearch", "status")
        assert "registry main" in status
        assert (
            podman.run("exec", "regsearch-pod-0-regsearch", "ls", "/var/lib/regsearch") == "data\n"
        )
    figure(f"kube play: started in {seconds:.1f} s, ready {ready:.1f} s later")


@thorough
@pytest.mark.parametrize("search_engine", ["whoosh", "tantivy"])
def test_the_units_run_under_systemd(
    search_engine: str,
    images: Images,
    engine: Docker,
    registry: RealRegistry,
    port: int,
    skopeo: Skopeo,
    tmp_path: Path,
    figure: Figure,
) -> None:
    """With all their restrictions in force: crawls, searches, pushes, a rebuild, a stop."""
    url = f"http://127.0.0.1:{port}"
    make_systemd_image(engine, tmp_path / "systemd", base=images.python)
    (tmp_path / "regsearch.toml").write_text(
        f"""\
listen = "127.0.0.1:{port}"
engine = "{search_engine}"
webhook_secret = "{SECRET}"
[[registry]]
url = "{registry.url}"
""",
        "utf-8",
    )
    skopeo.push("webapp-1", registry, "team/webapp:1.0")
    options = [*SYSTEMD_OPTIONS, f"--volume={tmp_path}:/test:ro", f"--volume={UNITS}:/units:ro"]
    with Container(engine, SYSTEMD_IMAGE, *options, command=SYSTEMD) as container:

        def is_booted() -> bool:
            words = ["systemctl", "is-system-running", "--wait"]
            state = container.execute("sh", "-c", f"{' '.join(words)} 2>&1 || true").strip()
            # Some units of a Debian cannot work in a container.
            return state in {"running", "degraded"}

        wait_until(is_booted, SECONDS, "systemd is up", every=0.5)
        # As docs/systemd.md says.
        shell(
            container,
            "systemd-sysusers /units/regsearch.conf",
            "cp /units/*.service /etc/systemd/system/",
            "systemctl daemon-reload",
            "install -D --mode=644 --target-directory=/etc/regsearch /test/regsearch.toml",
        )
        start = time.monotonic()
        container.execute("systemctl", "enable", "--now", "regsearch-web", "regsearch-indexer")
        wait_until_ready(url)
        wait_until_found(url, "team/webapp")
        ready = time.monotonic() - start
        skopeo.push("numbered-01", registry, "team/numbered:1.0")
        pushed = wait_until_found(url, "team/numbered")
        shell(
            container,
            "cd /etc/regsearch",
            "export REGSEARCH_DATA_DIR=/var/lib/regsearch",
            "setpriv --reuid=regsearch --regid=regsearch --clear-groups \\",
            "    /opt/regsearch/bin/regsearch rebuild --extract",
        )
        assert set(found(url)) == {"team/webapp", "team/numbered"}
        for unit in ("regsearch-web", "regsearch-indexer"):
            container.execute("systemctl", "stop", unit)
            shown = ["--property=Result", "--property=NRestarts"]
            ended = container.execute("systemctl", "show", unit, *shown)
            assert sorted(ended.split()) == ["NRestarts=0", "Result=success"]
        log = container.execute("journalctl", "--no-pager", "--unit=regsearch-*")
        assert "level=warning" not in log, log
    figure(
        f"units with {search_engine}: searchable after {ready:.1f} s, a push found after"
        f" {pushed:.1f} s"
    )


def shell(container: Container, *lines: str) -> None:
    """Run lines of a shell in a container, which must all succeed."""
    container.execute("sh", "-euc", "\n".join(lines))
