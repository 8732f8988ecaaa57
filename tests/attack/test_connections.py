"""Clients that take connections and give nothing, and requests that mean two things."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack.raw_client import (
    connect,
    head,
    is_closed,
    notification_head,
    read_to_the_end,
    timed_get,
)
from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.service import Service
from tests.fakes.events import envelope, push_event

DESCRIPTORS = 1_024
SILENT = 1_500
SEARCH = "/api/v1/search?q=web"
LOG_BYTES_MAX = 200_000
PADDING = 1_000_000
PART = 4_096

Figure = Callable[[str], None]


@contextmanager
def soft_limit(descriptors: int) -> Iterator[None]:
    """Limit the descriptors of this process, and of what it starts meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def attackers() -> Iterator[list[socket.socket]]:
    """Give a list; what is in it at the end is closed."""
    found: list[socket.socket] = []
    with soft_limit(min(8_192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])):
        yield found
        for one in found:
            one.close()


def log_bytes(tmp_path: Path) -> int:
    return (tmp_path / "service.log").stat().st_size


def test_silent_connections_shut_nobody_out(
    service: Service,
    attackers: list[socket.socket],
    tmp_path: Path,
    figure: Figure,
    *,
    is_full: bool,
) -> None:
    """Honest searches are answered, over new connections, while silent ones come back for ever."""
    with soft_limit(DESCRIPTORS):
        service.start()
    before = log_bytes(tmp_path)
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            gone = [one for one in attackers if is_closed(one)]
            for one in gone:
                attackers.remove(one)
                one.close()
            while len(attackers) < SILENT and not stop.is_set():
                try:
                    attackers.append(connect(service, seconds=1))
                except OSError:
                    break
            stop.wait(0.3)

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        time.sleep(2)
        found = [timed_get(service, SEARCH) for _ in range(300 if is_full else 60)]
        health = [timed_get(service, path)[0] for path in ("/healthz", "/readyz", "/metrics")]
    finally:
        stop.set()
        thread.join()
    times = sorted(seconds for _, seconds in found)
    grown = log_bytes(tmp_path) - before
    figure(
        f"{SILENT:,} silent connections at {DESCRIPTORS:,} descriptors: search p95"
        f" {times[len(times) * 95 // 100] * 1_000:.0f} ms, {grown:,} bytes of log"
    )
    assert {status for status, _ in found} == {200}
    assert set(health) == {200}
    assert grown < LOG_BYTES_MAX


def test_slow_clients_are_ended_and_honest_ones_are_not(
    service: Service,
    registry: StubRegistry,
    attackers: list[socket.socket],
    figure: Figure,
    *,
    is_full: bool,
) -> None:
    """Silence, half a head and a slow body have an end; a stream and a slow line have none."""
    service.start()
    service.wait_until_idle()
    kinds = {"silent": b"", "half heads": head("/", "X: ")[:-4]}
    if is_full:
        kinds["slow bodies"] = notification_head(100_000)
    body = envelope([push_event("team/web", image(seed="slow").digest, tag="1")])
    with connect(service) as stream, connect(service) as slow:
        stream.sendall(head("/api/v1/changes/stream?cursor=now"))
        # Spaces before the JSON, at 8 kB a second.
        slow.sendall(notification_head(PADDING + len(body)))
        opened = {kind: [connect(service) for _ in range(20)] for kind in kinds}
        for kind, connections in opened.items():
            attackers += connections
            for one in connections:
                one.sendall(kinds[kind])
        started, ended, sent = time.monotonic(), dict[str, float](), 0
        while len(ended) < len(kinds):
            waited = time.monotonic() - started
            assert waited < 60, f"after 60 s still open: {kinds.keys() - ended.keys()}"
            for kind, connections in opened.items():
                if kind not in ended and all(has_ended(one, kind) for one in connections):
                    ended[kind] = waited
            slow.sendall(b" " * PART)
            sent += PART
            time.sleep(0.5)
        figure("ended: " + ", ".join(f"{kind} after {s:.0f} s" for kind, s in ended.items()))
        slow.sendall(b" " * (PADDING - sent) + body)
        assert b"HTTP/1.1 202" in read_until(slow, b"rejected")
        built = image(seed="web")
        registry.push("team/web", "1", built)
        service.notify(push_event("team/web", built.digest, tag="1"))
        assert b"tag.pushed" in read_until(stream, b"tag.pushed"), "the stream was cut"


