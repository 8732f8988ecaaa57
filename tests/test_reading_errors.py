"""What every answer that is not the content means, by its name: nothing is hidden, and then what.

Each answer is given to every kind of read that it can meet. In the registry something has changed
just before, silently; whoever reads the place again, once the registry answers, finds that.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from indexer.model.document import DocumentType
from indexer.model.event import Action, Command, Event, Rejected
from indexer.model.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from indexer.model.names import RepositoryName
from indexer.refresh.worker import RETRY_MAX
from indexer.registry import Credentials
from indexer.store import RegistryFreshness
from tests.builders import BuiltManifest, digest_of, envelope, image, push_event
from tests.fakes.answers import DroppedConnection, error_answer, refused
from tests.fakes.content import StoredManifest
from tests.fakes.registry import Answer, FakeRegistry, Fault
from tests.indexer.stepping import Stepping, Tags, deleted, pushed
from tests.series import thorough
from webhooks.senders.distribution import parse_notification

pytestmark = pytest.mark.anyio

A, B, C, D = (image(seed=seed, labels={"team": seed}) for seed in "abcd")
WEB, API, NEW = "team/web", "team/api", "team/new"
CRAWL_INTERVAL = timedelta(hours=6)
PASSWORD = "s3cret-of-the-crawler"
ELSEWHERE = "http://elsewhere.test/elsewhere"


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of request: its address, its hint, and its normal result."""

    name: str
    match: str
    hint: Event | Command
    change: Callable[[FakeRegistry], None]

    def asked(self, stepping: Stepping) -> list[str]:
        """Return the requests that were this question."""
        return [line for line in stepping.registry.requests if re.search(self.match, line)]


def _put(repository: str, built: BuiltManifest, tag: str) -> Callable[[FakeRegistry], None]:
    return lambda registry: registry.put(repository, built, tag=tag, notify=False)


TAG = Read(
    "tag",
    rf"/{WEB}/manifests/2$",
    deleted(WEB, tag="2"),
    lambda registry: registry.delete_tag(WEB, "2", notify=False),
)
DIGEST = Read(
    "digest",
    rf"/{WEB}/manifests/{B.digest}$",
    deleted(WEB, digest=B.digest),
    lambda registry: registry.delete_digest(WEB, B.digest, notify=False),
)
TAG_LIST = Read(
    "tag list",
    rf"/{WEB}/tags/list",
    Event(Action.DELETE, RepositoryName(WEB), None, None),
    _put(WEB, C, "3"),
)
CONFIG = Read(
    "config",
    rf"/{WEB}/blobs/{C.blobs[0].digest}$",
    pushed(WEB, C.digest, tag="2"),
    _put(WEB, C, "2"),
)
CATALOG = Read("catalog", r"/v2/_catalog", Command.CRAWL, _put(NEW, D, "1"))
EVERY = (TAG, DIGEST, TAG_LIST, CONFIG, CATALOG)


def own(status: int, code: str, message: str = "no") -> Response:
    """Answer with a registry's own error body."""
    return error_answer(refused(status, code, message))


def html(status: int) -> Response:
    return HTMLResponse("<html><body>nginx</body></html>", status)


def text(status: int) -> Response:
    return PlainTextResponse("Method not allowed\n" if status == 405 else "no\n", status)


def empty(status: int) -> Response:
    return Response(status_code=status)


def to_elsewhere(status: int, body: bytes = b"") -> Response:
    return Response(body, status, headers={"Location": ELSEWHERE})


