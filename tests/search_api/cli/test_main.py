"""The command line: the output of each command, its stream, and its exit status.

Long, because it has all tests of one module.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.errors import EngineError, StoreError
from indexer.store import Store
from search_api.cli.main import _leaves, main
from search_api.web import make_web
from tests.builders import image
from tests.children import Children
from tests.end_to_end.ports import free_port
from tests.fakes.registry import FakeRegistry, Fault
from tests.fakes.serving import serving
from tests.search_api.filling import settings_for
from tests.search_api.sample_content import DESCRIPTION, HOSTILE

COMMANDS = (
    *("backfill", "backup", "changes", "completion", "conformance", "indexer", "node"),
    *(
        "notifications",
        "rebuild",
        "reconcile",
        "restore",
        "search",
        "serve",
        "show",
        "status",
        "token",
        "web",
    ),
)
ARGUMENTS = {
    "show": ["team/web"],
    "token": ["list"],
    "node": ["list"],
    "backup": ["file"],
    "restore": ["file"],
}
ASKING = {"changes", "search", "show", "status"}
"""The commands that ask a service, and need no registry in the settings."""
WITH_SETTINGS = [
    name for name in COMMANDS if name not in {"completion", "conformance"} and name not in ASKING
]
PROGRAM = [sys.executable, "-m", "search_api"]
PROJECT = Path(__file__).parents[3]
LONG_IMPORTS = {
    *("fastapi", "httpx2", "pydantic", "pydantic_settings", "rich", "sqlite3", "sqlite_utils"),
    *("starlette", "structlog", "tantivy", "uvicorn", "whoosh", "asyncio", "multiprocessing"),
}
WAIT_SECONDS = 60.0
CONFIG = """
[[registry]]
name = "main"
url = "http://registry.example"

[[registry]]
name = "second"
url = "http://second.example:5000"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REGSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGSEARCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run_it(*arguments: str) -> Ended:
        status = 0
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capfd.readouterr()
        return Ended(status, captured.out, captured.err)

    return run_it


