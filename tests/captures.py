"""Recorded requests, and an indexer that takes them in as they came: one action after the other.

The registry is the fake one, brought silently into the state that each action left. Of the images
that were kept it holds the very bytes. Anything else that was pushed is stood in for by built
content of the same kind, whose digest takes the place of the recorded one in all that follows.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from indexer.model.document import DocumentType
from indexer.model.media_types import MANIFEST_TYPES, OCI_MANIFEST, OCTET_STREAM
from indexer.store import Journal
from tests.builders import Blob, BuiltManifest, artifact, helm_chart, image, index
from tests.fakes.clock import ManualClock
from tests.fakes.notifier import Endpoint
from tests.fakes.registry import FakeRegistry
from tests.indexer.stepping import Stepping, Tags
from webhooks.journal import JournalWriter
from webhooks.receiver import Receiver

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("2.8.3", "3.1.1")
SECRET = "hook-secret"


@dataclass(frozen=True, slots=True)
class Captured:
    """One thing that a client did, and the bodies of the requests that the registry then sent.

    ``answered`` is the registry's status to the client, kept where it sent nothing.
    """

    name: str
    bodies: tuple[Mapping[str, Any], ...]
    files: tuple[str, ...]
    answered: int | None


def read_captures(version: str) -> tuple[list[tuple[str, str]], dict[str, Captured]]:
    """Return the headers of all requests of a version, and its actions by name, in order."""
    file = SAMPLES / "notifications" / f"captured-{version}.jsonl"
    first, *lines = map(json.loads, file.read_text("utf-8").splitlines())
    captured = [
        Captured(
            line["action"],
            tuple(request["body"] for request in line["requests"]),
            tuple(request["file"] for request in line["requests"]),
            line.get("answered"),
        )
        for line in lines
    ]
    return [(name, value) for name, value in first["headers"]], {one.name: one for one in captured}


# Content


def _read_layout(name: str, tag: str) -> BuiltManifest:
    """Return an image of a recorded layout, as far as its blobs were kept."""
    folder = SAMPLES / "images" / name
    for entry in json.loads((folder / "index.json").read_text("utf-8"))["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == tag:
            return _read_manifest(folder / "blobs" / "sha256", entry)
    raise LookupError(f"{name}:{tag}")


def _read_manifest(blobs: Path, descriptor: Mapping[str, Any]) -> BuiltManifest:
    body = (blobs / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    parsed = json.loads(body)
    pointed_at = [parsed["config"], *parsed["layers"]] if "config" in parsed else []
    return BuiltManifest(
        descriptor["digest"],
        descriptor["mediaType"],
        body,
        tuple(
            Blob(each["mediaType"], (blobs / each["digest"].removeprefix("sha256:")).read_bytes())
            for each in pointed_at
        ),
        tuple(_read_manifest(blobs, child) for child in parsed.get("manifests", ())),
    )


def _stand_ins(webapp: BuiltManifest) -> dict[str, BuiltManifest]:
    """Return content of the kinds that were pushed and not kept."""
    doc = "application/vnd.example.doc.v1"
    sbom = artifact("application/spdx+json", {"sbom.json": b"{}"}, subject=webapp)
    signature = artifact("application/vnd.dev.cosign.artifact.sig.v1+json", subject=webapp)
    podbuilt = image(seed="podbuilt")
    return {
        "webapp-docker": image(seed="webapp", docker=True),
        "chart": helm_chart("mychart", "0.1.0", "A demo chart"),
        "doc": artifact(doc, {"doc.json": b"{}"}),
        "doc-untagged": artifact(doc, {"doc.json": b"{ }"}),
        "sbom": sbom,
        "signature": signature,
        "referrers": index([sbom]),
        "more-referrers": index([sbom, signature]),
        "built": image(seed="built"),
        "podbuilt": podbuilt,
        "podbuilt-docker": image(seed="podbuilt", docker=True),
        "plist": index([podbuilt]),
        "umoci": image(seed="umoci"),
        "dockered": image(seed="dockered", docker=True),
        "dbuilt": image(seed="dbuilt", docker=True),
    }


_MULTI = _read_layout("multi", "1.0")
KEPT = {
    "webapp-1.0": _read_layout("webapp", "1.0"),
    "webapp-1.1": _read_layout("webapp", "1.1"),
    "webapp-2.0": _read_layout("webapp", "2.0"),
    "scratchy": _read_layout("scratchy", "latest"),
    "multi": _MULTI,
    **dict(zip(("amd64", "arm64", "arm", "attestation"), _MULTI.children, strict=True)),
}
CONTENT = {**KEPT, **_stand_ins(KEPT["webapp-1.1"])}
LAYER = KEPT["webapp-1.0"].blobs[1].digest
"""A layer that all versions of webapp share."""


def digest_of_name(name: str) -> str:
    """Return the digest of content by its name here."""
    return LAYER if name == "layer" else CONTENT[name].digest


# Notation: "repository:tag=content", "repository=content", "repository:tag", "repository@content"


def split_pushed(text: str) -> tuple[str, str, BuiltManifest]:
    """Return repository, tag (empty for none) and content of ``repository:tag=content``."""
    place, _, name = text.partition("=")
    repository, _, tag = place.partition(":")
    return repository, tag, CONTENT[name]


def found_tags(text: str) -> dict[str, dict[str, str]]:
    """Return the digests by tag of each repository named; one without a tag has none any more."""
    found: dict[str, dict[str, str]] = {}
    for word in text.split():
        place, _, name = word.partition("=")
        repository, _, tag = place.partition(":")
        tags = found.setdefault(repository, {})
        if tag:
            tags[tag] = digest_of_name(name)
    return found


# The replay


@dataclass(frozen=True, slots=True)
class Step:
    """What an action left in the registry, in the notation above.

    ``deletes`` are contents, ``blobs`` repositories that have a blob and no manifest. ``asks`` is
    the client's own request (method and path), sent to the fake registry.
    """

    name: str
    pushes: str = ""
    deletes: str = ""
    blobs: str = ""
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of an action: answers to the registry, the queue, and then the search."""

    answers: list[tuple[int, dict[str, int]]]
    due: set[str]
    reads: list[str]
    searchable: Tags
    truth: Tags
    images: dict[str, Mapping[str, Any]] = field(repr=False)
    """The image documents by ``repository:tag``."""
    client_answered: int | None
    client_caused: int

    def tags_of(self, repository: str) -> dict[str, str]:
        """Return the targets of a repository's tags in search results."""
        return {tag: at for (_, name, tag), at in self.searchable.items() if name == repository}


