"""The demo's parts: its content, its addresses, and the registry it configures."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests import demo, demo_content
from tests.children import Children
from tests.demo import DemoError, Places, find_places
from tests.end_to_end.ports import free_port
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.programs import NeedsProgram
from tests.push import push_many
from tests.series import series

TOP = Path(__file__).parents[1]


class Hooks:
    """A receiver of notifications that keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.authorizations: set[str] = set()
        route = Route("/webhooks/default", self._take, methods=["POST"])
        self.app = Starlette(routes=[route])

    async def _take(self, request: Request) -> Response:
        self.events += (await request.json())["events"]
        self.authorizations.add(request.headers["authorization"])
        return Response(status_code=202)

    def ids(self) -> set[object]:
        """Return the ids of all events: one that is not answered within a second comes again."""
        return {event["id"] for event in self.events}


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def places(folder: Path, listen: str) -> Places:
    return Places(f"127.0.0.1:{free_port()}", listen, folder / "data", folder, "secret-of-the-demo")


def test_the_content_is_varied_and_all_of_it_can_be_pushed() -> None:
    registry = FakeRegistry()
    everything = [*demo_content.before(), *demo_content.after()]
    with serving(registry.app) as url:
        assert push_many(url, everything, threads=2) == len(everything)
    held = registry.content.repositories
    assert set(held) == demo_content.repositories()
    assert len(held) >= 12
    assert set(held["team/web"].tags) == {"1.0", "1.1", "latest"}
    kinds = {
        json.loads(manifest.body).get("artifactType", manifest.media_type)
        for repository in held.values()
        for manifest in repository.manifests.values()
    }
    assert len(kinds) >= 5


def test_part_of_the_content_is_left_for_notifications() -> None:
    early, late = demo_content.before(), demo_content.after()
    assert {item.repository for item in late} - {item.repository for item in early}
    assert {item.repository for item in early} - {item.repository for item in late}


def test_a_taken_address_is_refused_by_the_name_of_its_setting(tmp_path: Path, taken: str) -> None:
    with pytest.raises(DemoError, match=f"^{taken} is taken: set REGSEARCH_LISTEN to another"):
        find_places(tmp_path, {"REGSEARCH_LISTEN": taken})


def test_an_address_without_a_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="REGSEARCH_LISTEN is 'localhost'"):
        find_places(tmp_path, {"REGSEARCH_LISTEN": "localhost"})


def test_the_registry_evades_a_taken_port(tmp_path: Path, taken: str) -> None:
    environment = {"REGSEARCH_LISTEN": f"127.0.0.1:{free_port()}"}
    port = int(taken.rpartition(":")[2])
    found = find_places(tmp_path, environment, registry_port=port)
    assert found.registry != taken


def test_a_data_folder_of_the_users_is_used_and_named_in_full(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    found = find_places(tmp_path, {"REGSEARCH_LISTEN": listen, "REGSEARCH_DATA_DIR": "mine"})
    assert found.data == Path.cwd() / "mine"


@pytest.mark.parametrize("kind", ["docker-registry", "fake"])
def test_the_registry_reports_pushed_manifests_and_nothing_else(
    kind: str, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    program = needs_program(kind) if kind == "docker-registry" else None
    hooks = Hooks()
    with serving(hooks.app) as url, Children(tmp_path) as children:
        where = places(tmp_path, url.removeprefix("http://"))
        children.start("registry", demo.registry_command(where, program=program))
        registry = f"http://{where.registry}"
        children.wait_for("registry", lambda: demo.is_up(f"{registry}/v2/"), seconds=30)
        push_many(registry, demo_content.before(), threads=1)
        count = len(demo_content.before())
        children.wait_for("events", lambda: len(hooks.ids()) >= count, seconds=30)
    assert {event["action"] for event in hooks.events} == {"push"}
    assert len(hooks.ids()) == count
    assert hooks.authorizations == {"Bearer secret-of-the-demo"}


def test_the_message_names_commands_that_can_be_pasted(tmp_path: Path) -> None:
    where = places(tmp_path, "127.0.0.1:8080")
    commands = [command for _, command in demo.things_to_try(where)]
    assert "docker search 127.0.0.1:8080/web" in commands
    assert "podman search --tls-verify=false 127.0.0.1:8080/web" in commands
    assert all(command in demo.message(where) for command in commands)
    assert all(shutil.which(shlex.split(line)[0]) for line in commands if line.startswith("env "))


def test_a_taken_address_ends_the_demo_with_one_line(taken: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        cwd=TOP,
        env=os.environ | {"REGSEARCH_LISTEN": taken},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"demo: {taken} is taken: set REGSEARCH_LISTEN to another address\n"


@pytest.mark.parametrize("how", series((signal.SIGINT, "by itself", signal.SIGTERM), short=1))
def test_the_demo_fills_prints_and_stops(how: str | signal.Signals, tmp_path: Path) -> None:
    """Everything it started and wrote is gone afterwards."""
    listen = f"127.0.0.1:{free_port()}"
    arguments = ["--exit-when-ready"] if how == "by itself" else []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo", *arguments],
        cwd=TOP,
        env=os.environ | {"REGSEARCH_LISTEN": listen, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if isinstance(how, signal.Signals) and line.startswith("Ctrl-C"):
                process.send_signal(how)
        status, problems = process.wait(timeout=60), process.stderr.read()
    assert (status, problems) == (0, "")
    assert f"docker search {listen}/web" in printed
    assert not demo.is_up(f"http://{listen}/readyz")
    assert list(tmp_path.iterdir()) == []