async def timing_out(_: Request) -> Response:
    raise httpx2.ReadTimeout("no answer")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of one row; ``reason`` is the reported reason."""

    row: str
    name: str
    answer: Answer
    reason: str
    reads: tuple[Read, ...] = EVERY


ABSENT = "404 + NAME_UNKNOWN, MANIFEST_UNKNOWN, BLOB_UNKNOWN"
ACCEPT = "404 with a message about Accept"
FOREIGN_404 = "404 without a registry error body"
DENIED = "401, 403, DENIED, UNAUTHORIZED"
REDIRECT = "3xx to another host, not for a blob"
UNSUPPORTED = "405, UNSUPPORTED"
POLICY = "412 (Harbor PROJECTPOLICYVIOLATION)"
SLOW_DOWN = "429, TOOMANYREQUESTS"
FAILING = "5xx, timeout"
MALFORMED = "500 on a malformed digest (distribution)"

ABSENT_CODES = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN")
NOT_BLOBS = (TAG, DIGEST, TAG_LIST, CATALOG)
POLICY_MESSAGE = "current image with 3 vulnerabilities cannot be pulled due to configured policy"

# What may pass: kept, and read again without another hint.
MAY_PASS = (
    Said(FOREIGN_404, "HTML", html(404), "404 <html>"),
    Said(FOREIGN_404, "empty", empty(404), "404"),
    Said(FOREIGN_404, "text", text(404), "404 no"),
    Said(FOREIGN_404, "other JSON", JSONResponse({"error": "Not Found"}, 404), "Not Found"),
    Said(SLOW_DOWN, "registry error", own(429, "TOOMANYREQUESTS"), "429"),
    Said(SLOW_DOWN, "HTML", html(429), "429"),
    Said(SLOW_DOWN, "empty", empty(429), "429", (TAG, CATALOG)),
    Said(SLOW_DOWN, "text", text(429), "429", (TAG_LIST, CONFIG)),
    Said(SLOW_DOWN, "400 TOOMANYREQUESTS", own(400, "TOOMANYREQUESTS"), "TOOMANY", (TAG, DIGEST)),
    Said(FAILING, "500 registry error", own(500, "MANIFEST_UNKNOWN"), "500"),
    Said(FAILING, "502 HTML", html(502), "502 <html>"),
    Said(FAILING, "503 empty", empty(503), "503", (TAG, CATALOG)),
    Said(FAILING, "504 text", text(504), "504", (DIGEST, TAG_LIST, CONFIG)),
    Said(FAILING, "timeout", timing_out, "no answer in time"),
    Said(FAILING, "dropped connection", DroppedConnection(), "ReadError"),
)

# What asking again soon will not change: kept, told with its reason, and asked for once.
WILL_NOT_PASS = (
    Said(
        ACCEPT,
        "registry error",
        own(404, "MANIFEST_UNKNOWN", "OCI index found, but accept header does not support it"),
        "exists, cannot be read",
        (TAG, DIGEST),
    ),
    Said(DENIED, "401 registry error", own(401, "UNAUTHORIZED"), "401"),
    Said(DENIED, "401 empty", empty(401), "401", (TAG, CATALOG)),
    Said(DENIED, "403 registry error", own(403, "DENIED"), "403"),
    Said(DENIED, "403 HTML", html(403), "403", (TAG, TAG_LIST)),
    Said(DENIED, "403 text", text(403), "403", (DIGEST, CONFIG)),
    Said(DENIED, "404 DENIED", own(404, "DENIED"), "DENIED"),
    Said(DENIED, "400 UNAUTHORIZED", own(400, "UNAUTHORIZED"), "UNAUTHORIZED", (TAG, CATALOG)),
    Said(REDIRECT, "301 empty", to_elsewhere(301), "elsewhere.test", (TAG, CATALOG)),
    Said(REDIRECT, "302 HTML", to_elsewhere(302, b"<html>Found"), "elsewhere.test", NOT_BLOBS),
    Said(REDIRECT, "307 text", to_elsewhere(307, b"moved"), "elsewhere.test", NOT_BLOBS),
    Said(REDIRECT, "308 empty", to_elsewhere(308), "elsewhere.test", (DIGEST, TAG_LIST)),
    Said(UNSUPPORTED, "405 registry error", own(405, "UNSUPPORTED"), "405"),
    Said(UNSUPPORTED, "405 text", text(405), "405", (TAG, CATALOG)),
    Said(UNSUPPORTED, "405 empty", empty(405), "405", (DIGEST, TAG_LIST)),
    Said(UNSUPPORTED, "404 UNSUPPORTED", own(404, "UNSUPPORTED"), "UNSUPPORTED"),
    Said(UNSUPPORTED, "400 UNSUPPORTED", own(400, "UNSUPPORTED"), "400", (TAG_LIST, CATALOG)),
    Said(
        POLICY, "registry error", own(412, "PROJECTPOLICYVIOLATION", POLICY_MESSAGE), POLICY_MESSAGE
    ),
    Said(POLICY, "HTML", html(412), "412", (TAG, DIGEST)),
    Said(POLICY, "empty", empty(412), "412", (TAG, DIGEST)),
)


def cases(answers: tuple[Said, ...]) -> list[object]:
    """Return each answer to each read; before a commit each answer, each row and read is enough."""
    found: list[object] = []
    rows: set[tuple[str, str]] = set()
    for said in answers:
        for number, read in enumerate(said.reads):
            case = pytest.param if number == 0 or (said.row, read.name) not in rows else thorough
            rows.add((said.row, read.name))
            found.append(case(said, read, id=f"{said.row}/{said.name}/{read.name}"))
    return found


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A registry that wants to know who asks, read and searchable an hour ago."""
    stepping = Stepping(tmp_path, interval=CRAWL_INTERVAL)
    stepping.registries["default"] = FakeRegistry(username="crawler", password=PASSWORD)
    stepping.credentials = Credentials("crawler", PASSWORD)
    for repository, built, tag in ((WEB, A, "1"), (WEB, B, "2"), (API, A, "1")):
        stepping.registry.put(repository, built, tag=tag, notify=False)
    async with stepping:
        await stepping.settle()
        await stepping.index()
        stepping.clock.advance(3_600)
        stepping.registry.requests.clear()
        yield stepping