class Replay:
    """One registry of a version from its first to its last recorded action."""

    def __init__(self, stepping: Stepping, version: str, client: httpx2.AsyncClient) -> None:
        self.stepping = stepping
        self._headers, self._captured = read_captures(version)
        self._client = client
        self._stood_in: dict[str, str] = {}

    async def play(self, step: Step) -> Outcome:
        """Bring the registry into the state after an action, and take in what it sent."""
        captured = self._captured[step.name]
        caused, answered = await self._ask(step)
        self._change(step, captured)
        self._move_clock(captured)
        answers = [await self._post(body) for body in captured.bodies]
        await self.stepping.enqueue_refreshes()
        due = set(self._due())
        self.stepping.registry.requests.clear()
        await self.stepping.settle()
        await self.stepping.index()
        return Outcome(
            answers=answers,
            due=due,
            reads=list(self.stepping.registry.requests),
            searchable=self.stepping.searchable(),
            truth=self.stepping.truth(),
            images=self._images(),
            client_answered=answered,
            client_caused=caused,
        )

    def _change(self, step: Step, captured: Captured) -> None:
        registry, contents = self.stepping.registry, step.pushes.split()
        recorded = [
            body["events"][0]["target"]["digest"]
            for body in captured.bodies
            if body["events"][0]["action"] == "push"
            and body["events"][0]["target"]["mediaType"] != OCTET_STREAM
        ]
        for text, digest in zip(contents, recorded, strict=True):
            repository, tag, built = split_pushed(text)
            is_kept = built in KEPT.values()
            assert not is_kept or built.digest == digest, "what was pushed is what was kept"
            self._stood_in[digest] = built.digest
            registry.put(repository, built, tag=tag, notify=False)
        for text in step.deletes.split():
            repository, _, name = text.partition("@")
            if name == "layer":
                registry.content.get(repository).blobs.discard(LAYER)
            else:
                registry.delete_digest(repository, digest_of_name(name), notify=False)
        for repository in step.blobs.split():
            registry.content.add_blob(repository, b"mounted")

    def _move_clock(self, captured: Captured) -> None:
        for body in captured.bodies:
            at = datetime.fromisoformat(body["events"][0]["timestamp"])
            late = (at + timedelta(milliseconds=5) - self.stepping.clock.now()).total_seconds()
            self.stepping.clock.advance(max(0.0, late))

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
        text = json.dumps(body)
        for recorded, stand_in in self._stood_in.items():
            text = text.replace(recorded, stand_in)
        answer = await self._client.post(
            "/webhooks/default", content=text.encode(), headers=self._headers
        )
        counts: dict[str, int] = answer.json()
        return answer.status_code, counts

    async def _ask(self, step: Step) -> tuple[int, int | None]:
        """Send the client's request; return how many events it causes and its status."""
        if not step.asks:
            return 0, None
        registry = self.stepping.registry
        before = registry.notifier.pending
        method, path = step.asks.split()
        headers = {"Accept": ",".join(MANIFEST_TYPES)}
        if "not-modified" in step.name:
            headers["If-None-Match"] = f'"{digest_of_name("webapp-1.1")}"'
        if method == "PUT":
            headers["Content-Type"] = OCI_MANIFEST
        body = KEPT["webapp-1.1"].body if method == "PUT" else b""
        transport = httpx2.ASGITransport(app=registry.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://fake") as client:
            answer = await client.request(method, path, content=body, headers=headers)
        return registry.notifier.pending - before, answer.status_code

    def _due(self) -> Iterator[str]:
        names = {digest_of_name(name): name for name in (*CONTENT, "layer")}
        rows = self.stepping.store._database.execute(
            "SELECT kind, repository, reference, priority FROM queue"
        )
        for kind, repository, reference, priority in rows:
            assert priority == 0, "what an event hints at goes first"
            yield {
                "tag": f"{repository}:{reference}",
                "digest": f"{repository}@{names.get(reference, reference)}",
            }[kind]

    def _images(self) -> dict[str, Mapping[str, Any]]:
        return {
            f"{hit.result['repository']}:{tag}": hit.result
            for hit in self.stepping.hits(DocumentType.IMAGE)
            for tag in hit.result["tags"]
        }


@asynccontextmanager
async def replaying(directory: Path, version: str, first: str) -> AsyncIterator[Replay]:
    """Open a registry of a version that is empty and was crawled, before the action ``first``."""
    is_v3 = version.startswith("3")
    stepping = Stepping(directory)
    _, captured = read_captures(version)
    began = datetime.fromisoformat(captured[first].bodies[0]["events"][0]["timestamp"])
    stepping.clock = ManualClock(began - timedelta(minutes=1))
    # It counts what it would have sent, and sends nothing: what is sent was recorded.
    registry = FakeRegistry(
        endpoints=[Endpoint("http://nobody")],
        v3=is_v3,
        delete_by_tag=is_v3,
        page_tags=is_v3,
    )
    stepping.registries = {"default": registry}
    async with stepping:
        await stepping.settle()
        writer = JournalWriter(Journal(directory), clock=stepping.clock)
        app = Starlette(routes=Receiver(writer, secrets={"default": (SECRET,)}).routes())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://us") as client:
            yield Replay(stepping, version, client)
        writer.close()


async def replay(directory: Path, version: str, steps: Sequence[Step]) -> dict[str, Outcome]:
    """Play all steps in order; then check that a crawl finds nothing else. Outcomes by name."""
    async with replaying(directory, version, steps[0].name) as played:
        outcomes = {step.name: await played.play(step) for step in steps}
        stepping = played.stepping
        before = stepping.documents()
        await stepping.crawl()
        await stepping.index()
        assert stepping.documents() == before, "the notifications alone told everything"
        assert stepping.latest_crawl().complete
        assert stepping.freshness().restarted_at is None
        return outcomes
