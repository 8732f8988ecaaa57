"""Notifications from whoever has the secret, or guesses it: they must not hold up the others."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest

from tests.attack.stub_registry import StubRegistry, as_json
from tests.builders import BuiltManifest, image
from tests.end_to_end.service import Service
from tests.end_to_end.waiting import wait_until
from tests.fakes.events import push_event

SECRET = "a-secret-of-attacks"
MEGABYTE = 1_024 * 1_024
Figure = Callable[[str], None]


class Sender:
    """Sends notifications over a connection of its own, as a registry or an attacker would."""

    def __init__(self, service: Service, *, registry: str = "one", secret: str = SECRET) -> None:
        host, _, port = service.host.partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=60)
        self._used_at = time.monotonic()
        self._path = f"/webhooks/{registry}"
        self._headers = {"Authorization": f"Bearer {secret}"}

    def post(self, body: bytes) -> int:
        """Return the status of the answer to a notification with this body."""
        if time.monotonic() - self._used_at > 1:
            # The server closes what is idle; a closed connection is opened again.
            self._connection.close()
        self._used_at = time.monotonic()
        self._connection.request("POST", self._path, body, self._headers)
        with self._connection.getresponse() as response:
            response.read()
            return response.status

    def push(self, *pushes: tuple[str, str, str]) -> int:
        """Return the status of the answer to pushes: repository, tag and digest of each."""
        now = datetime.now(UTC)
        events = [
            push_event(repository, digest, tag=tag, at=now) for repository, tag, digest in pushes
        ]
        return self.post(json.dumps({"events": events}).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@pytest.fixture
def other() -> Iterator[StubRegistry]:
    """Give a second registry beside the attacked one."""
    with StubRegistry() as stub:
        yield stub


@pytest.fixture
def attacked(tmp_path: Path, registry: StubRegistry, other: StubRegistry) -> Iterator[Service]:
    """Give a started service of two registries that each hold a little."""
    for number in range(5):
        registry.push(f"team/web{number}", "1.0", image(seed=f"web{number}"))
    other.push("team/other", "1.0", image(seed="other"))
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'[[registry]]\nname = "one"\nurl = "{registry.url}"\n'
        f'[[registry]]\nname = "two"\nurl = "{other.url}"\n'
    )
    own = Service(tmp_path, registry="one")
    own.configure(REGSEARCH_CONFIG=str(settings), REGSEARCH_WEBHOOK_SECRET=SECRET)
    try:
        own.start()
        own.wait_until_found("repo:team/web4", "repo:team/other", seconds=60)
        own.wait_until_idle(60)
        yield own
    finally:
        own.close()


@contextmanager
def pauses(service: Service) -> Iterator[list[float]]:
    """Measure how long each ``/healthz`` takes meanwhile, in seconds, longest first afterwards."""
    found: list[float] = []
    is_over = threading.Event()

    def measure() -> None:
        host, _, port = service.host.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        while not is_over.is_set():
            start = time.monotonic()
            connection.request("GET", "/healthz")
            with connection.getresponse() as response:
                response.read()
            found.append(time.monotonic() - start)
            time.sleep(0.005)
        connection.close()

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        time.sleep(0.2)
        yield found
        time.sleep(0.2)
    finally:
        is_over.set()
        thread.join()
        found.sort(reverse=True)


@pytest.mark.parametrize(
    ("start", "part", "end"),
    [
        pytest.param(b"[", b"[],", b"[]]", id="lists"),
        pytest.param(b'{"events":[', b"[],", b"[]]}", id="events"),
        pytest.param(b'{"events":[', b'{"a":1},', b"{}]}", id="tiny events"),
    ],
)
def test_megabytes_of_tiny_values_hold_up_nobody(
    attacked: Service, figure: Figure, is_full: bool, start: bytes, part: bytes, end: bytes
) -> None:
    """Reading JSON into objects lets nothing else run. Base: each body a pause of a second."""
    size = 4 * MEGABYTE - 100
    body = start + part * (size // len(part)) + end
    with Sender(attacked) as sender, pauses(attacked) as found:
        for _ in range(5 if is_full else 2):
            assert sender.post(body) == 202, "a refusal would hold up the registry"
    figure(f"4 MB of {part.decode()}: longest pause of /healthz {1_000 * found[0]:.0f} ms")
    assert found[0] < 0.5


@contextmanager
def flood(
    service: Service, events: Callable[[int], tuple[str, str, str]], number: int
) -> Iterator[None]:
    """Send that many forged pushes meanwhile, a thousand in each notification."""

    def send() -> None:
        with Sender(service) as sender:
            for first in range(0, number, 1_000):
                assert sender.push(*map(events, range(first, first + 1_000))) == 202

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


FORGED: dict[str, Callable[[int], tuple[str, str, str]]] = {
    "tags of a repository": lambda n: ("team/web0", f"t{n}", digest(n)),
    "unknown repositories": lambda n: (f"team/no{n}", "1.0", digest(n)),
    "known tags of another digest": lambda n: (f"team/web{n % 3}", "1.0", digest(n)),
}


@pytest.mark.parametrize("kind", list(FORGED))
def test_forged_pushes_delay_no_others(
    attacked: Service,
    registry: StubRegistry,
    other: StubRegistry,
    figure: Figure,
    is_full: bool,
    kind: str,
) -> None:
    """Base: 30,000 of them cause 150,020 requests and delay the others by 39 s."""
    number = 30_000 if is_full else 3_000
    registry.answer_others(as_json({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404))
    before = len(registry.asked)
    delays: dict[str, float] = {}
    real: list[tuple[str, StubRegistry, str, BuiltManifest]] = [
        ("another registry", other, "team/other", image(seed="o")),
        ("another repository", registry, "team/web4", image(seed="r")),
        ("the same repository", registry, "team/web0", image(seed="s")),
    ]
    began = time.monotonic()
    with (
        Sender(attacked) as one,
        Sender(attacked, registry="two") as two,
        flood(attacked, FORGED[kind], number),
    ):
        time.sleep(1)
        for place, stub, repository, built in real:
            stub.push(repository, "real", built)
            start = time.monotonic()
            assert (two if stub is other else one).push((repository, "real", built.digest)) == 202
            attacked.wait_until_found(f"repo:{repository} tag:real", seconds=60)
            delays[place] = time.monotonic() - start
    requests = len(registry.asked) - before
    figure(
        f"{number} forged pushes, {kind}: "
        + ", ".join(f"{place} {seconds:.1f} s" for place, seconds in delays.items())
        + f"; {requests} requests within {time.monotonic() - began:.0f} s"
    )
    assert max(delays.values()) < 5
    assert requests < number


def test_a_secret_that_can_be_guessed_ends_the_start(service: Service) -> None:
    """Base: one character is a secret like any other."""
    service.configure(REGSEARCH_REGISTRY="http://127.0.0.1:9", REGSEARCH_WEBHOOK_SECRET="s")
    service.data.mkdir()
    program = service.command_in_background("serve", log=service.data.parent / "short.log")
    try:
        wait_until(lambda: program.exit_code is not None, 60, "the start ends")
        assert program.exit_code == 2
    finally:
        program.kill()
    said = (service.data.parent / "short.log").read_text()
    assert "1 characters" in said
    assert "openssl rand -hex 32" in said


def test_no_secret_is_in_the_log(service: Service, registry: StubRegistry) -> None:
    """Base: each start prints it."""
    service.configure(REGSEARCH_REGISTRY=registry.url, REGSEARCH_WEBHOOK_SECRET=SECRET)
    service.start()
    assert SECRET not in service.log_text()
    assert "regsearch notifications" in service.log_text()
    assert SECRET in service.command("notifications").stdout


def test_wrong_secrets_are_slowed_down_and_their_address_is_known(
    attacked: Service, registry: StubRegistry, figure: Figure, is_full: bool
) -> None:
    """Base: 1,500 a second over ten connections, each with a line of the log."""
    seconds = 10 if is_full else 4
    log_before = log_bytes(attacked)
    until = time.monotonic() + seconds
    refused: list[int] = []

    def guess() -> None:
        with Sender(attacked, secret="wrong") as sender:
            while time.monotonic() < until:
                refused.append(sender.post(b'{"events": []}'))

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    taken = float("inf")
    with Sender(attacked) as honest:
        # Each would be held for a second. What a busy disk holds up is one of them.
        for number in range(3):
            built = image(seed=f"honest {number}")
            registry.push("team/web0", f"honest-{number}", built)
            start = time.monotonic()
            assert honest.push(("team/web0", f"honest-{number}", built.digest)) == 202
            taken = min(taken, time.monotonic() - start)
    for thread in threads:
        thread.join()
    grown = log_bytes(attacked) - log_before
    figure(
        f"wrong secrets over 10 connections: {len(refused) / seconds:.0f} answers/s, {grown} bytes"
        f" of log in {seconds} s; a right one of the same address taken in {1_000 * taken:.0f} ms"
    )
    assert set(refused) == {401}
    assert len(refused) <= 10 + 10 * (seconds + 2)
    assert grown < 5_000
    assert taken < 0.9
    attacked.wait_until(
        lambda: attacked.status()["notifications"]["refused_total"] == len(refused), 10, "counted"
    )
    assert attacked.status()["notifications"]["refused_from"] == "127.0.0.1"
    assert 'address="127.0.0.1"' in attacked.get("/metrics").text
    assert "sender=127.0.0.1" in attacked.log_text()


def log_bytes(service: Service) -> int:
    """Return how much was written to the log of a service so far."""
    return (service.data.parent / "service.log").stat().st_size