async def hint(stepping: Stepping, read: Read) -> Tags:
    """Change the target of a request, hint at it and send it once; return the old content."""
    before = stepping.truth()
    read.change(stepping.registry)
    assert stepping.truth() != before
    stepping.deliver(read.hint)
    await stepping.enqueue_refreshes()
    await stepping.run_due()
    return before


async def check_kept(stepping: Stepping, before: Tags) -> None:
    await stepping.index()
    assert stepping.visible() == stepping.searchable() == before


async def check_truth(stepping: Stepping) -> None:
    await stepping.index()
    assert stepping.visible() == stepping.searchable() == stepping.truth()
    assert stepping.waiting() == 0
    assert stepping.freshness().error is None


def work(freshness: RegistryFreshness) -> tuple[int, int]:
    """Return how many refreshes wait, and how many were set aside."""
    return freshness.refreshes_waiting, freshness.set_aside


@pytest.mark.parametrize(("said", "read"), cases(MAY_PASS))
async def test_what_may_pass_hides_nothing_and_is_read_again(
    stepping: Stepping, said: Said, read: Read
) -> None:
    stepping.registry.faults.append(Fault(read.match, said.answer))
    before = await hint(stepping, read)
    await check_kept(stepping, before)
    assert read.asked(stepping)
    assert work(stepping.freshness()) == (1, 0)
    assert said.reason in str(stepping.freshness().error)
    stepping.registry.faults.clear()
    await stepping.settle()
    await check_truth(stepping)


