"""Deletes in every registry, and the events that distribution sends for them and for pushes.

Long, because it has two tables. A target is ``repository:tag`` or ``repository@content``.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from indexer.model.document import DocumentType
from indexer.model.media_types import MANIFEST_TYPES, OCTET_STREAM
from indexer.store import Journal
from tests.builders import artifact, image, index
from tests.fakes.notifier import Endpoint
from tests.fakes.registry import FakeRegistry, Fault
from tests.indexer.stepping import Stepping
from webhooks.journal import JournalWriter
from webhooks.receiver import Receiver

pytestmark = pytest.mark.anyio

A, B, C, D, OLD = (image(seed=seed, labels={"team": seed}) for seed in ("a", "b", "c", "d", "old"))
AMD, ARM = image(seed="m"), image(seed="m", architecture="arm64")
MULTI = index([AMD, ARM], attestations=True)
ATTESTATION = MULTI.children[2]
SBOM = artifact("application/spdx+json", {"sbom.json": b"{}"}, subject=MULTI)
REFERRERS = index([SBOM])
REFERRERS_TAG = MULTI.digest.replace(":", "-")
CONFIG = A.blobs[0].digest
CONTENTS = {
    "A": A.digest,
    "B": B.digest,
    "C": C.digest,
    "D": D.digest,
    "OLD": OLD.digest,
    "AMD": AMD.digest,
    "ARM": ARM.digest,
    "MULTI": MULTI.digest,
    "CONFIG": CONFIG,
}
NAMES = {digest: name for name, digest in CONTENTS.items()}
WEB, PLATFORMS, ONE, NEW = "team/web", "team/multi", "team/one", "team/new"
SECRET = "hook-secret"

Change = Callable[[FakeRegistry], None]


def fill(registry: FakeRegistry) -> None:
    """Push the content of all cases without events; OLD is content that lost its tag."""
    for place, built in (
        (f"{WEB}:1", OLD),
        (f"{WEB}:1", A),
        (f"{WEB}:latest", A),
        (f"{WEB}:2", B),
        (f"{PLATFORMS}:1", MULTI),
        (f"{PLATFORMS}:arm64", ARM),
        (PLATFORMS, SBOM),
        (f"{PLATFORMS}:{REFERRERS_TAG}", REFERRERS),
        (f"{ONE}:1", C),
    ):
        repository, _, tag = place.partition(":")
        registry.put(repository, built, tag=tag, notify=False)


class World:
    """An indexer and a registry, with notifications as in real life.

    ``sent`` are the events of the registry in words, ``counts`` are the counts of the webhook.
    """

    def __init__(self, stepping: Stepping, registry: FakeRegistry) -> None:
        self.stepping = stepping
        self.registry = registry
        self.sent: list[str] = []
        self.counts: dict[str, int] = {"accepted": 0, "dropped": 0, "rejected": 0}

    async def ask(self, method: str, path: str, **headers: str) -> int:
        """Send a client's request and return the status."""
        transport = httpx2.ASGITransport(app=self.registry.app)
        accept = {"Accept": ",".join(MANIFEST_TYPES)}
        async with httpx2.AsyncClient(transport=transport, base_url="http://fake") as client:
            answer = await client.request(method, path, headers=accept | headers)
        return answer.status_code

    async def told(self) -> tuple[list[str], dict[str, int]]:
        """Return the new events of the registry since the last call, and their counts."""
        await self.registry.settled()
        told = list(self.sent), dict(self.counts)
        self.sent.clear()
        self.counts = dict.fromkeys(self.counts, 0)
        return told

    async def enqueue_refreshes(self) -> set[str]:
        """Apply the journal and make the result searchable; return the requested manifests."""
        self.registry.requests.clear()
        await self.stepping.settle()
        await self.stepping.index()
        return self.asked()

    def asked(self) -> set[str]:
        """Return the requested manifests, in words."""
        found = set()
        for line in self.registry.requests:
            repository, _, reference = line.removeprefix("GET /v2/").partition("/manifests/")
            if reference:
                found.add(format_place(repository, digest=reference, tag=reference))
        return found

    def found(self) -> set[str]:
        """Return the tags that are found; store, search index and both types of document agree."""
        visible = self.stepping.visible()
        assert visible == self.stepping.searchable()
        for hit in self.stepping.hits(DocumentType.IMAGE):
            assert hit.result["tags"], "what no tag points at is no image of the search"
        return {f"{repository}:{tag}" for _, repository, tag in visible}

    async def check_truth(self) -> None:
        """A crawl finds nothing else, nothing is left to do, and a rebuild says the same."""
        stepping = self.stepping
        assert stepping.visible() == stepping.searchable() == stepping.truth()
        before = stepping.documents()
        await stepping.crawl()
        await stepping.index()
        assert stepping.documents() == before
        assert stepping.latest_crawl().complete
        freshness = stepping.freshness()
        assert (stepping.waiting(), freshness.quarantined, freshness.error) == (0, 0, None)
        await stepping.rebuild()
        assert stepping.documents() == before