def has_ended(connection: socket.socket, kind: str) -> bool:
    """Tell whether a connection is closed; one that is not silent sends one byte more."""
    if is_closed(connection):
        return True
    if kind != "silent":
        try:
            connection.send(b"a")
        except OSError:
            return True
    return False


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """Return what comes up to ``wanted``, or up to the end, or within ten seconds."""
    found = b""
    connection.settimeout(10)
    try:
        while wanted not in found and (part := connection.recv(65_536)):
            found += part
    except OSError:
        pass
    return found


def test_failed_accepts_do_not_fill_the_log(
    service: Service, attackers: list[socket.socket], tmp_path: Path, figure: Figure
) -> None:
    """A process without descriptors says so once, and goes on when it has some again."""
    service.start()
    web = service.child_pid("web")
    limits = resource.prlimit(web, resource.RLIMIT_NOFILE)
    before = log_bytes(tmp_path)
    used = len(list(Path(f"/proc/{web}/fd").iterdir()))
    resource.prlimit(web, resource.RLIMIT_NOFILE, (used + 1, limits[1]))
    for _ in range(20):
        attackers.append(connect(service))
    time.sleep(4)
    grown = log_bytes(tmp_path) - before
    figure(f"4 s of failed accepts: {grown:,} bytes of log")
    resource.prlimit(web, resource.RLIMIT_NOFILE, limits)
    service.wait_until(lambda: timed_get(service, SEARCH)[0] == 200, 10, "searches are answered")
    assert grown < LOG_BYTES_MAX // 10


def test_a_request_of_two_lengths_ends_its_connection(service: Service) -> None:
    """What follows it may be hidden from a proxy, so it is not answered."""
    service.start()
    both = ("Content-Length: 6", "Transfer-Encoding: chunked")
    hidden = head("/healthz")
    with connect(service) as own:
        own.sendall(head("/api/v1/search", *both) + b"0\r\n\r\n" + hidden)
        try:
            answer = read_to_the_end(own)
        except TimeoutError:
            answer = b""
    assert answer, "the connection stays open"
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400")


PATHS = {
    "/api/v1/search?q=web": 200,
    "/api/v1/search?q=(": 400,
    "/api/v1/openapi.json": 200,
    "/v1/search?q=web": 200,
    "/v2/": 200,
    "/v2/_oci/ext/discover": 200,
    "/healthz": 200,
    "/metrics": 200,
    "/nowhere": 404,
}
WRONG_SECRET = head("/webhooks/default", "Connection: close", method="POST")


def test_every_answer_forbids_sniffing_and_has_an_id(service: Service) -> None:
    """A browser must not take text of an image for a page; an operator must find a request."""
    service.start()
    requests = {head(path, "Connection: close"): status for path, status in PATHS.items()}
    requests |= {b"no HTTP\r\n\r\n": 400, WRONG_SECRET: 401}
    ids = set()
    for request, status in requests.items():
        with connect(service) as own:
            own.sendall(request)
            answer = read_to_the_end(own).decode("latin-1")
        lines = answer.partition("\r\n\r\n")[0].lower().split("\r\n")
        assert lines[0].split()[1] == str(status), request
        assert lines.count("x-content-type-options: nosniff") == 1, request
        (line,) = [one for one in lines if one.startswith("x-request-id: ")]
        ids.add(request_id := line.partition(": ")[2])
        assert status < 400 or f'"request_id":"{request_id}"' in answer, request
    assert len(ids) == len(requests)
    with connect(service) as own:
        own.sendall(head("/healthz", "Connection: close", "X-Request-ID: from-a.proxy_1"))
        assert b"x-request-id: from-a.proxy_1" in read_to_the_end(own).lower()