@pytest.mark.parametrize(("said", "read"), cases(WILL_NOT_PASS))
async def test_what_will_not_pass_hides_nothing_and_is_remembered(
    stepping: Stepping, said: Said, read: Read
) -> None:
    stepping.registry.faults.append(Fault(read.match, said.answer))
    before = await hint(stepping, read)
    asked = read.asked(stepping)
    assert len(asked) == len(set(asked)) > 0, "the same question is not asked twice"
    await stepping.settle()
    assert read.asked(stepping) == asked, "and not again soon"
    assert not [line for line in stepping.registry.requests if "elsewhere" in line]
    await check_kept(stepping, before)
    freshness = stepping.freshness()
    assert said.reason in str(freshness.error)
    assert PASSWORD not in str(freshness.error)
    if read is CATALOG:
        # There is no place to set aside: the crawl went on with what is known.
        assert work(freshness) == (0, 0)
        crawl = stepping.latest_crawl()
        assert (crawl.complete, crawl.repositories) == (False, 2)
        assert said.reason in str(crawl.catalog_error)
        stepping.registry.faults.clear()
        stepping.clock.advance(CRAWL_INTERVAL.total_seconds())
        await stepping.settle()
    else:
        assert work(freshness) == (0, 1)
        [aside] = stepping.store.queue.list_set_aside(limit=10)
        assert aside.repository == WEB
        assert said.reason in aside.reason
        stepping.registry.faults.clear()
        await stepping.crawl()
    await check_truth(stepping)


# Absent


def references(stepping: Stepping, repository: str = WEB) -> list[str]:
    """Return the requested tags and digests of a repository, in order."""
    path = f"GET /v2/{repository}/manifests/"
    asked = (line.partition(path)[2] for line in stepping.registry.requests)
    return [reference for reference in asked if reference]


@pytest.mark.parametrize(
    ("code", "read", "hidden", "asked"),
    [
        pytest.param(code, read, hidden, asked, id=f"{ABSENT}/{code}/{read.name}")
        for code, read, hidden, asked in (
            ("NAME_UNKNOWN", TAG, True, ["2", B.digest]),
            ("MANIFEST_UNKNOWN", TAG, True, ["2", B.digest]),
            ("NAME_UNKNOWN", DIGEST, False, [B.digest, "2"]),
            ("MANIFEST_UNKNOWN", DIGEST, False, [B.digest, "2"]),
            ("NAME_UNKNOWN", TAG_LIST, False, ["1", "2"]),
        )
    ],
)
async def test_absence_hides_the_tag_it_was_said_of_and_nothing_else(
    stepping: Stepping, code: str, read: Read, *, hidden: bool, asked: list[str]
) -> None:
    """For a digest or a list it only leads to a request for each tag by its own name."""
    before = stepping.truth()
    stepping.registry.faults.append(Fault(read.match, own(404, code)))
    stepping.deliver(read.hint)
    await stepping.settle()
    await stepping.index()
    left = {place: at for place, at in before.items() if place != ("default", WEB, "2")}
    assert stepping.visible() == stepping.searchable() == (left if hidden else before)
    assert references(stepping) == asked
    assert stepping.waiting() == 0
    assert stepping.freshness().error is None, "it is an answer like any other"
    stepping.registry.faults.clear()
    await stepping.crawl()
    await check_truth(stepping)


