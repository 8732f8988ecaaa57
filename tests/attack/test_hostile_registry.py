"""A hostile registry beside a good one: whatever it answers, the good one's pushes are found."""

from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.attack.pair import Pair, started_pair
from tests.attack.stub_registry import Asked, Reply, as_json
from tests.builders import digest_of, image

SIZE = 4 * 1_024 * 1_024 - 64
FOUND_WITHIN = 30.0
"""Seconds from push to found, on a machine that does other things too."""
MEMORY_MAX = 700
"""Megabytes; sixteen manifests of 4 MB may be read at once, and each is in a transaction too."""
YEARS = {"Retry-After": "1000000000"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def filled(start: bytes, unit: bytes, end: bytes) -> bytes:
    return (start + unit * ((SIZE - len(start) - len(end)) // len(unit))).rstrip(b",") + end


MakeBody = Callable[[bytes], bytes]
MANIFESTS: tuple[MakeBody, ...] = (
    lambda n: filled(b'{"n":%b,"layers":[' % n, b"[],", b"]}"),
    lambda n: filled(b'{"n":%b,"layers":[' % n, b"[" * 60 + b"]" * 60 + b",", b"]}"),
    lambda n: filled(b'{"n":%b,"layers":[' % n, b'"",', b"]}"),
    lambda n: filled(b'{"n":%b,"layers":[],"annotations":{' % n, b'"a":1,', b"}}"),
    lambda n: filled(b'{"n":%b,"layers":[],"a":"' % n, b"\\ud800", b'"}'),
)


def test_manifests_of_four_megabytes(
    tmp_path: Path, is_full: bool, figure: Callable[[str], None]
) -> None:
    count = 60 if is_full else 10
    with started_pair(tmp_path) as pair:
        tags = [f"t{number}" for number in range(count)]
        pair.hostile.answer("/v2/_catalog", as_json({"repositories": ["evil/m"]}))
        pair.hostile.answer("/v2/evil/m/tags/list", as_json({"name": "evil/m", "tags": tags}))
        for number, tag in enumerate(tags):
            make = MANIFESTS[number % len(MANIFESTS)]

            def answer(_: Asked, number: int = number, make: MakeBody = make) -> Reply:
                body = make(b"%d" % number)
                headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": digest_of(body)}
                return Reply(body=body, headers=headers)

            pair.hostile.answer(f"/v2/evil/m/manifests/{tag}", answer)
        pair.crawl("/v2/evil/m/manifests/")
        pair.push_for(8 if is_full else 1)
        memory = pair.memory_peak()
        figure(f"{count} manifests of 4 MB of JSON: indexer {memory} MB; {pair.said()}")
        assert max(pair.seconds) < FOUND_WITHIN
        assert memory < MEMORY_MAX


def test_configs_of_four_megabytes(
    tmp_path: Path, is_full: bool, figure: Callable[[str], None]
) -> None:
    """Each has a thousand labels with secrets to mask, so that making documents takes long."""
    count = 30 if is_full else 4
    with started_pair(tmp_path) as pair:
        for number in range(count):
            text = f"{number} some words, password is x; https://u:p@h " * 80
            labels = {f"key{label}": text for label in range(1_000)}
            pair.hostile.push("evil/c", f"t{number}", image(seed=f"{number}", labels=labels))
        pair.crawl("/v2/evil/c/blobs/")
        pair.push_for(8 if is_full else 1)
        figure(f"{count} configs of 4 MB: indexer {pair.memory_peak()} MB; {pair.said()}")
        assert max(pair.seconds) < FOUND_WITHIN


def busy_blob(pair: Pair) -> str:
    """Let the hostile registry hold an image whose config is busy for years; return its digest."""
    built = image(seed="busy")
    pair.hostile.push("evil/busy", "1.0", built)
    for blob in built.blobs:
        pair.hostile.answer(f"/v2/evil/busy/blobs/{blob.digest}", Reply(429, headers=YEARS))
    return built.digest


def waits(pair: Pair) -> Iterator[str]:
    """Yield what the status says about what is left alone."""
    status = pair.service.get("/api/v1/status").json()
    paused = status["registries"]["hostile"].get("paused") or {}
    yield f"{paused.get('until')} {paused.get('reason')}"
    for one in status.get("postponed", ()):
        yield f"{one['due_at']} {one['reason']}"


def test_a_busy_place_and_its_registry_are_said_to_be_left_alone(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with started_pair(tmp_path) as pair:
        digest = busy_blob(pair)
        pair.tell("evil/busy", "1.0", digest)
        pair.service.wait_until(
            lambda: sum("evil/busy/blobs" in line and "429" in line for line in waits(pair)) >= 2,
            20,
            "the status says that the registry and the place are left alone, and why",
        )
        reasons = " ".join(str(reason) for reason in pair.status()["behind"])  # type: ignore[attr-defined]
        assert "evil/busy/blobs" in reasons
        pair.push_for(2)
        figure(f"a place of another registry asks for years: {pair.said()}")
        assert max(pair.seconds) < FOUND_WITHIN


def test_a_registry_that_asks_for_years_is_read_again_after_minutes(tmp_path: Path) -> None:
    """How long exactly is a matter of the worker; here that the status says at most 5 minutes."""
    with started_pair(tmp_path) as pair:
        built = image(seed="busy")
        pair.hostile.answer("/v2/evil/busy/manifests/1.0", Reply(429, headers=YEARS))
        pair.tell("evil/busy", "1.0", built.digest)
        pair.service.wait_until(
            lambda: bool(pair.status().get("paused")), 20, "the status says that it is left alone"
        )
        status = pair.service.get("/api/v1/status")
        paused = status.json()["registries"]["hostile"]["paused"]
        assert "evil/busy/manifests/1.0: 429" in paused["reason"]
        text = pair.service.get("/metrics").text
        name = 'regsearch_registry_paused_until_timestamp_seconds{registry="hostile"} '
        [line] = [line for line in text.splitlines() if line.startswith(name)]
        # The server writes the time of day once a second, or later on a busy machine.
        sent = parsedate_to_datetime(status.headers["Date"]).timestamp()
        assert 0 < float(line.removeprefix(name)) - sent <= 5 * 60 + 30