@pytest.fixture
def filled_settings(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Have the commands use the filled data directory, a service on it, and its registries."""
    (tmp_path / "regsearch.toml").write_text(CONFIG)
    monkeypatch.setenv("REGSEARCH_DATA_DIR", str(filled))
    with serving(make_web(settings_for(filled))) as url:
        monkeypatch.setenv("REGSEARCH_URL", url)
        yield


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    """Give a registry with three repositories, served at the address that the settings name."""
    registry = FakeRegistry()
    for number in range(3):
        built = image(annotations={DESCRIPTION: f"Number {number}"}, seed=str(number))
        registry.put(f"team/web{number}", built, tag="1.0")
    with serving(registry.app) as url:
        monkeypatch.setenv("REGSEARCH_REGISTRY", url)
        yield registry


def found(directory: Path, query: str = "") -> list[str]:
    """Return the repositories that a service on a data directory finds."""
    with serving(make_web(settings_for(directory))) as url:
        parameters = {"q": query, "sort": "name"}
        address = f"{url}/api/v1/search"
        answer = httpx2.get(address, params=parameters, timeout=30, trust_env=False).json()
        return [result["repository"] for result in answer["results"]]


def status_of(directory: Path) -> dict[str, Any]:
    """Return the status that a service on a data directory tells."""
    with serving(make_web(settings_for(directory))) as url:
        address = f"{url}/api/v1/status"
        body: dict[str, Any] = httpx2.get(address, timeout=30, trust_env=False).json()
        return body


def names(ended: Ended) -> list[str]:
    return [result["repository"] for result in json.loads(ended.out)["results"]]


# Help and mistakes in the call


def test_help_names_every_command(run: Run) -> None:
    for arguments in (["--help"], ["-h"]):
        ended = run(*arguments)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("Usage: ")
        for command in COMMANDS:
            assert f"\n  {command} " in ended.out


def test_the_help_is_in_groups_with_examples_and_cuts_nothing(run: Run) -> None:
    text = run("--help").out
    for part in ("\nAsk a service:\n", "\nRun it:\n", "\nLook after it:\n", "\n  Examples:\n"):
        assert part in text
    assert "\nMore:\n" not in text, "each command has its group"
    assert "..." not in text.partition("\nAsk a service:")[2]
    assert "\n    regsearch search nginx\n" in run("search", "--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_without_any_settings(run: Run, command: str) -> None:
    ended = run(command, "--help")
    assert ended.status == 0
    assert f" {command} [OPTIONS]" in ended.out
    assert "supervised" not in ended.out, "that is between our own processes"
    assert not Path("data").exists()


def test_the_version_is_told(run: Run) -> None:
    ended = run("--version")
    assert ended.status == 0
    assert ended.out.strip().endswith(version("regsearch"))


@pytest.mark.parametrize("arguments", ["--version", "--help", "search --help", "completion bash"])
def test_what_needs_no_settings_imports_nothing_that_takes_long(arguments: str) -> None:
    program = (
        "import sys; from search_api.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(*(name.partition('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-P", "-c", program, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout
    assert set(done.stderr.split()) & LONG_IMPORTS == set()


def test_the_supervisor_imports_no_library_of_the_processes_that_it_starts() -> None:
    """They start after its imports, so the first answer waits for both."""
    program = (
        "import sys; import search_api.cli.service\n"
        "print(*(name.partition('.')[0] for name in sys.modules))"
    )
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = {"fastapi", "httpx2", "sqlite_utils", "starlette", "tantivy", "uvicorn", "whoosh"}
    assert theirs < LONG_IMPORTS
    assert set(done.stdout.split()) & theirs == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["launch"], "No such command 'launch'"),
        (["search", "--limit", "0"], "'--limit': 0 is not in the range 1<=x<=1000"),
        (["search", "--limit", "1001"], "1001 is not in the range"),
        (["search", "--limit", "x"], "'x' is not a valid integer"),
        (["search", "--type", "tag"], "'tag' is not one of 'image', 'repository'"),
        (["search", "--nothing"], "No such option"),
        (["status", "extra"], "unexpected extra argument"),
        (["reconcile", "--accept", "--json"], "--json is for the list, without --accept"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(
    run: Run, arguments: Sequence[str], message: str
) -> None:
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_without_a_command_there_is_the_help(run: Run) -> None:
    ended = run()
    assert ended.status == 2
    assert "Usage: " in ended.err


# Mistakes in the settings


@pytest.mark.parametrize("command", WITH_SETTINGS)
def test_without_a_registry_every_command_says_how_to_name_one(run: Run, command: str) -> None:
    ended = run(command, *ARGUMENTS.get(command, []))
    assert (ended.status, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(
        "regsearch: no registry is set: REGSEARCH_REGISTRY=http://localhost:5000"
    )


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("REGSEARCH_LOG_LEVEL", "loud", "regsearch: REGSEARCH_LOG_LEVEL: "),
        ("REGSEARCH_LISTEN", "nowhere", "regsearch: REGSEARCH_LISTEN: "),
        ("REGSEARCH_REGISTRY", "ftp://x", "regsearch: REGSEARCH_REGISTRY: "),
        ("REGSEARCH_CONFIG", "/no/such/file", "regsearch: REGSEARCH_CONFIG: no such file"),
        (
            "REGSEARCH_DATADIR",
            "x",
            "regsearch: unknown environment variable REGSEARCH_DATADIR; did",
        ),
        ("REGSEARCH_DATA_DIR", "/dev/null/x", "regsearch: data_dir '/dev/null/x': "),
    ],
)
def test_an_unusable_setting_is_one_line_with_its_name_and_value(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    monkeypatch.setenv(variable, value)
    ended = run("reconcile")
    assert (ended.status, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(message)
    assert value in line or variable in line


def test_an_address_that_is_in_use_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("REGSEARCH_LISTEN", listen)
        ended = run("web")
    assert ended.status == 2
    assert f"regsearch: listen '{listen}': " in ended.err


@pytest.mark.parametrize("listen", ["[::1]:99999", "999.0.0.1:80"])
def test_an_address_that_is_none_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, listen: str
) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    monkeypatch.setenv("REGSEARCH_LISTEN", listen)
    ended = run("web")
    assert ended.status == 2
    assert ended.err.startswith(("regsearch: REGSEARCH_LISTEN", "regsearch: listen"))
    assert listen in ended.err


# Searching


@pytest.mark.usefixtures("filled_settings")
class TestSearch:
    def test_results_are_a_table(self, run: Run) -> None:
        ended = run("search", "repo:nginx")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("registry.example/nginx:latest\n  Front proxy\n")
        assert "\n1 of 1 shown\n" in ended.out
        assert "\nnote: the indexer has not been alive for " in ended.out, "none runs here"

    def test_words_are_one_query(self, run: Run) -> None:
        assert names(run("search", "--json", "team", "web")) == ["team/web"]
        assert names(run("search", "--json", "nginx", "--", "-team")) == ["nginx"]
        assert names(run("search", "--json", '"front proxy"')) == ["nginx"]

    def test_without_a_query_everything_is_listed(self, run: Run) -> None:
        body = json.loads(run("search", "--json").out)
        assert (body["total"], body["type"], body["next"]) == (10, "repository", None)

    def test_json_is_the_answer_of_the_api(self, run: Run) -> None:
        body = json.loads(run("search", "--json", "--type", "image", "--limit", "1", "nginx").out)
        assert (body["type"], len(body["results"])) == ("image", 1)
        assert body["next"]
        assert body["freshness"]["complete"] is False
        (reason,) = body["freshness"]["behind"]
        assert reason.startswith("the indexer has not been alive for ")

    def test_nothing_found_is_no_error(self, run: Run) -> None:
        ended = run("search", "nothing-is-called-so")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith("0 of 0 shown\n")

    def test_a_mistake_is_one_line_with_its_column(self, run: Run) -> None:
        ended = run("search", "a", "OR")
        assert (ended.status, ended.out) == (1, "")
        assert ended.err == "regsearch: query, column 5: a word is missing here\n"

    @pytest.mark.parametrize("output", [[], ["--json"]])
    def test_hostile_text_reaches_no_terminal(self, run: Run, output: list[str]) -> None:
        """Labels too, which only JSON shows: escape sequences are escaped there."""
        ended = run("search", "evil", "--type", "image", *output)
        for sign in ("\x1b", "\x9b", "\u202e", "\x07", "\x00"):
            assert sign not in ended.out
        if output:
            (result,) = json.loads(ended.out)["results"]
            assert result["labels"]["x"] == HOSTILE[:4_096]

    def test_json_can_be_printed_in_any_locale(self, run: Run) -> None:
        ended = run("search", "bistro", "--json")
        assert ended.out.isascii()
        assert json.loads(ended.out)["results"][0]["description"] == "Un café crème"

    def test_an_argument_that_is_no_text_finds_nothing(self, run: Run) -> None:
        for query in ("\udcff", "label:\udcff", "zz\udcff*"):
            ended = run("search", "--json", query)
            assert ended.status == 0, ended.err
            assert names(ended) == []

    def test_status_is_printed(self, run: Run) -> None:
        ended = run("status")
        assert (ended.status, ended.err) == (0, "")
        assert "search index: whoosh, complete, with 11 images, 10 repositories" in ended.out
        assert "registry second:" in ended.out

    def test_status_as_json_is_that_of_the_api(self, run: Run) -> None:
        body = json.loads(run("status", "--json").out)
        assert body["search_index"]["documents"] == {"image": 11, "repository": 10, "untagged": 0}
        assert body["registries"].keys() == {"main", "second"}

    @pytest.mark.parametrize("command", [["backfill"], ["reconcile"], ["reconcile", "--accept"]])
    def test_an_unknown_registry_is_told_those_that_are_known(
        self, run: Run, command: list[str]
    ) -> None:
        ended = run(*command, "third")
        assert ended.status == 2
        assert ended.err == "regsearch: no registry is named 'third'; known are main, second\n"


def test_before_the_first_crawl_searches_find_nothing_and_say_why(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    with serving(make_web(settings_for(tmp_path / "data"))) as url:
        ended = run("search", "nginx", "--url", url)
        told = run("status", "--url", url).out
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "0 of 0 shown",
        "note: not everything has been read and indexed yet; results are incomplete",
        "note: no registry is known yet",
        "note: the search index is being filled",
        "note: the indexer is not known to be alive",
    ]
    assert told == (
        "behind: no registry is known yet\n"
        "behind: the search index is being filled\n"
        "behind: the indexer is not known to be alive\n"
        "search index: none yet, being built, with nothing; 0 waiting; 0 B\n"
    )
    assert run("reconcile").out == "nothing is held back\n"


@pytest.mark.parametrize("command", sorted(ASKING))
def test_where_no_service_runs_the_remedy_is_said_and_nothing_made(
    run: Run, tmp_path: Path, command: str
) -> None:
    ended = run(command, *ARGUMENTS.get(command, []))
    assert (ended.status, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert line == (
        f"regsearch: no service runs on the data directory '{tmp_path}/data': start one with"
        " `regsearch serve`, or name one that runs: --url http://HOST:PORT, or REGSEARCH_URL"
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "command",
    [
        name
        for name in WITH_SETTINGS
        if name not in {"node", "notifications", "serve", "token", "web"}
    ],
)
def test_a_store_that_cannot_be_read_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store.db").write_bytes(b"this is no database" * 100)
    ended = run(command, *ARGUMENTS.get(command, []))
    assert (ended.status, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("regsearch: ")
    assert "store.db" in line


@pytest.mark.parametrize("command", ["rebuild", "indexer"])
def test_a_search_index_that_cannot_be_made_is_one_line(
    run: Run, registry: FakeRegistry, tmp_path: Path, command: str
) -> None:
    """The parts of the indexer run side by side; the error of one must still be readable."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "search-index").write_text("in the way")
    ended = run(command)
    assert ended.status == 1
    line = ended.err.splitlines()[-1]
    assert line.startswith("regsearch: ")
    assert "search-index" in line
    assert "Traceback" not in ended.err


def test_errors_side_by_side_are_a_line_each() -> None:
    inner = ExceptionGroup("inner", [EngineError("two")])
    assert [str(e) for e in _leaves(ExceptionGroup("x", [StoreError("one"), inner]))] == [
        "one",
        "two",
    ]


# Asking the indexer


def test_a_backfill_without_an_indexer_does_the_work_itself(
    run: Run, registry: FakeRegistry
) -> None:
    ended = run("backfill")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "backfill: done, 3 repositories\n"
    data = Path(os.environ["REGSEARCH_DATA_DIR"])
    assert found(data, "number") == [f"team/web{n}" for n in range(3)]
    assert status_of(data)["registries"]["default"]["crawl"]["complete"] is True
    # What was pushed meanwhile without any notification is found by the next one.
    registry.put("new/one", image(seed="new"), tag="1")
    assert run("backfill", "default").status == 0
    assert found(data, "new") == ["new/one"]


@pytest.mark.parametrize("options", [[], ["--extract"]])
def test_a_rebuild_without_an_indexer_makes_another_generation(
    run: Run, registry: FakeRegistry, options: list[str]
) -> None:
    run("backfill")
    data = Path(os.environ["REGSEARCH_DATA_DIR"])
    before = status_of(data)["search_index"]["generation"]
    requests = len(registry.requests)
    ended = run("rebuild", *options)
    assert (ended.status, ended.err) == (0, "rebuild: done, searches use the new search index\n")
    index = status_of(data)["search_index"]
    assert index["generation"] != before
    assert index["documents"] == {"image": 3, "repository": 3, "untagged": 0}
    assert len([r for r in registry.requests[requests:] if "/manifests/" in r]) == 0, (
        "from the store"
    )


def test_what_disappears_all_at_once_is_listed_until_it_is_accepted(
    run: Run, registry: FakeRegistry
) -> None:
    registry.put("team/web3", image(), tag="1.0")
    registry.put("team/web4", image(), tag="1.0")
    assert run("backfill").status == 0
    registry.content.repositories.clear()
    ended = run("backfill")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == (
        "regsearch: registry default: 5 repositories disappeared at once and are held back;"
        " `regsearch reconcile` lists them\n"
    )
    everything = [f"team/web{number}" for number in range(5)]
    data = Path(os.environ["REGSEARCH_DATA_DIR"])
    assert found(data) == everything
    assert status_of(data)["registries"]["default"]["held_back"] == 5
    listed = json.loads(run("reconcile", "--json").out)["held_back"]
    assert [held["repository"] for held in listed] == everything
    assert listed[0] == {
        "registry": "default",
        "repository": "team/web0",
        "lost": True,
        "tags": ["1.0"],
        "since": listed[0]["since"],
    }
    assert run("reconcile", "default").out.startswith("held back: default team/web0: the whole")
    ended = run("reconcile", "--accept", "default")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "reconcile: done, 5 repositories hidden, 5 tags in all\n"
    assert found(data) == []
    assert run("reconcile").out == "nothing is held back\n"
    assert run("reconcile", "--accept").err == (
        "reconcile: done, 0 repositories hidden, 0 tags in all\n"
    )


def test_a_registry_that_refuses_is_an_error_with_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(FakeRegistry(username="u", password="p").app) as url:
        monkeypatch.setenv("REGSEARCH_REGISTRY", url)
        ended = run("backfill")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines()[-1].startswith("regsearch: registry default: ")
    assert "401" in ended.err


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    folder = tmp_path / "logs"
    folder.mkdir()
    with Children(folder) as made:
        yield made


def indexer_pid(tmp_path: Path) -> int:
    file = tmp_path / "data" / "indexer.pid"
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text else 0


@pytest.mark.parametrize(("command", "total"), [("serve", 3), ("web", 0)])
def test_no_folder_of_the_working_directory_is_run(
    registry: FakeRegistry,
    children: Children,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    total: int,
) -> None:
    """Not in the place of ours, nor of a library's, in no process that is started."""
    for name in ("indexer", "search_api", "webhooks", "multiprocessing", "fastapi", "json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('{name} is not ours')")
    monkeypatch.setenv("REGSEARCH_LISTEN", f"127.0.0.1:{(port := free_port())}")
    child = children.start(command, [str(Path(sys.executable).with_name("regsearch")), command])

    def is_answered() -> bool:
        try:
            answer = httpx2.get(f"http://127.0.0.1:{port}/api/v1/search", trust_env=False)
        except httpx2.TransportError:
            return False
        return bool(answer.status_code == 200 and answer.json()["total"] == total)

    children.wait_for(command, is_answered, seconds=3 * WAIT_SECONDS)
    text = child.log.read_text()
    assert "process_died" not in text
    assert "is not ours" not in text


def test_a_running_indexer_is_asked_and_goes_on(
    run: Run, registry: FakeRegistry, children: Children, tmp_path: Path
) -> None:
    child = children.start("indexer", [*PROGRAM, "indexer"])
    children.wait_for("indexer", lambda: indexer_pid(tmp_path) > 0, seconds=WAIT_SECONDS)
    for command in ("backfill", "rebuild", "backfill"):
        ended = run(command)
        assert ended.status == 0, ended.err
    assert found(tmp_path / "data", "number") == [f"team/web{n}" for n in range(3)]
    assert child.process.poll() is None
    assert indexer_pid(tmp_path) == child.process.pid
    ended = run("indexer")
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == (
        f"regsearch: an indexer runs in {tmp_path}/data already, as process {child.process.pid}"
    )


def test_a_backfill_takes_over_from_an_indexer_that_is_killed(
    run: Run, registry: FakeRegistry, children: Children, tmp_path: Path
) -> None:
    """Nobody else may be there to do the work; waiting for ever is no answer."""
    killed = threading.Event()

    async def held_up(request: Request) -> Response:
        while not killed.is_set():
            await asyncio.sleep(0.01)
        return JSONResponse({"repositories": []}, 503)

    registry.faults.append(Fault("_catalog", held_up, times=1))
    child = children.start("indexer", [*PROGRAM, "indexer"])
    children.wait_for("indexer", lambda: indexer_pid(tmp_path) > 0, seconds=WAIT_SECONDS)

    def kill_when_asked() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not registry.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        child.process.kill()
        child.process.wait()
        killed.set()

    killer = threading.Thread(target=kill_when_asked)
    killer.start()
    ended = run("backfill")
    killer.join()
    assert (ended.status, ended.err) == (0, "backfill: done, 3 repositories\n")


# Processes


@pytest.fixture
def stopping() -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Give a function that sends this process SIGTERM, as a user would, once something is so."""
    threads: list[threading.Thread] = []

    def stop_when(ready: Callable[[], bool]) -> None:
        def wait_and_stop() -> None:
            deadline = time.monotonic() + WAIT_SECONDS
            while not ready() and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)

        threads.append(threading.Thread(target=wait_and_stop))
        threads[-1].start()

    # The server sends itself the signal again when it has stopped.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield stop_when
    for thread in threads:
        thread.join()
    signal.signal(signal.SIGTERM, before)


def answer(url: str) -> dict[str, Any]:
    try:
        response = httpx2.get(url, trust_env=False)
    except httpx2.TransportError:
        return {}
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    listen = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("REGSEARCH_LISTEN", listen)
    return f"http://{listen}"


@pytest.mark.parametrize("supervised", [[], ["--supervised", str(os.getppid())]])
def test_web_answers_until_it_is_told_to_stop(
    run: Run,
    registry: FakeRegistry,
    stopping: Callable[[Callable[[], bool]], None],
    address: str,
    tmp_path: Path,
    supervised: list[str],
) -> None:
    stopping(lambda: answer(f"{address}/healthz") == {"status": "ok"})
    ended = run("web", *supervised)
    assert ended.status == 0
    assert "event=web_listens" in ended.err
    assert (tmp_path / "data" / "web.pid").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("supervised", [[], ["--supervised", str(os.getppid())]])
def test_the_indexer_works_until_it_is_told_to_stop(
    run: Run,
    registry: FakeRegistry,
    stopping: Callable[[Callable[[], bool]], None],
    tmp_path: Path,
    supervised: list[str],
) -> None:
    def is_read() -> bool:
        if not (tmp_path / "data" / "search-index").exists():
            return False
        with closing(Store(tmp_path / "data", read_only=True)) as store:
            (row,) = store.registries.freshness()
            return row.last_complete_crawl_at is not None

    stopping(is_read)
    ended = run("indexer", *supervised)
    assert ended.status == 0
    assert "event=crawl_finished" in ended.err
    assert ended.err.splitlines()[-1].endswith("event=stopped")


def test_the_whole_service_runs_until_it_is_told_to_stop(
    run: Run,
    registry: FakeRegistry,
    stopping: Callable[[Callable[[], bool]], None],
    address: str,
    tmp_path: Path,
) -> None:
    seen: list[dict[str, Any]] = []

    def is_found() -> bool:
        body = answer(f"{address}/api/v1/search?q=number")
        seen.append(body)
        return body.get("total") == 3

    stopping(is_found)
    ended = run("serve")
    assert ended.status == 0
    assert seen[-1]["total"] == 3
    secret = (tmp_path / "data" / "webhook-secret").read_text().strip()
    assert ended.out == "For the configuration of your registries: regsearch notifications\n"
    assert secret not in ended.err
    assert "event=process_died" not in ended.err
    block = run("notifications").out
    assert block.startswith("# For the configuration of registry default, so that it notifies us:")
    assert f'Authorization: ["Bearer {secret}"]' in block
    assert f"url: {address}/webhooks/default" in block


def test_the_block_of_each_registry_is_printed_with_the_present_secret(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "regsearch.toml").write_text(
        'webhook_secret = "common-to-all-of-them"\n'
        f"{CONFIG}"
        'webhook_secret = "present-one-of-second"\n'
        'previous_webhook_secret = "previous-one-of-second"\n'
        '[[registry]]\nname = "silent"\nurl = "http://silent"\nnotifications = false\n'
    )
    of_all = run("notifications").out
    assert of_all.count("# For the configuration of registry") == 2
    assert "Bearer common-to-all-of-them" in of_all
    assert "previous" not in of_all
    only = run("notifications", "second").out
    assert only.count("Bearer") == only.count("Bearer present-one-of-second") == 1
    assert "/webhooks/silent" in run("notifications", "silent").out
    unknown = run("notifications", "none")
    assert (unknown.status, unknown.out) == (2, "")
    assert "no registry is named 'none'" in unknown.err


def test_a_short_webhook_secret_ends_the_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGSEARCH_WEBHOOK_SECRET", "s")
    ended = run("serve")
    assert (ended.status, ended.out) == (2, "")
    assert "has 1 characters" in ended.err
    assert "openssl rand -hex 32" in ended.err


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file or directory"), ("bob:plain", "line 1, user 'bob'")]
)
def test_users_that_cannot_be_read_end_the_start(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: str,
    content: str | None,
    said: str,
) -> None:
    monkeypatch.setenv("REGSEARCH_REGISTRY", "http://registry.example")
    monkeypatch.setenv("REGSEARCH_ACCESS__HTPASSWD_FILE", str(tmp_path / "users"))
    if content is not None:
        (tmp_path / "users").write_text(content)
    ended = run("web")
    assert (ended.status, ended.out) == (2, "")
    assert f"regsearch: access.htpasswd_file '{tmp_path}/users': {said}" in ended.err


def test_an_interrupt_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a command is no error with a traceback."""
    registry = FakeRegistry()

    async def interrupt(request: Request) -> Response:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)
        return JSONResponse({}, 503)

    registry.faults.append(Fault("/v2/", interrupt))
    with serving(registry.app) as url:
        monkeypatch.setenv("REGSEARCH_REGISTRY", url)
        ended = run("backfill")
    assert (ended.status, ended.out) == (130, "")
    assert "Traceback" not in ended.err