def labels(stepping: Stepping, digest: str) -> object:
    [hit] = [hit for hit in stepping.hits(DocumentType.IMAGE) if hit.result["digest"] == digest]
    return hit.result["labels"]


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=f"{ABSENT}/{code}/config") for code in ("BLOB_UNKNOWN", "NAME_UNKNOWN")],
)
async def test_an_absent_config_leaves_the_image_found_by_the_rest(
    stepping: Stepping, code: str
) -> None:
    stepping.registry.faults.append(Fault(CONFIG.match, own(404, code)))
    await hint(stepping, CONFIG)
    await check_truth(stepping)
    assert labels(stepping, C.digest) == {}
    stepping.registry.faults.clear()
    await stepping.crawl()
    await check_truth(stepping)
    assert labels(stepping, C.digest) == {"team": "c"}


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=f"{ABSENT}/{code}/catalog") for code in ABSENT_CODES]
)
async def test_a_catalog_cannot_be_absent(stepping: Stepping, code: str) -> None:
    stepping.registry.faults.append(Fault(CATALOG.match, own(404, code)))
    before = await hint(stepping, CATALOG)
    await check_kept(stepping, before)
    assert references(stepping) == []
    assert work(stepping.freshness()) == (1, 0)
    assert code in str(stepping.freshness().error)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_blob_is_fetched_from_another_host_without_credentials(
    stepping: Stepping, status: int
) -> None:
    sent: list[str | None] = []

    def away(request: Request) -> Response:
        sent.append(request.headers.get("authorization"))
        return to_elsewhere(status)

    def there(request: Request) -> Response:
        assert request.url.hostname == "elsewhere.test"
        sent.append(request.headers.get("authorization"))
        return Response(C.blobs[0].body)

    stepping.registry.faults += [Fault(CONFIG.match, away), Fault("/elsewhere", there)]
    await hint(stepping, CONFIG)
    await check_truth(stepping)
    assert labels(stepping, C.digest) == {"team": "c"}
    to_registry, to_another = sent
    assert to_registry is not None
    assert to_another is None


async def test_another_host_cannot_say_that_a_blob_is_absent(stepping: Stepping) -> None:
    stepping.registry.faults += [
        Fault(CONFIG.match, to_elsewhere(307)),
        Fault("/elsewhere", own(404, "BLOB_UNKNOWN")),
    ]
    before = await hint(stepping, CONFIG)
    await check_kept(stepping, before)
    assert work(stepping.freshness()) == (1, 0)
    stepping.registry.faults.clear()
    await stepping.settle()
    await check_truth(stepping)
    assert labels(stepping, C.digest) == {"team": "c"}


# Remembered, slowed down


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, id=f"{said.row}/{said.name}")
        for said in WILL_NOT_PASS
        if said.row in {REDIRECT, UNSUPPORTED, POLICY} and TAG in said.reads
    ],
)
async def test_what_is_remembered_is_asked_for_again_only_now_and_then(
    stepping: Stepping, said: Said
) -> None:
    """Policies and proxies are repaired without an event."""
    fault = Fault(TAG.match, said.answer)
    stepping.registry.faults.append(fault)
    before = await hint(stepping, TAG)
    minutes = 30
    for _ in range(minutes):
        stepping.clock.advance(60)
        stepping.deliver(pushed(API, A.digest, tag="1"))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
    assert 1 < len(TAG.asked(stepping)) <= 2 + timedelta(minutes=minutes) / RETRY_MAX
    await check_kept(stepping, before)
    stepping.registry.faults.clear()
    stepping.clock.advance(RETRY_MAX.total_seconds())
    stepping.deliver(pushed(API, A.digest, tag="1"))
    await stepping.settle()
    await check_truth(stepping)


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        pytest.param(answer, pause, id=f"{SLOW_DOWN}/{name}")
        for name, answer, pause in (
            ("registry error", own(429, "TOOMANYREQUESTS"), 1),
            ("HTML", html(429), 1),
            ("empty", empty(429), 1),
            ("400 TOOMANYREQUESTS", own(400, "TOOMANYREQUESTS"), 1),
            ("Retry-After: 120", Response(status_code=429, headers={"Retry-After": "120"}), 120),
        )
    ],
)
async def test_a_registry_that_wants_us_slower_is_left_alone_for_a_while(
    stepping: Stepping, answer: Response, pause: int
) -> None:
    stepping.registry.faults.append(Fault(TAG.match, answer))
    await hint(stepping, TAG)
    stepping.registry.faults.clear()
    stepping.registry.requests.clear()
    stepping.registry.put(API, D, tag="2", notify=False)
    stepping.deliver(pushed(API, D.digest, tag="2"))
    await stepping.enqueue_refreshes()
    stepping.clock.advance(pause - 0.1)
    await stepping.run_due()
    assert stepping.registry.requests == [], "of no other place either"
    stepping.clock.advance(0.1)
    await stepping.run_due()
    assert references(stepping, API) == ["2"]
    await stepping.settle()
    await check_truth(stepping)


