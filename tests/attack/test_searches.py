"""Searches that cost much, clients that go away, search processes that hang."""

import os
import random
import signal
import string
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.processes import is_alive
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until

IMAGES = 40
LABELS = 12
LABEL_CHARACTERS = 4_000
PROCESSES = 2
"""The search processes of a service, by default."""
SECONDS = 20
"""How long an honest client waits for an answer before the test fails."""
HONEST = "127.0.0.1"
OTHER = "127.0.0.2"


_open: list["Asked"] = []


@pytest.fixture(autouse=True)
def _closed_at_the_end() -> Iterator[None]:
    """Close the connections of searches that a test left open, as when it fails."""
    yield
    while _open:
        _open.pop().close()


class Asked:
    """One search, sent from an address of its own, whose answer nobody waits for yet."""

    def __init__(self, service: Service, path: str, *, address: str = HONEST) -> None:
        host, port = service.host.split(":")
        self._connection = HTTPConnection(
            host, int(port), timeout=SECONDS, source_address=(address, 0)
        )
        _open.append(self)
        self._connection.request("GET", path)

    def close(self) -> None:
        self._connection.close()

    def is_answered(self) -> bool:
        """Tell whether the first byte of the answer is there."""
        sock = self._connection.sock
        sock.setblocking(False)
        try:
            return bool(sock.recv(1, 2))  # MSG_PEEK
        except BlockingIOError:
            return False
        finally:
            sock.settimeout(SECONDS)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """Wait for the answer; give status, headers and body, with status 0 if none comes."""
        try:
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            return 0, {}, {}
        finally:
            self._connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in headers.get("content-type", "")
        return response.status, headers, orjson.loads(body) if is_json else body


def search(query: str, *, limit: int = 25, kind: str = "image") -> str:
    """Return the path of a search."""
    return "/api/v1/search?" + urlencode({"q": query, "limit": limit, "type": kind})


def patterns(count: int, *, seed: int) -> str:
    """Return a query of so many different patterns."""
    letters = random.Random(seed)
    chosen = ("".join(letters.choices(string.ascii_lowercase, k=2)) for _ in range(count))
    return " OR ".join(f"*{one}*" for one in chosen)