def format_place(repository: str, *, digest: str = "", tag: str = "") -> str:
    """Return a place in words: a digest by the name of its content."""
    if ":" in digest:
        return f"{repository}@{NAMES.get(digest, 'blob')}"
    return f"{repository}:{tag}"


def in_words(event: Mapping[str, Any]) -> str:
    """Return an event as in the table: its target, and the kind of its media type."""
    target = event["target"]
    media_type = target.get("mediaType", "")
    kind = {"": "", OCTET_STREAM: "octet-stream"}.get(media_type, "manifest")
    digest, tag = target.get("digest", ""), target.get("tag", "")
    named = [
        kind,
        NAMES.get(digest, "blob") if digest else "",
        f":{tag}" if tag else "",
    ]
    return " ".join([event["action"], *filter(None, named)])


class Recording(httpx2.ASGITransport):
    """Delivers notifications to the webhook, and records their events."""

    def __init__(self, app: Starlette, world: World) -> None:
        super().__init__(app)
        self._world = world

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        events = json.loads(await request.aread())["events"]
        self._world.sent += map(in_words, events)
        answer = await super().handle_async_request(request)
        for key, count in json.loads(await answer.aread()).items():
            self._world.counts[key] += count
        return answer


@asynccontextmanager
async def notifying(directory: Path, version: str) -> AsyncIterator[World]:
    """Open a filled registry of a version of distribution, read and searchable."""
    is_v3 = version.startswith("3")
    stepping = Stepping(directory)
    writer = JournalWriter(Journal(directory), clock=stepping.clock)
    app = Starlette(routes=Receiver(writer, secrets={"default": (SECRET,)}).routes())
    world = World(stepping, FakeRegistry())
    endpoint = Endpoint(
        "http://us/webhooks/default",
        {"Authorization": f"Bearer {SECRET}"},
        transport=Recording(app, world),
    )
    world.registry = stepping.registries["default"] = FakeRegistry(
        endpoints=[endpoint],
        v3=is_v3,
        delete_by_tag=is_v3,
        page_tags=is_v3,
        clock=stepping.clock,
    )
    fill(world.registry)
    async with stepping, world.registry.notifying():
        await stepping.settle()
        await stepping.index()
        await world.told()
        yield world
        await world.registry.settled()
    writer.close()


ALL = {f"{WEB}:1", f"{WEB}:latest", f"{WEB}:2", f"{PLATFORMS}:1", f"{PLATFORMS}:arm64", f"{ONE}:1"}

# What a delete does


@dataclass(frozen=True, slots=True)
class Deletion:
    """A delete in one registry: a row and a column of the table.

    ``request`` is the target of the client's DELETE, empty if the delete happens elsewhere.
    ``change`` is the change in a registry without events. It is None if the fake registry makes
    the change and sends events, for which we ``ask``. ``left`` lost its last tag and is requested
    too.
    """

    row: str
    registry: str
    request: str = ""
    answered: int = 202
    change: Change | None = None
    gone: str = ""
    ask: str = ""
    left: str = ""


def nothing(_: FakeRegistry) -> None:
    """Refuse: nothing happens."""


def untag(*places: str) -> Change:
    def change(registry: FakeRegistry) -> None:
        for repository, _, tag in (place.partition(":") for place in places):
            registry.delete_tag(repository, tag, notify=False)

    return change


def remove(repository: str, *digests: str) -> Change:
    """Take manifests away with the tags that point at them."""

    def change(registry: FakeRegistry) -> None:
        for digest in digests:
            registry.delete_digest(repository, digest, notify=False)

    return change


def then(*changes: Change) -> Change:
    def change(registry: FakeRegistry) -> None:
        for each in changes:
            each(registry)

    return change


