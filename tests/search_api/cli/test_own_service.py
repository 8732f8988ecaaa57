"""The commands beside a running service: how they find it, what they see, and what they say."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from search_api.processes import read_service_file, write_service_file
from search_api.web import make_web
from tests.builders import image
from tests.children import Child, Children
from tests.end_to_end.ports import free_port
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.search_api.filling import settings_for

PROGRAM = str(Path(sys.executable).with_name("regsearch"))
START_SECONDS = 90.0
Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def registry() -> Iterator[str]:
    """Give the address of a registry that asks for a password, with credentials in it."""
    registry = FakeRegistry(username="reader", password="of-tests")
    for number in range(3):
        registry.put(f"team/web{number}", image(seed=str(number)), tag="1.0")
    with serving(registry.app) as url:
        yield url.replace("://", "://reader:of-tests@")


def environment(folder: Path, **more: str) -> dict[str, str]:
    others = {name: text for name, text in os.environ.items() if not name.startswith("REGSEARCH_")}
    return {**others, "DOCKER_CONFIG": str(folder), **more}


def regsearch(folder: Path, *words: str, **more: str) -> Ended:
    return subprocess.run(
        [PROGRAM, *words],
        env=environment(folder, **more),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    folder = tmp_path / "logs"
    folder.mkdir()
    with Children(folder) as children:

        def started(*options: str) -> Child:
            child = children.start("serve", [PROGRAM, "serve", *options])
            path = tmp_path / "data" / "service.json"
            children.wait_for("it listens", path.exists, seconds=START_SECONDS)
            return child

        yield started


def test_the_options_of_serve_are_settings_and_its_account_sees_everything(
    registry: str, start: Callable[..., Child], tmp_path: Path
) -> None:
    """Others do not: the registry is read with credentials, so it decides itself."""
    data = tmp_path / "data"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    child = start("--registry", registry, "--listen", f"127.0.0.1:{port}", "--data-dir", str(data))
    assert (
        regsearch(
            tmp_path, "backfill", "--data-dir", str(data), REGSEARCH_REGISTRY=registry
        ).returncode
        == 0
    )

    names = ["search", "--names", "--sort", "name"]
    expected = [f"{url_host(registry)}/team/web{number}:1.0" for number in range(3)]
    here = regsearch(tmp_path, *names, "--data-dir", str(data))
    assert (here.stdout.splitlines(), here.stderr) == (expected, "")
    assert regsearch(tmp_path, *names, "--url", url).stdout == ""
    told = json.loads(regsearch(tmp_path, "status", "--json", REGSEARCH_DATA_DIR=str(data)).stdout)
    assert told["registries"]["default"]["requests"] > 0

    file = data / "service.json"
    assert file.stat().st_mode & 0o777 == 0o600
    token = json.loads(file.read_text())["token"]
    wrong = {"Authorization": f"Bearer {token}x"}
    status = httpx2.get(f"{url}/api/v1/search", headers=wrong, timeout=30)
    assert status.status_code == 401

    child.process.terminate()
    child.process.wait()
    assert not file.exists()
    ended = regsearch(tmp_path, *names, "--data-dir", str(data))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"no service runs on the data directory '{data}'" in ended.stderr


def url_host(url: str) -> str:
    return url.rpartition("@")[2]


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("10.0.0.7:80", "http://10.0.0.7:80"),
    ],
)
def test_the_address_is_one_that_can_be_asked(tmp_path: Path, listen: str, url: str) -> None:
    write_service_file(settings_for(tmp_path, listen=listen), "token")
    found = read_service_file(tmp_path)
    assert found is not None
    assert (found.url, found.token) == (url, "token")


def test_a_service_that_was_killed_is_said_to_be_away(tmp_path: Path) -> None:
    write_service_file(settings_for(tmp_path, listen=f"127.0.0.1:{free_port()}"), "token")
    ended = regsearch(tmp_path, "status", "--data-dir", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.endswith("; is it running? `regsearch serve` starts it")


def test_a_proxy_of_the_environment_is_not_asked_for_it(
    registry: str, filled: Path, tmp_path: Path
) -> None:
    with serving(make_web(settings_for(filled), owner_token="regsearch_owner_x")) as url:
        write_service_file(
            settings_for(tmp_path, listen=url.removeprefix("http://")), "regsearch_owner_x"
        )
        nobody = f"http://127.0.0.1:{free_port()}"
        ended = regsearch(
            tmp_path,
            "search",
            "--names",
            "bistro",
            HTTP_PROXY=nobody,
            REGSEARCH_DATA_DIR=str(tmp_path),
        )
    assert (ended.stdout, ended.stderr) == ("registry.example/bistro:latest\n", "")


def test_a_file_that_is_none_of_a_service_is_named(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text("[]")
    ended = regsearch(tmp_path, "status", "--data-dir", str(tmp_path))
    assert ended.returncode == 2
    assert "service.json" in ended.stderr


def test_a_settings_file_that_is_missing_is_a_mistake_in_the_call(tmp_path: Path) -> None:
    ended = regsearch(tmp_path, "serve", "--config", str(tmp_path / "none.toml"))
    assert ended.returncode == 2
    assert "'--config': File" in ended.stderr