def addresses(count: int) -> Iterator[str]:
    """Give loopback addresses, so that no limit of one address is reached."""
    for number in range(count):
        yield f"127.0.{1 + number // 100}.{1 + number % 100}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running service beside a registry of images with much text, for all tests here."""
    letters = random.Random(1)
    with StubRegistry() as registry:
        for number in range(IMAGES):
            labels = {
                f"text{label}": " ".join(
                    "".join(letters.choices(string.ascii_lowercase, k=7))
                    for _ in range(LABEL_CHARACTERS // 8)
                )
                for label in range(LABELS)
            }
            registry.push(f"team/web{number}", "1.0", image(seed=f"{number}", labels=labels))
        service = Service(tmp_path_factory.mktemp("searches"))
        service.configure(REGSEARCH_REGISTRY=registry.url)
        try:
            service.start()
            service.wait_until_idle(90)
            yield service
        finally:
            service.close()


def search_processes(service: Service) -> list[int]:
    """Return the process ids of the search processes."""
    web = service.child_pid("web")
    return [pid for pid in service.processes() if _is_search_process(pid, web)]


def _is_search_process(pid: int, web: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        parent = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1]
    except OSError:
        return False
    return b"multiprocessing-fork" in command and int(parent) == web


def be_well(service: Service) -> None:
    """Wait until searches are answered, which an earlier test may have prevented."""
    wait_until(
        lambda: {Asked(service, search("")).answer()[0] for _ in range(4)} == {200},
        2 * SECONDS,
        "searches are answered",
    )


def stop_search_processes(service: Service) -> list[int]:
    """Stop all search processes; give their process ids."""
    # One that an earlier test ended may not be there again yet, and would answer later.
    wait_until(
        lambda: len(search_processes(service)) == PROCESSES, SECONDS, "all search processes run"
    )
    stopped = search_processes(service)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    return stopped


def metric(service: Service, name: str) -> float:
    """Return a number of the metrics, 0 where it is not there; all with its labels together."""
    status, _, body = Asked(service, "/metrics").answer()
    assert status == 200, "the metrics are answered"
    lines = (line for line in body.decode().splitlines() if line.startswith(name))
    return sum(float(line.split()[-1]) for line in lines)


@pytest.mark.parametrize("count", [16, 64])
def test_abandoned_searches_do_not_delay_the_next(
    filled: Service,
    figure: Callable[[str], None],
    *,
    count: int,
    is_full: bool,
) -> None:
    be_well(filled)
    assert Asked(filled, search("team")).answer()[0] == 200
    many = 400 if is_full else 80
    abandoned = [
        Asked(filled, search(patterns(count, seed=number), limit=1000), address=address)
        for number, address in enumerate(addresses(many))
    ]
    for asked in abandoned:
        asked.close()
    began = time.monotonic()
    status, _, _ = Asked(filled, search("team")).answer()
    seconds = time.monotonic() - began
    figure(f"{many} abandoned searches of {count} patterns: next search {seconds:.2f} s")
    assert (status, seconds < 8) == (200, True)


def test_searches_of_which_the_client_is_gone_are_counted(filled: Service) -> None:
    be_well(filled)
    for _ in range(20):
        with closing(Asked(filled, search(patterns(16, seed=1), limit=1000), address=OTHER)):
            time.sleep(0.05)
    wait_until(
        lambda: metric(filled, "regsearch_searches_cancelled_total") > 0,
        10,
        "a search whose client is gone is cancelled and counted",
    )


def test_stopped_search_processes_are_replaced(
    filled: Service, figure: Callable[[str], None]
) -> None:
    be_well(filled)
    stopped = stop_search_processes(filled)
    began = time.monotonic()
    waiting = [Asked(filled, search("team")) for _ in range(8)]
    found = [asked.answer()[0] for asked in waiting]
    assert 0 not in found, "each search is answered, or refused because of the deadline"
    wait_until(
        lambda: Asked(filled, search("team")).answer()[0] == 200, SECONDS, "searches are answered"
    )
    seconds = time.monotonic() - began
    figure(
        f"{len(stopped)} stopped search processes: searches answered after {seconds:.1f} s,"
        f" {found.count(200)} of {len(found)} waiting ones too"
    )
    assert [pid for pid in stopped if is_alive(pid)] == [], "they were ended"
    assert metric(filled, "regsearch_search_processes_replaced_total") >= len(stopped)


def test_probes_and_the_status_do_not_wait_for_searches(
    filled: Service, figure: Callable[[str], None]
) -> None:
    be_well(filled)
    stop_search_processes(filled)
    waiting = [Asked(filled, search("team")) for _ in range(20)]
    began = time.monotonic()
    answers = {}
    for path in ("/healthz", "/readyz", "/metrics", "/api/v1/status"):
        answers[path], _, _ = Asked(filled, path).answer()
    seconds = time.monotonic() - began
    figure(f"probes, metrics and status beside stopped search processes: {seconds:.2f} s")
    assert set(answers.values()) == {200}, answers
    assert seconds < 3, "none waited until the processes were replaced"
    assert not any(asked.is_answered() for asked in waiting)
    for asked in waiting:
        asked.close()


def test_a_search_that_does_not_end_reaches_its_deadline(
    service: Service, registry: StubRegistry
) -> None:
    service.configure(REGSEARCH_REGISTRY=registry.url, REGSEARCH_SEARCH_DEADLINE="1s")
    service.start()
    be_well(service)
    stop_search_processes(service)
    status, headers, body = Asked(service, search("team")).answer()
    assert status == 503
    assert body["errors"][0]["code"] == "SEARCH_TIMEOUT"
    assert "1 s (setting search_deadline)" in body["errors"][0]["message"]
    assert "retry-after" not in headers, "it would take as long again"
    be_well(service)


def test_a_queue_that_is_full_refuses_who_waits_most(filled: Service) -> None:
    be_well(filled)
    stopped = stop_search_processes(filled)
    crowd = [Asked(filled, search("team"), address=OTHER) for _ in range(300)]
    # At their deadline, after ten seconds, they would be answered without a limit too.
    wait_until(lambda: _answered(crowd) > 0, 8, "searches beyond the limit are answered at once")
    honest = Asked(filled, search("team"))
    # The newest is refused. The oldest are searched for if the processes were replaced meanwhile.
    refused = next(asked for asked in reversed(crowd) if asked.is_answered())
    status, headers, body = refused.answer()
    assert (status, body["errors"][0]["code"]) == (503, "BUSY")
    assert int(headers["retry-after"]) >= 1
    for pid in stopped:
        # Stopped for more than three seconds, it is replaced.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert honest.answer()[0] == 200, "another caller has a place in the queue"
    crowd.remove(refused)
    for asked in crowd:
        asked.close()


def test_callers_take_turns(filled: Service, figure: Callable[[str], None]) -> None:
    be_well(filled)
    many = 60
    crowd = [
        Asked(filled, search(patterns(4, seed=number), limit=200), address=OTHER)
        for number in range(many)
    ]
    status, _, body = Asked(filled, search("team")).answer()
    assert status == 200, body
    answered = _answered(crowd)
    figure(f"{many} searches of one caller: {answered} answered before one of another caller")
    assert answered < many // 2
    for asked in crowd:
        asked.close()


def _answered(searches: Sequence[Asked]) -> int:
    return sum(asked.is_answered() for asked in searches)