def build_path(place: str) -> str:
    """Return the path of a place in words; ``repository@CONFIG`` is a blob."""
    if "@" not in place:
        repository, _, tag = place.partition(":")
        return f"/v2/{repository}/manifests/{tag}"
    repository, _, name = place.partition("@")
    kind = "blobs" if name == "CONFIG" else "manifests"
    return f"/v2/{repository}/{kind}/{CONTENTS[name]}"


BY_TAG, BY_DIGEST = "DELETE by tag", "DELETE by digest"
CHILD, INDEX = "delete child of an index", "delete index"
BLOB, COLLECTION = "delete blob", "garbage collection"
V2, V3 = "distribution 2.8", "distribution 3.x"
BOTH_A = f"{WEB}:1 {WEB}:latest"
WITH_ALL_ITS_PARTS = remove(
    PLATFORMS, MULTI.digest, AMD.digest, ATTESTATION.digest, SBOM.digest, REFERRERS.digest
)
COLLECT_OLD = remove(WEB, OLD.digest)

DELETIONS = (
    Deletion(BY_TAG, V2, f"{WEB}:1", answered=400),
    Deletion(BY_TAG, V3, f"{WEB}:1", gone=f"{WEB}:1", ask=f"{WEB}:1"),
    Deletion(
        BY_TAG,
        f"{V3}, the last tag",
        f"{ONE}:1",
        gone=f"{ONE}:1",
        ask=f"{ONE}:1",
        left=f"{ONE}@C",
    ),
    Deletion(BY_TAG, "Harbor, own API", change=untag(f"{WEB}:1"), gone=f"{WEB}:1"),
    Deletion(BY_TAG, "Harbor, /v2", f"{WEB}:1", answered=404, change=nothing),
    Deletion(BY_TAG, "Quay", f"{WEB}:1", change=untag(f"{WEB}:1"), gone=f"{WEB}:1"),
    Deletion(
        BY_TAG, "Quay, the last tag", f"{ONE}:1", change=remove(ONE, C.digest), gone=f"{ONE}:1"
    ),
    Deletion(
        BY_TAG,
        "zot, manifest stays untagged",
        f"{ONE}:1",
        change=untag(f"{ONE}:1"),
        gone=f"{ONE}:1",
    ),
    Deletion(BY_TAG, "GHCR, by tag", f"{WEB}:1", answered=405, change=nothing),
    Deletion(BY_TAG, "GHCR, by version only", change=remove(WEB, A.digest), gone=BOTH_A),
    Deletion(BY_TAG, "ACR untag", change=untag(f"{WEB}:1"), gone=f"{WEB}:1"),
    Deletion(BY_DIGEST, V2, f"{WEB}@A", gone=BOTH_A, ask=f"{WEB}@A {BOTH_A}"),
    Deletion(BY_DIGEST, V3, f"{WEB}@A", gone=BOTH_A, ask=f"{WEB}@A {BOTH_A}"),
    Deletion(
        BY_DIGEST,
        "Harbor, untagged children and attachments too",
        f"{PLATFORMS}@MULTI",
        change=WITH_ALL_ITS_PARTS,
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(
        BY_DIGEST, "Quay, all its tags", f"{WEB}@A", change=remove(WEB, A.digest), gone=BOTH_A
    ),
    Deletion(BY_DIGEST, "Quay, without a tag", f"{WEB}@OLD", answered=404, change=nothing),
    Deletion(BY_DIGEST, "zot, an index uses it", f"{PLATFORMS}@ARM", answered=405, change=nothing),
    Deletion(BY_DIGEST, "zot", f"{WEB}@A", change=remove(WEB, A.digest), gone=BOTH_A),
    Deletion(BY_DIGEST, "ECR, the last tag removed", change=remove(ONE, C.digest), gone=f"{ONE}:1"),
    Deletion(BY_DIGEST, "ACR image delete", change=remove(WEB, A.digest), gone=BOTH_A),
    Deletion(CHILD, V2, f"{PLATFORMS}@AMD", ask=f"{PLATFORMS}@AMD"),
    Deletion(CHILD, V3, f"{PLATFORMS}@AMD", ask=f"{PLATFORMS}@AMD"),
    Deletion(
        CHILD,
        f"{V3}, a child with a tag",
        f"{PLATFORMS}@ARM",
        gone=f"{PLATFORMS}:arm64",
        ask=f"{PLATFORMS}@ARM {PLATFORMS}:arm64",
    ),
    Deletion(CHILD, "Harbor, refused", f"{PLATFORMS}@AMD", answered=412, change=nothing),
    Deletion(CHILD, "Quay, untagged", f"{PLATFORMS}@AMD", answered=404, change=nothing),
    Deletion(
        CHILD,
        "Quay, tagged",
        f"{PLATFORMS}@ARM",
        change=remove(PLATFORMS, ARM.digest),
        gone=f"{PLATFORMS}:arm64",
    ),
    Deletion(CHILD, "zot", f"{PLATFORMS}@AMD", answered=405, change=nothing),
    Deletion(CHILD, "GHCR, by accident", change=remove(PLATFORMS, AMD.digest)),
    Deletion(
        INDEX,
        V2,
        f"{PLATFORMS}@MULTI",
        gone=f"{PLATFORMS}:1",
        ask=f"{PLATFORMS}@MULTI {PLATFORMS}:1",
    ),
    Deletion(
        INDEX,
        V3,
        f"{PLATFORMS}@MULTI",
        gone=f"{PLATFORMS}:1",
        ask=f"{PLATFORMS}@MULTI {PLATFORMS}:1",
    ),
    Deletion(
        INDEX,
        "Harbor, unused children and attachments too",
        change=WITH_ALL_ITS_PARTS,
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(
        INDEX,
        "Quay, children until collected",
        f"{PLATFORMS}@MULTI",
        change=remove(PLATFORMS, MULTI.digest),
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(
        INDEX,
        "zot, children stay",
        f"{PLATFORMS}@MULTI",
        change=remove(PLATFORMS, MULTI.digest),
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(BLOB, V2, f"{WEB}@CONFIG", ask=f"{WEB}@CONFIG"),
    Deletion(BLOB, V3, f"{WEB}@CONFIG", ask=f"{WEB}@CONFIG"),
    Deletion(
        BLOB,
        "Harbor, passed to distribution",
        f"{WEB}@CONFIG",
        change=lambda registry: registry.content.get(WEB).blobs.discard(CONFIG),
    ),
    Deletion(BLOB, "Quay, UNSUPPORTED", f"{WEB}@CONFIG", answered=405, change=nothing),
    Deletion(BLOB, "zot, in use", f"{WEB}@CONFIG", answered=405, change=nothing),
    Deletion(COLLECTION, V2, change=COLLECT_OLD),
    Deletion(COLLECTION, V3, change=COLLECT_OLD),
    Deletion(
        COLLECTION,
        f"{V2}, takes untagged children of an index",
        change=remove(PLATFORMS, AMD.digest, ATTESTATION.digest),
    ),
    Deletion(
        COLLECTION,
        "Harbor, job",
        change=then(WITH_ALL_ITS_PARTS, COLLECT_OLD),
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(
        COLLECTION,
        "Quay, job",
        change=remove(PLATFORMS, MULTI.digest, AMD.digest, ATTESTATION.digest),
        gone=f"{PLATFORMS}:1",
    ),
    Deletion(
        COLLECTION,
        "zot, scheduled, with a retention of tags",
        change=then(COLLECT_OLD, remove(WEB, B.digest), untag(f"{WEB}:1")),
        gone=f"{WEB}:1 {WEB}:2",
    ),
    Deletion(
        COLLECTION,
        "GitLab, untagged after 24 h",
        change=then(untag(f"{WEB}:1", f"{WEB}:latest"), remove(WEB, A.digest, OLD.digest)),
        gone=BOTH_A,
    ),
)


@pytest.mark.parametrize(
    "deletion", [pytest.param(each, id=f"{each.row}/{each.registry}") for each in DELETIONS]
)
async def test_what_a_delete_does(tmp_path: Path, deletion: Deletion) -> None:
    version = "3.1.1" if deletion.registry.startswith(V3) else "2.8.3"
    async with notifying(tmp_path, version) as world:
        assert world.found() == ALL
        await carry_out(world, deletion)
        sent, counts = await world.told()
        asked = await world.enqueue_refreshes()
        left = ALL - set(deletion.gone.split())
        if deletion.change is None:
            assert asked == {*deletion.ask.split(), *deletion.left.split()}
            assert counts["accepted"] == len(sent) == len(deletion.ask.split())
        else:
            assert (sent, asked, world.found()) == ([], set(), ALL), "nobody has told of it"
            world.registry.requests.clear()
            await world.stepping.crawl()
            await world.stepping.index()
            assert world.asked() >= set(deletion.gone.split()), "each is asked for by its name"
        assert world.found() == left
        await world.check_truth()
        for found in images(world, PLATFORMS, "1"):
            assert found["platforms"] == ["linux/amd64", "linux/arm64"], "the index says so still"
        for found in images(world, WEB, "1"):
            assert found["labels"] == {"team": "a"}, "what was read once is kept"


async def carry_out(world: World, deletion: Deletion) -> None:
    """Let a client delete something, and the registry react as its kind does."""
    registry, change = world.registry, deletion.change
    if not deletion.request:
        assert change is not None
        change(registry)
        return

    def do(_: Request) -> Response:
        assert change is not None
        change(registry)
        return Response(status_code=deletion.answered)

    fault = Fault("^DELETE ", do)
    if change is not None:
        registry.faults.append(fault)
    assert await world.ask("DELETE", build_path(deletion.request)) == deletion.answered
    registry.faults.clear()


def images(world: World, repository: str, tag: str) -> list[Mapping[str, Any]]:
    return [
        hit.result
        for hit in world.stepping.hits(DocumentType.IMAGE)
        if hit.result["repository"] == repository and tag in hit.result["tags"]
    ]


@pytest.mark.parametrize("version", ["2.8.3", "3.1.1"])
async def test_children_of_a_deleted_index_stay_by_digest_and_are_found_by_their_own_tag_only(
    tmp_path: Path, version: str
) -> None:
    async with notifying(tmp_path, version) as world:
        await world.ask("DELETE", build_path(f"{PLATFORMS}@MULTI"))
        assert await world.ask("GET", build_path(f"{PLATFORMS}@AMD")) == 200
        await world.told()
        await world.enqueue_refreshes()
        digests = {hit.result["digest"] for hit in world.stepping.hits(DocumentType.IMAGE)}
        assert ARM.digest in digests
        assert AMD.digest not in digests


def test_every_cell_of_the_table_of_deletes_has_a_case() -> None:
    cells: dict[str, set[str]] = {}
    for each in DELETIONS:
        cells.setdefault(each.row, set()).add(each.registry.split(",")[0].split()[0])
    common = {"distribution", "Harbor", "Quay", "zot"}
    assert cells == {
        BY_TAG: common | {"GHCR", "ACR"},
        BY_DIGEST: common | {"ECR", "ACR"},
        CHILD: common | {"GHCR"},
        INDEX: common,
        BLOB: common,
        COLLECTION: common | {"GitLab"},
    }


# What distribution says of it


@dataclass(frozen=True, slots=True)
class Notice:
    """A cause, and the events that the registry sends for it.

    ``dropped`` counts those of no interest; for the others we ``ask``. Searches no longer find
    ``gone``, and find ``new``.
    """

    cause: str
    act: Callable[[World], Awaitable[object]]
    events: tuple[str, ...]
    dropped: int = 0
    ask: str = ""
    gone: str = ""
    new: str = ""
    versions: tuple[str, ...] = ("2.8.3", "3.1.1")


def deleting(place: str) -> Callable[[World], Awaitable[object]]:
    return lambda world: world.ask("DELETE", build_path(place))


def putting(place: str, name: str) -> Callable[[World], Awaitable[object]]:
    async def act(world: World) -> None:
        repository, _, tag = place.partition(":")
        world.registry.put(repository, {"A": A, "B": B, "D": D}[name], tag=tag)

    return act


def mounting(world: World) -> Awaitable[object]:
    return world.ask("POST", f"/v2/{NEW}/blobs/uploads/?mount={CONFIG}&from={WEB}")


async def pulling(world: World) -> None:
    manifest, blob = build_path(f"{WEB}:1"), build_path(f"{WEB}@CONFIG")
    answered = [
        await world.ask(method, path, **headers)
        for method, path, headers in (
            ("HEAD", manifest, {}),
            ("GET", manifest, {}),
            ("HEAD", blob, {}),
            ("GET", blob, {}),
            ("GET", build_path(f"{WEB}:nope"), {}),
            ("HEAD", build_path(f"{ONE}@CONFIG"), {}),
            ("GET", manifest, {"If-None-Match": f'"{A.digest}"'}),
        )
    ]
    assert answered == [200, 200, 200, 200, 404, 404, 304]


async def removing_on_disk(world: World) -> None:
    world.registry.delete_repository(ONE)
    COLLECT_OLD(world.registry)


async def pushing_a_dummy(world: World) -> None:
    """Delete the tag 2 as clients do that can only delete by digest."""
    world.registry.put(WEB, D, tag="2")
    world.registry.delete_digest(WEB, D.digest)


PUSHED_BLOBS = ("push octet-stream blob",) * 3
NOTICES = (
    Notice(
        "DELETE digest",
        deleting(f"{WEB}@A"),
        ("delete A", "delete :1", "delete :latest"),
        ask=f"{WEB}@A {BOTH_A}",
        gone=BOTH_A,
    ),
    Notice(
        "DELETE tag (3.x)",
        deleting(f"{WEB}:1"),
        ("delete :1",),
        ask=f"{WEB}:1",
        gone=f"{WEB}:1",
        versions=("3.1.1",),
    ),
    Notice(
        "tag moved to another manifest",
        putting(f"{WEB}:1", "B"),
        ("push manifest B :1",),
        ask=f"{WEB}:1",
    ),
    Notice(
        "the same content pushed again",
        putting(f"{WEB}:1", "A"),
        ("push manifest A :1",),
        ask=f"{WEB}:1",
    ),
    Notice("DELETE blob", deleting(f"{WEB}@CONFIG"), ("delete CONFIG",), ask=f"{WEB}@CONFIG"),
    Notice(
        "push of an image",
        putting(f"{NEW}:1", "D"),
        (*PUSHED_BLOBS, "push manifest D :1"),
        dropped=3,
        ask=f"{NEW}:1",
        new=f"{NEW}:1",
    ),
    Notice(
        "push of a child by digest",
        putting(PLATFORMS, "D"),
        (*PUSHED_BLOBS, "push manifest D"),
        dropped=3,
        ask=f"{PLATFORMS}@D",
    ),
    Notice(
        "a second tag for the same manifest",
        putting(f"{WEB}:stable", "A"),
        ("push manifest A :stable",),
        ask=f"{WEB}:stable",
        new=f"{WEB}:stable",
    ),
    Notice(
        "blob mounted from another repository", mounting, ("mount octet-stream CONFIG",), dropped=1
    ),
    Notice(
        "HEAD or GET of a manifest or blob that exists",
        pulling,
        (*("pull manifest A :1",) * 2, *("pull octet-stream CONFIG",) * 2),
        dropped=4,
    ),
    Notice(
        "garbage collection, storage edited by hand, repository removed on disk",
        removing_on_disk,
        (),
        gone=f"{ONE}:1",
    ),
    Notice(
        "a dummy manifest pushed over a tag and deleted by digest",
        pushing_a_dummy,
        (*PUSHED_BLOBS, "push manifest D :2", "delete D", "delete :2"),
        dropped=3,
        # And whether what the tag pointed at before is there without it.
        ask=f"{WEB}:2 {WEB}@D {WEB}@B",
        gone=f"{WEB}:2",
    ),
)


@pytest.mark.parametrize(
    ("notice", "version"),
    [
        pytest.param(notice, version, id=f"{notice.cause}/{version}")
        for notice in NOTICES
        for version in notice.versions
    ],
)
async def test_what_a_notification_leads_to(tmp_path: Path, notice: Notice, version: str) -> None:
    async with notifying(tmp_path, version) as world:
        await notice.act(world)
        sent, counts = await world.told()
        kept = len(notice.events) - notice.dropped
        assert sent == list(notice.events)
        assert counts == {"accepted": kept, "dropped": notice.dropped, "rejected": 0}
        before = world.stepping.visible()
        asked = await world.enqueue_refreshes()
        assert asked == set(notice.ask.split())
        _, caused = await world.told()
        assert caused["accepted"] == 0, "our own reads are no news"
        if not notice.events:
            assert world.stepping.visible() == before
            await world.stepping.crawl()
            await world.stepping.index()
        assert world.found() == ALL - set(notice.gone.split()) | set(notice.new.split())
        await world.check_truth()


async def test_what_a_moved_tag_left_stays_readable_by_digest_and_is_not_found(
    tmp_path: Path,
) -> None:
    async with notifying(tmp_path, "2.8.3") as world:
        for tag in ("1", "latest"):
            world.registry.put(WEB, B, tag=tag)
        await world.told()
        await world.enqueue_refreshes()
        assert await world.ask("GET", build_path(f"{WEB}@A")) == 200
        assert A.digest not in world.stepping.visible().values()
        assert A.digest not in {
            hit.result["digest"] for hit in world.stepping.hits(DocumentType.IMAGE)
        }
        await world.check_truth()
