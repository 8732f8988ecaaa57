"""A real ``regsearch serve`` with a data directory and a port of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from tests.end_to_end.answers import (
    Answer,
    DockerRow,
    Found,
    RegistryFreshness,
    parse_answer,
    parse_docker_rows,
)
from tests.end_to_end.ports import free_port
from tests.end_to_end.processes import (
    RunningProgram,
    is_alive,
    kill_process,
    log_tail,
    processes_with,
    run,
)
from tests.end_to_end.real_registry import Receiver
from tests.end_to_end.waiting import OFTEN_SECONDS, wait_until
from tests.fakes.events import CONTENT_TYPE, envelope

WEBHOOK_SECRET = "end-to-end-secret"
COMMAND = (sys.executable, "-m", "search_api")
PROJECT = Path(__file__).parents[2]
PAGE = 100
# What a machine with much else to do may take. Nobody waits for longer than it takes.
STOP_SECONDS = 30.0
FOUND_SECONDS = 30.0
IDLE_SECONDS = 90.0


class Service:
    """The whole service as its users start it: one command, two processes below it."""

    def __init__(
        self, folder: Path, *, registry: str = "default", words: Sequence[str] = ("serve",)
    ) -> None:
        """Take a folder for everything, and the command to run."""
        self._words = words
        self.port = free_port()
        self.registry = registry
        self.is_limited = False
        """Whether requests a second are limited as by default, and not unlimited for the test."""
        self._folder = folder
        self._log = folder / "service.log"
        self._extra_environment: Mapping[str, str] = {}
        self._program: RunningProgram | None = None
        self._http = httpx2.Client(base_url=self.url, timeout=20, trust_env=False)

    @property
    def host(self) -> str:
        """The host and port to write in front of a search term."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address over HTTP, without a slash at the end."""
        return f"http://{self.host}"

    @property
    def receiver(self) -> Receiver:
        """Where the registry is to send its notifications."""
        return Receiver(f"{self.url}/webhooks/{self.registry}", WEBHOOK_SECRET)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._folder / "regsearch"

    def configure(self, **environment: str) -> None:
        """Set the environment variables that are not the same in every test."""
        self._extra_environment = environment

    def start(self, seconds: float = 60) -> None:
        """Start the service; return when it says that it is ready."""
        self.begin()
        self.wait_until(self.is_ready, seconds, "GET /readyz answers 200")

    def begin(self) -> None:
        """Start the service, and wait for nothing."""
        self.data.mkdir(exist_ok=True)
        self._program = self.command_in_background(*self._words, log=self._log)

    def stop(self, seconds: float = STOP_SECONDS) -> int | None:
        """Send SIGTERM; give the exit code, or None when it still ran after ``seconds``."""
        assert self._program is not None, "the service was not started"
        return self._program.terminate(seconds)

    def close(self) -> None:
        """Kill whatever is left of the service and close the connections to it."""
        self._http.close()
        if self._program is not None:
            self._program.kill()
        for pid in self.processes():
            kill_process(pid)

    def kill_all(self) -> None:
        """Kill all processes of the service, as a machine ends that loses its power."""
        assert self._program is not None, "the service was not started"
        self._program.kill()
        for pid in self.processes():
            kill_process(pid)

    def processes(self) -> list[int]:
        """The processes that run with this data directory, found by their environment."""
        return [
            pid for pid in processes_with("REGSEARCH_DATA_DIR", str(self.data)) if is_alive(pid)
        ]

    @property
    def supervisor_pid(self) -> int:
        """The process id of ``regsearch serve`` itself."""
        assert self._program is not None, "the service was not started"
        return self._program.pid

    def child_pid(self, name: str) -> int:
        """The process id of ``indexer`` or ``web``, 0 while it is not running."""
        file = self.data / f"{name}.pid"
        text = file.read_text("utf-8").strip() if file.exists() else ""
        return int(text) if text and is_alive(int(text)) else 0

    def kill_child(self, name: str) -> int:
        """Send SIGKILL to ``indexer`` or ``web``; give the process id it had."""
        pid = self.child_pid(name)
        assert pid in self.processes(), f"{name}.pid holds {pid}, not a process of the service"
        kill_process(pid)
        return pid

    def command(self, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run ``regsearch`` with these words against the same data directory."""
        return run(
            [*COMMAND, *words],
            seconds=seconds,
            environment=self.environment(),
            folder=self._folder,
        )

    def command_in_background(self, *words: str, log: Path) -> RunningProgram:
        """Start ``regsearch`` with these words; whoever starts it also ends it."""
        return RunningProgram(
            [*COMMAND, *words], log=log, environment=self.environment(), folder=self._folder
        )

    def backfill(self, seconds: float = 60) -> None:
        """Run ``regsearch backfill``, which must complete, and wait until all is searchable."""
        ended = self.command("backfill", seconds=seconds)
        assert ended.returncode == 0, f"regsearch backfill: {ended.stderr}{ended.stdout}"
        self.wait_until_idle()

    def environment(self) -> dict[str, str]:
        """The environment of every process of this service, free of the caller's settings."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("REGSEARCH_")
        }
        own = {
            "REGSEARCH_DATA_DIR": str(self.data),
            "REGSEARCH_LISTEN": self.host,
            "REGSEARCH_WEBHOOK_SECRET": WEBHOOK_SECRET,
            # The commands run in a folder of their own, away from a developer's regsearch.toml.
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
        }
        if not self.is_limited:
            own["REGSEARCH_CALLER_REQUESTS_PER_SECOND"] = "0"
        return {**inherited, **own, **self._extra_environment}

    def is_ready(self) -> bool:
        """Tell whether ``GET /readyz`` answers 200."""
        return self._answers("/readyz")

    def is_complete(self) -> bool:
        """Tell whether an answer has all that the registries hold."""
        return self.search("", limit=1).freshness.complete

    def is_answering(self) -> bool:
        """Tell whether a search is answered."""
        return self._answers("/api/v1/search?limit=1")

    def _answers(self, path: str) -> bool:
        try:
            return self._http.get(path).status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str, **parameters: str | int) -> httpx2.Response:
        """Send a GET request, which must be answered with 200."""
        response = self._http.get(path, params=parameters)
        assert response.status_code == 200, (
            f"{response.url}: {response.status_code} {response.text}"
        )
        return response

    def ask(self, path: str, **parameters: str | int) -> httpx2.Response:
        """Send a GET request and give the answer, whatever it is."""
        return self._http.get(path, params=parameters)

    def answer_to(self, authorization: str) -> int:
        """Search with an ``Authorization`` header; give the status of the answer."""
        headers = {"Authorization": authorization}
        return self._http.get("/api/v1/search", headers=headers).status_code

    def notify(self, *events: Mapping[str, Any]) -> None:
        """Send one notification with these events, which must be taken, as the registry would."""
        response = self.post_notification(*events)
        assert response.status_code == 202, f"{response.status_code} {response.text}"

    def post_notification(self, *events: Mapping[str, Any]) -> httpx2.Response:
        """Send one notification with these events and give the answer, whatever it is."""
        return self._http.post(
            f"/webhooks/{self.registry}",
            headers={
                "Authorization": f"Bearer {WEBHOOK_SECRET}",
                "Content-Type": CONTENT_TYPE,
            },
            content=envelope(events),
        )

    def search(self, query: str, kind: str = "image", limit: int = PAGE) -> Answer:
        """Ask the search API for one page of ``image`` or ``repository`` results."""
        return parse_answer(self.get("/api/v1/search", q=query, type=kind, limit=limit).json())

    def everything(self, query: str, kind: str = "image") -> list[Found]:
        """Ask the search API for all results, page after page."""
        answer = self.search(query, kind)
        found = list(answer.results)
        while answer.next is not None:
            page = self.get("/api/v1/search", q=query, type=kind, limit=PAGE, cursor=answer.next)
            answer = parse_answer(page.json())
            found += answer.results
        return found

    def image(self, query: str) -> Found:
        """Give the only image that a query finds."""
        answer = self.search(query)
        assert len(answer.results) == 1, f"{query}: {answer.results}"
        return answer.results[0]

    def finds(self, query: str, kind: str = "image") -> bool:
        """Tell whether a query finds anything."""
        return bool(self.search(query, kind, limit=1).results)

    def misses(self, query: str) -> bool:
        """Tell whether an image query finds nothing."""
        return not self.finds(query)

    def docker_rows(self, term: str, n: int = 25) -> list[DockerRow]:
        """Ask ``/v1/search``, the address that docker and podman ask."""
        return parse_docker_rows(self.get("/v1/search", q=term, n=n).json())

    def lists(self, repository: str) -> bool:
        """Tell whether ``/v1/search`` for a repository's name lists it."""
        return repository in {row.repository for row in self.docker_rows(repository)}

    def freshness(self) -> RegistryFreshness:
        """How far the service is with its registry, as a search answer tells it."""
        return self.search("", limit=1).freshness.registries[self.registry]

    def requests_made(self) -> int:
        """How many requests the indexer has sent to the registry."""
        return int(self.status()["requests"])

    def wait_until(
        self,
        condition: Callable[[], bool],
        seconds: float,
        what: str,
        *,
        every: float = OFTEN_SECONDS,
    ) -> float:
        """Poll like ``waiting.wait_until``, and fail at once when the service has ended."""

        def held() -> bool:
            ended = self._program is None or self._program.exit_code is not None
            assert not ended, f"regsearch serve is not running, while waiting for: {what}"
            return condition()

        return wait_until(held, seconds, what, every=every)

    def wait_until_idle(
        self, seconds: float = IDLE_SECONDS, *, every: float = OFTEN_SECONDS
    ) -> float:
        """Wait until a crawl is complete and nothing waits to be read or indexed."""
        what = "a crawl is complete and nothing waits"
        return self.wait_until(self._is_idle, seconds, what, every=every)

    def _is_idle(self) -> bool:
        freshness = self.search("", limit=1).freshness
        is_indexed = not any("not indexed yet" in reason for reason in freshness.behind)
        return is_indexed and freshness.registries[self.registry].idle

    def wait_until_complete(self, seconds: float = 60) -> None:
        """Wait until an answer is complete, and its total exact."""
        self.wait_until(
            lambda: self.search("", limit=1).total_is_exact, seconds, "answers are complete"
        )

    def wait_until_found(self, *queries: str, seconds: float = FOUND_SECONDS) -> None:
        """Wait until each of these image queries finds something."""
        for query in queries:
            self.wait_until(partial(self.finds, query), seconds, f"{query} is found")

    def wait_until_gone(self, *queries: str, seconds: float = FOUND_SECONDS) -> None:
        """Wait until none of these image queries finds anything."""
        for query in queries:
            self.wait_until(partial(self.misses, query), seconds, f"{query} is gone")

    def printed_block(self) -> str:
        """The block that ``regsearch notifications`` prints for the registry's configuration."""
        ended = self.command("notifications", self.registry)
        found = re.search(r"^notifications:\n(?: +.*\n)+", ended.stdout, re.MULTILINE)
        assert found is not None, ended.stdout + ended.stderr
        return found[0]

    def status(self) -> Any:
        """The registry's part of ``GET /api/v1/status``."""
        return self.get("/api/v1/status").json()["registries"][self.registry]

    def log_text(self) -> str:
        """What the service wrote, its last part."""
        return log_tail(self._log)