# Malformed digests

WELL_FORMED = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
NO_DIGESTS = {
    "too short": "sha256:abc",
    "capitals": f"sha256:{'A' * 64}",
    "a slash": f"sha256:{'0' * 63}/",
    "a way out": "sha256:../../_catalog",
}


def stored(body: dict[str, object], media_type: str) -> BuiltManifest:
    encoded = json.dumps({"schemaVersion": 2, "mediaType": media_type} | body).encode()
    return BuiltManifest(digest_of(encoded), media_type, encoded)


def as_event(stepping: Stepping, digest: str) -> None:
    events = [push_event(WEB, digest), push_event(WEB, digest, tag="1")]
    for item in parse_notification(envelope(events)).items:
        assert isinstance(item, Rejected)
        stepping.journal.append([("default", item)], received_at=stepping.clock.now())


def hold(stepping: Stepping, built: BuiltManifest) -> None:
    """Let a new tag point at a manifest, and hint at it."""
    manifest = StoredManifest(built.digest, built.media_type, built.body)
    stepping.registry.content.create(WEB).put(manifest, tag="3")
    stepping.deliver(pushed(WEB, built.digest, tag="3"))


def as_child(stepping: Stepping, digest: str) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 500}
    hold(stepping, stored({"manifests": [entry]}, OCI_INDEX))


def as_config(stepping: Stepping, digest: str) -> None:
    config = {"mediaType": OCI_CONFIG, "digest": digest, "size": 500}
    hold(stepping, stored({"config": config, "layers": []}, OCI_MANIFEST))


def as_header(stepping: Stepping, digest: str) -> None:
    stepping.registry.put(WEB, C, tag="3", notify=False)
    headers = {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
    answer = Response(C.body, headers=headers, media_type=C.media_type)
    stepping.registry.faults.append(Fault(f"/{WEB}/manifests/3$", answer))
    stepping.deliver(pushed(WEB, C.digest, tag="3"))


@pytest.mark.parametrize("digest", NO_DIGESTS.values(), ids=NO_DIGESTS)
@pytest.mark.parametrize(
    "arrive",
    [
        pytest.param(arrive, id=f"{MALFORMED}/{name}")
        for name, arrive in (
            ("in an event", as_event),
            ("as a child of an index", as_child),
            ("as a config", as_config),
            ("as Docker-Content-Digest", as_header),
        )
    ],
)
async def test_a_malformed_digest_is_never_asked_for(
    stepping: Stepping, arrive: Callable[[Stepping, str], None], digest: str
) -> None:
    """The registry would answer 500, and look as if it failed."""
    arrive(stepping, digest)
    await stepping.settle()
    await check_truth(stepping)
    await stepping.crawl()
    await check_truth(stepping)
    rejected = stepping.journal.rejected(limit=10)
    assert len(rejected) == (2 if arrive is as_event else 0)
    for line in stepping.registry.requests:
        asked = line.rpartition("/")[2]
        assert digest not in line
        assert ":" not in asked or WELL_FORMED.fullmatch(asked), line


# The table


def test_every_row_has_cases_for_every_read_that_can_meet_it() -> None:
    rows: dict[str, set[str]] = {}
    for said in (*MAY_PASS, *WILL_NOT_PASS):
        rows.setdefault(said.row, set()).update(read.name for read in said.reads)
    everywhere = {read.name for read in EVERY}
    assert rows == {
        ACCEPT: {"tag", "digest"},
        FOREIGN_404: everywhere,
        DENIED: everywhere,
        REDIRECT: everywhere - {"config"},
        UNSUPPORTED: everywhere,
        POLICY: everywhere,
        SLOW_DOWN: everywhere,
        FAILING: everywhere,
    }
