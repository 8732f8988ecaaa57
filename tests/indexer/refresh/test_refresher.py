"""A refresher stores the content of the registry, and removes only content it calls absent."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexer.model import media_types
from indexer.model.document import DocumentType
from indexer.model.names import Digest
from indexer.refresh import refresher
from indexer.refresh.content import CONTENT_BYTES_MAX, CONTENT_MAX, INDEX_DEPTH_MAX
from indexer.registry.manifests import BLOB_MAX_BYTES, MANIFEST_MAX_BYTES
from tests.builders import Blob, BuiltManifest, artifact, digest_of, image, index
from tests.fakes.content import StoredManifest
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping, deleted, pushed

pytestmark = pytest.mark.anyio

A, B, C = (image(seed=seed, labels={"team": seed}) for seed in "abc")
WEB = "team/web"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path) as opened:
        yield opened


def oci_error(status: int, code: str, message: str = "no") -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status)


def build_manifest(body: dict[str, object], media_type: str) -> BuiltManifest:
    encoded = json.dumps(body).encode()
    return BuiltManifest(digest_of(encoded), media_type, encoded)


def hold(stepping: Stepping, repository: str, built: BuiltManifest, tag: str = "") -> None:
    """Keep a manifest alone, without what it points at."""
    stored = StoredManifest(built.digest, built.media_type, built.body)
    stepping.registry.content.create(repository).put(stored, tag=tag)


def fail(stepping: Stepping, match: str, answer: Response, *, times: int | None = None) -> Fault:
    fault = Fault(match, answer, times=times)
    stepping.registry.faults.append(fault)
    return fault


def image_result(stepping: Stepping, digest: str) -> dict[str, object]:
    [found] = [
        dict(hit.result)
        for hit in stepping.hits(DocumentType.IMAGE)
        if hit.result["digest"] == digest
    ]
    return found


async def seen(stepping: Stepping, repository: str, tag: str) -> str | None:
    return stepping.visible().get(("default", repository, tag))


async def commits_of_a_crawl(folder: Path, *, repositories: int) -> int:
    """Return the transactions of a first crawl of repositories with one tag each."""
    folder.mkdir()
    async with Stepping(folder) as stepping:
        for number in range(repositories):
            stepping.registry.put(f"team/app-{number}", image(seed=str(number)), tag="1")
        statements: list[str] = []
        stepping.store._database.conn.set_trace_callback(statements.append)
        await stepping.crawl()
        assert len(stepping.visible()) == repositories
    return statements.count("COMMIT")


async def test_a_repository_and_its_tag_are_two_transactions(tmp_path: Path) -> None:
    """The refreshes of the tags are asked for in the transaction that ends the repository's."""
    few = await commits_of_a_crawl(tmp_path / "few", repositories=2)
    more = await commits_of_a_crawl(tmp_path / "more", repositories=7)
    assert more - few == 2 * 5


class TestTags:
    async def test_a_push_is_read_and_stored(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="1")
        stepping.deliver(pushed(WEB, A.digest, tag="1", at=stepping.clock.now()))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        assert await seen(stepping, WEB, "1") == A.digest
        assert stepping.freshness().newest_event_applied_at == "2026-03-01T12:00:00.000000Z"
        assert stepping.waiting() == 0

    async def test_a_push_whose_tag_is_not_there_yet_is_looked_at_again(
        self, stepping: Stepping
    ) -> None:
        """The distribution registry sends the event before it writes the tag."""
        stepping.deliver(pushed(WEB, A.digest, tag="1"))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        assert stepping.waiting() == 1
        stepping.registry.put(WEB, A, tag="1")
        stepping.clock.advance(refresher.SECOND_LOOKS[0].total_seconds())
        await stepping.run_due()
        assert await seen(stepping, WEB, "1") == A.digest
        assert stepping.waiting() == 0

    async def test_a_push_that_still_shows_the_old_digest_is_looked_at_again(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.deliver(pushed(WEB, B.digest, tag="1"))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        assert await seen(stepping, WEB, "1") == A.digest
        stepping.registry.put(WEB, B, tag="1")
        await stepping.settle(seconds=1)
        assert await seen(stepping, WEB, "1") == B.digest

    async def test_what_a_push_replaces_is_not_written_behind_it_in_the_history(
        self, stepping: Stepping
    ) -> None:
        """A tag that is new to us and still shows what it was before never moved back to that."""
        stepping.registry.put(WEB, A, tag="1")
        stepping.deliver(pushed(WEB, B.digest, tag="1"))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        stepping.registry.put(WEB, B, tag="1")
        await stepping.settle(seconds=1)
        assert await seen(stepping, WEB, "1") == B.digest
        assert {digest for _, _, digest, _ in stepping.moves()} == {B.digest}

    async def test_a_push_that_never_shows_is_given_up_soon(self, stepping: Stepping) -> None:
        started = stepping.clock.now()
        stepping.deliver(pushed(WEB, A.digest, tag="1"))
        await stepping.settle()
        assert len(manifests_asked(stepping)) == 1 + len(refresher.SECOND_LOOKS)
        assert stepping.waiting() == 0
        assert stepping.clock.now() - started < timedelta(seconds=10)
        assert stepping.freshness().error is None

    async def test_a_digest_that_is_pushed_before_it_shows_is_looked_at_again(
        self, stepping: Stepping
    ) -> None:
        stepping.deliver(pushed(WEB, A.digest))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        stepping.registry.put(WEB, A)
        await stepping.settle(seconds=10)
        assert stepping.store.content.is_linked(stepping.repository_id(WEB), Digest(A.digest))

    async def test_a_deleted_tag_is_hidden_and_its_history_kept(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="1")
        stepping.registry.put(WEB, A, tag="2")
        await stepping.crawl()
        stepping.registry.delete_tag(WEB, "1", notify=False)
        stepping.deliver(deleted(WEB, tag="1"))
        await stepping.settle()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth()
        assert stepping.store.content.tag_moves(stepping.repository_id(WEB), "1")

    async def test_a_delete_of_what_was_never_seen_changes_nothing(
        self, stepping: Stepping
    ) -> None:
        stepping.deliver(deleted(WEB, tag="1"), deleted(WEB, digest=A.digest))
        await stepping.settle()
        assert stepping.visible() == {}
        assert stepping.waiting() == 0

    async def test_a_moved_tag_takes_its_document_along(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        await stepping.index()
        stepping.registry.put(WEB, B, tag="1")
        stepping.deliver(pushed(WEB, B.digest, tag="1"))
        await stepping.settle()
        await stepping.index()
        assert [hit.result["digest"] for hit in stepping.hits(DocumentType.IMAGE)] == [B.digest]

    async def test_an_event_of_a_push_that_was_undone_leaves_documents_as_a_rebuild_makes_them(
        self, stepping: Stepping
    ) -> None:
        """Its move counts in the order of tags, even where the tag is back at its old digest."""
        stepping.registry.put(WEB, A, tag="1")
        stepping.registry.put(WEB, A, tag="2")
        await stepping.crawl()
        await stepping.index()
        later = stepping.clock.now() + timedelta(seconds=5)
        stepping.deliver(pushed(WEB, B.digest, tag="2", at=later))
        await stepping.settle()
        await stepping.index()
        live = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == live


class TestDigests:
    async def test_a_deleted_digest_takes_its_three_tags_along(self, stepping: Stepping) -> None:
        for tag in ("1", "1.0", "latest"):
            stepping.registry.put(WEB, A, tag=tag)
        stepping.registry.put(WEB, B, tag="2")
        stepping.registry.put("team/api", A, tag="1")
        await stepping.crawl()
        stepping.registry.delete_digest(WEB, A.digest, notify=False)
        stepping.deliver(deleted(WEB, digest=A.digest))
        await stepping.settle()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth()
        assert len(stepping.visible()) == 2

    async def test_a_tag_that_moved_on_survives_the_delete_of_its_digest(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.registry.put(WEB, B, tag="1")
        stepping.registry.delete_digest(WEB, A.digest, notify=False)
        stepping.deliver(deleted(WEB, digest=A.digest))
        await stepping.settle()
        assert stepping.visible() == stepping.truth()

    async def test_a_deleted_blob_that_looks_like_a_manifest_removes_nothing(
        self, stepping: Stepping
    ) -> None:
        """Distribution reports the delete of a blob in the same words."""
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.deliver(deleted(WEB, digest=A.blobs[1].digest))
        await stepping.settle()
        assert stepping.visible() == stepping.truth() != {}
        assert stepping.waiting() == 0

    async def test_a_late_delete_event_of_what_is_there_again_removes_nothing(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.deliver(deleted(WEB, digest=A.digest), deleted(WEB, tag="1"))
        await stepping.settle()
        assert stepping.visible() == stepping.truth() != {}

    async def test_what_was_deleted_and_pushed_again_between_two_looks_is_found(
        self, stepping: Stepping
    ) -> None:
        """The delete is seen and indexed, then the registry fails, then the same image is back."""
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        await stepping.index()
        stepping.registry.delete_digest(WEB, A.digest, notify=False)
        fault = fail(stepping, "/manifests/1", Response(status_code=503))
        stepping.deliver(deleted(WEB, digest=A.digest))
        await stepping.enqueue_refreshes()
        await stepping.run_due()
        await stepping.index()
        assert stepping.hits(DocumentType.IMAGE) == []
        stepping.registry.put(WEB, A, tag="1")
        stepping.registry.faults.remove(fault)
        await stepping.settle()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth() != {}

    async def test_what_was_deleted_and_pushed_again_before_a_look_has_only_its_new_tags(
        self, stepping: Stepping
    ) -> None:
        """A delete of a digest asks for each of its tags, be the digest there again or not."""
        for tag in ("1", "latest"):
            stepping.registry.put(WEB, A, tag=tag)
        await stepping.crawl()
        stepping.registry.delete_digest(WEB, A.digest, notify=False)
        stepping.registry.put(WEB, A, tag="latest")
        stepping.deliver(deleted(WEB, digest=A.digest), pushed(WEB, A.digest, tag="latest"))
        await stepping.settle()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth()
        assert list(stepping.visible()) == [("default", WEB, "latest")]

    async def test_a_child_that_is_deleted_leaves_its_index(self, stepping: Stepping) -> None:
        multi = index([A, image(architecture="arm64")])
        stepping.registry.put(WEB, multi, tag="1")
        await stepping.crawl()
        await stepping.index()
        stepping.registry.delete_digest(WEB, multi.children[0].digest, notify=False)
        stepping.deliver(deleted(WEB, digest=multi.children[0].digest))
        await stepping.settle()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth() != {}
        live = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == live


class TestChildrenAndConfigs:
    MULTI = index([A, image(architecture="arm64", labels={"second": "yes"})], attestations=True)

    async def test_an_index_is_stored_with_its_children_and_configs(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, self.MULTI, tag="1")
        await stepping.crawl()
        await stepping.index()
        platforms = image_result(stepping, self.MULTI.digest)["platforms"]
        assert platforms == ["linux/amd64", "linux/arm64"]

    async def test_a_missing_child_is_read_when_it_is_pushed(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A)
        hold(stepping, WEB, self.MULTI, "1")
        await stepping.crawl()
        await stepping.index()
        assert image_result(stepping, self.MULTI.digest)["labels"] == {"team": "a"}
        stepping.registry.put(WEB, self.MULTI, tag="1")
        stepping.deliver(pushed(WEB, self.MULTI.children[1].digest))
        await stepping.settle()
        await stepping.index()
        rows = stepping.store.content
        assert rows.is_linked(stepping.repository_id(WEB), Digest(self.MULTI.children[1].digest))
        assert stepping.documents() == await rebuilt(stepping)

    @pytest.mark.parametrize("by", ["crawl", "push"])
    async def test_a_missing_child_is_read_at_the_next_look(
        self, stepping: Stepping, by: str
    ) -> None:
        hold(stepping, WEB, self.MULTI, "1")
        await stepping.crawl()
        stepping.registry.put(WEB, self.MULTI, tag="1")
        if by == "crawl":
            await stepping.crawl()
        else:
            stepping.deliver(pushed(WEB, self.MULTI.digest))
            await stepping.settle()
        repository_id = stepping.repository_id(WEB)
        assert stepping.store.content.is_whole(repository_id, Digest(self.MULTI.digest))

    async def test_a_config_that_was_missing_is_read_at_the_next_crawl(
        self, stepping: Stepping
    ) -> None:
        hold(stepping, WEB, A, "1")
        await stepping.crawl()
        await stepping.index()
        assert image_result(stepping, A.digest)["labels"] == {}
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        await stepping.index()
        assert image_result(stepping, A.digest)["labels"] == {"team": "a"}

    async def test_a_config_that_was_missing_of_a_child_is_read_at_the_next_crawl(
        self, stepping: Stepping
    ) -> None:
        """The index itself lacks nothing then, so its children must be looked at too."""
        hold(stepping, WEB, A)
        hold(stepping, WEB, index([A]), "1")
        await stepping.crawl()
        stepping.registry.put(WEB, A)
        await stepping.crawl()
        await stepping.index()
        assert image_result(stepping, index([A]).digest)["labels"] == {"team": "a"}

    async def test_a_child_that_is_there_already_is_completed_with_a_new_index(
        self, stepping: Stepping
    ) -> None:
        hold(stepping, WEB, A, "1")
        await stepping.crawl()
        stepping.registry.put(WEB, index([A]), tag="2")
        stepping.deliver(pushed(WEB, index([A]).digest, tag="2"))
        await stepping.settle()
        assert stepping.store.content.has_config(Digest(A.blobs[0].digest))

    async def test_a_nested_index_is_whole_in_a_second_repository_too(
        self, stepping: Stepping
    ) -> None:
        """Its manifest is in the store by then, but not its children's in that repository."""
        nested = index([index([A])])
        stepping.registry.put(WEB, nested, tag="1")
        await stepping.crawl()
        stepping.registry.put("team/copy", nested, tag="1")
        await stepping.crawl()
        copy = stepping.repository_id("team/copy")
        assert stepping.store.content.is_linked(copy, Digest(A.digest))
        await stepping.index()
        first, second = (hit.result for hit in stepping.hits(DocumentType.IMAGE))
        assert first["labels"] == second["labels"] == {"team": "a"}

    async def test_a_child_that_only_another_repository_has_is_missing(
        self, stepping: Stepping
    ) -> None:
        """Regression: asked for with a condition, distribution says 304 to any digest."""
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        hold(stepping, "team/copy", index([A]), tag="1")
        await stepping.crawl()
        copy = stepping.repository_id("team/copy")
        assert not stepping.store.content.is_linked(copy, Digest(A.digest))

    async def test_a_child_of_another_repository_is_linked_without_its_config(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.registry.put("team/copy", index([A]), tag="1")
        stepping.registry.requests.clear()
        await stepping.crawl()
        assert stepping.store.content.is_linked(
            stepping.repository_id("team/copy"), Digest(A.digest)
        )
        assert not [line for line in stepping.registry.requests if "/blobs/" in line]

    @pytest.mark.parametrize(
        "answer",
        [
            oci_error(404, "MANIFEST_UNKNOWN"),
            oci_error(
                404,
                "MANIFEST_UNKNOWN",
                "OCI index found, but accept header does not support OCI indexes",
            ),
            Response(b"x" * (MANIFEST_MAX_BYTES + 1), media_type=media_types.OCI_MANIFEST),
            oci_error(406, "UNSUPPORTED"),
        ],
        ids=["absent", "not for us", "too large", "not acceptable"],
    )
    async def test_one_child_that_cannot_be_read_does_not_hide_its_index(
        self, stepping: Stepping, answer: Response
    ) -> None:
        stepping.registry.put(WEB, self.MULTI, tag="1")
        fail(stepping, self.MULTI.children[1].digest, answer)
        await stepping.crawl()
        await stepping.index()
        assert stepping.searchable() == stepping.truth()
        assert image_result(stepping, self.MULTI.digest)["labels"] == {"team": "a"}
        assert stepping.waiting() == 0

    async def test_a_denied_child_says_nothing_so_that_the_index_waits(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, self.MULTI, tag="1")
        fail(stepping, self.MULTI.children[1].digest, oci_error(403, "DENIED"))
        await stepping.crawl()
        assert stepping.freshness().set_aside == 1
        assert stepping.visible() == {}

    async def test_a_config_that_is_too_large_leaves_the_image_searchable(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        body = b" " * (BLOB_MAX_BYTES + 1)
        fail(stepping, "/blobs/", Response(body, media_type="application/octet-stream"))
        await stepping.crawl()
        await stepping.index()
        assert stepping.searchable() == stepping.truth()
        assert stepping.freshness().error is None

    async def test_a_config_declared_too_large_is_not_even_asked_for(
        self, stepping: Stepping
    ) -> None:
        config = {"mediaType": media_types.OCI_CONFIG, "digest": A.digest, "size": 2**40}
        built = build_manifest(
            {"schemaVersion": 2, "config": config, "layers": []}, media_types.OCI_MANIFEST
        )
        hold(stepping, WEB, built, "1")
        await stepping.crawl()
        await stepping.crawl()
        assert await seen(stepping, WEB, "1") == built.digest
        assert not [line for line in stepping.registry.requests if "/blobs/" in line]

    async def test_two_children_with_one_config_read_it_once(self, stepping: Stepping) -> None:
        config = A.blobs[0]
        one, two = (artifact("application/x", {n: b"x"}, config=config) for n in ("one", "two"))
        stepping.registry.put(WEB, index([one, two]), tag="1")
        await stepping.crawl()
        blobs = [line for line in stepping.registry.requests if config.digest in line]
        assert len(blobs) <= 1

    async def test_an_index_that_lists_one_child_twice_reads_it_once(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, index([A, A]), tag="1")
        await stepping.crawl()
        assert len([line for line in stepping.registry.requests if A.digest in line]) == 1

    async def test_indexes_are_walked_four_levels_down(self, stepping: Stepping) -> None:
        levels = [A]
        for _ in range(INDEX_DEPTH_MAX + 2):
            levels.append(index([levels[-1]]))
        levels.reverse()
        stepping.registry.put(WEB, levels[0], tag="1")
        await stepping.crawl()
        repository_id = stepping.repository_id(WEB)
        linked = [stepping.store.content.is_linked(repository_id, Digest(m.digest)) for m in levels]
        assert linked == [True] * 5 + [False] * 2
        stepping.registry.requests.clear()
        await stepping.crawl()
        assert len(manifests_asked(stepping)) == 1, "what is too deep is not asked for again"

    async def test_no_more_than_a_thousand_children_are_read(self, stepping: Stepping) -> None:
        halves = [
            index([artifact("application/x", {str(n): b"%d" % m}) for m in range(600)])
            for n in range(2)
        ]
        stepping.registry.put(WEB, index(halves), tag="1")
        await stepping.crawl()
        assert len(manifests_asked(stepping)) == CONTENT_MAX

    async def test_what_is_missing_on_two_levels_is_completed_at_once(
        self, stepping: Stepping
    ) -> None:
        multi = index([A, B])
        hold(stepping, WEB, A)
        hold(stepping, WEB, multi, "1")
        await stepping.crawl()
        stepping.registry.put(WEB, multi)
        stepping.registry.requests.clear()
        await stepping.crawl()
        assert len(stepping.registry.requests) == len(set(stepping.registry.requests))
        repository_id = stepping.repository_id(WEB)
        for built in (multi, A, B):
            assert stepping.store.content.is_whole(repository_id, Digest(built.digest))

    async def test_a_manifest_that_another_refresh_finds_gone_meanwhile_is_read_again(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        repository_id = stepping.repository_id(WEB)

        async def overtaken(_: Request) -> Response:
            await stepping.thread.write(
                lambda store: store.content.unlink_manifest(repository_id, Digest(A.digest))
            )
            return Response(status_code=304)

        stepping.registry.faults.append(Fault("/manifests/1", overtaken, times=1))
        await stepping.crawl()
        await stepping.crawl()
        await stepping.index()
        assert stepping.searchable() == stepping.truth() != {}

    async def test_an_index_that_contains_itself_ends(self, stepping: Stepping) -> None:
        """No digest allows this, but a digest that nobody can verify does."""
        fake = "blake3:" + "0" * 64
        child = {"mediaType": media_types.OCI_INDEX, "digest": fake, "size": 10}
        body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [child]}
        built = build_manifest(body, media_types.OCI_INDEX)
        hold(stepping, WEB, built, "1")
        answer = Response(built.body, media_type=media_types.OCI_INDEX)
        fail(stepping, "blake3", answer)
        await stepping.crawl()
        await stepping.crawl()
        await stepping.index()
        assert stepping.searchable() == stepping.truth()


def manifests_asked(stepping: Stepping) -> list[str]:
    return [line for line in stepping.registry.requests if "/manifests/" in line]


async def rebuilt(stepping: Stepping) -> dict[str, str]:
    await stepping.rebuild()
    return stepping.documents()


class TestUnchanged:
    async def test_an_unchanged_registry_costs_one_conditional_request_a_tag(
        self, stepping: Stepping
    ) -> None:
        multi = TestChildrenAndConfigs.MULTI
        chart = artifact("application/x", {"a": b"1"}, config=Blob("application/y+json", b"{}"))
        for built, tag in ((A, "1"), (A, "latest"), (multi, "2"), (chart, "3")):
            stepping.registry.put(WEB, built, tag=tag)
        await stepping.crawl()
        await stepping.index()
        stepping.registry.requests.clear()
        answered: list[int] = []

        async def watch(request: Request) -> Response:
            answer = await stepping.registry._router.answer(request)
            answered.append(answer.status_code)
            return answer

        stepping.registry.faults.append(Fault("/manifests/", watch))
        await stepping.crawl()
        assert sorted(stepping.registry.requests) == [
            "GET /v2/_catalog?n=1000",
            "GET /v2/team/web/manifests/1",
            "GET /v2/team/web/manifests/2",
            "GET /v2/team/web/manifests/3",
            "GET /v2/team/web/manifests/latest",
            "GET /v2/team/web/tags/list?n=1000",
        ]
        assert answered == [304] * 4
        assert stepping.store.search_index.stale_count() == 0

    async def test_a_registry_that_knows_no_conditions_changes_nothing_either(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        await stepping.index()
        fail(
            stepping,
            "/manifests/",
            Response(A.body, media_type=A.media_type, headers={"Docker-Content-Digest": A.digest}),
        )
        stepping.registry.requests.clear()
        await stepping.crawl()
        assert len(stepping.registry.requests) == 3
        assert stepping.store.search_index.stale_count() == 0

    async def test_a_repeated_push_event_of_a_digest_costs_one_request(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        stepping.registry.requests.clear()
        stepping.deliver(pushed(WEB, A.digest), pushed(WEB, A.digest))
        await stepping.settle()
        assert stepping.registry.requests == [f"GET /v2/{WEB}/manifests/{A.digest}"]


class TestRepositoriesAndCatalog:
    async def test_a_repository_that_is_gone_is_found_out_tag_by_tag(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        stepping.registry.put("team/api", A, tag="1")
        await stepping.crawl()
        stepping.registry.delete_repository(WEB)
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.searchable() == stepping.truth()

    async def test_what_the_settings_leave_out_is_not_read_and_leaves_with_the_next_crawl(
        self, stepping: Stepping
    ) -> None:
        for repository in (WEB, "team/api"):
            stepping.registry.put(repository, A, tag="1")
        await stepping.crawl()
        stepping.excluded.add(WEB)
        stepping.registry.requests.clear()
        stepping.deliver(pushed(WEB, A.digest, tag="1"))
        await stepping.crawl()
        await stepping.index()
        assert not [request for request in stepping.registry.requests if WEB in str(request)]
        found = {repository for _, repository, _ in stepping.searchable()}
        assert found == {repository for _, repository, _ in stepping.visible()} == {"team/api"}
        stepping.excluded.clear()
        await stepping.crawl()
        await stepping.index()
        assert stepping.searchable() == stepping.visible() == stepping.truth()

    async def test_a_tag_that_the_listing_leaves_out_stays(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="1")
        stepping.registry.put(WEB, B, tag="2")
        await stepping.crawl()
        fail(stepping, "tags/list", JSONResponse({"name": WEB, "tags": ["2"]}))
        await stepping.crawl()
        assert stepping.visible() == stepping.truth()
        assert len(stepping.visible()) == 2

    async def test_many_tags_are_asked_for_in_several_writes(self, stepping: Stepping) -> None:
        names = [f"v{number}" for number in range(refresher.TARGETS_PER_WRITE + 1)]
        fail(stepping, "tags/list", JSONResponse({"name": WEB, "tags": names}))
        stepping.deliver(deleted(WEB))
        await stepping.enqueue_refreshes()
        [found] = await stepping.thread.read(
            lambda store: store.queue.due(1, stepping.clock.now(), limit=10)
        )
        before = stepping.store.transactions
        await stepping.worker._refresher.run(found)
        assert stepping.store.transactions - before == 2
        assert stepping.waiting() == len(names)

    async def test_an_event_about_a_repository_reads_all_its_tags(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="1")
        stepping.deliver(deleted(WEB))
        await stepping.settle()
        assert stepping.visible() == stepping.truth() != {}

    async def test_a_catalog_that_breaks_off_goes_on_where_it_was(self, stepping: Stepping) -> None:
        page = JSONResponse(
            {"repositories": ["team/a"]},
            headers={"Link": '</v2/_catalog?last=team%2Fa&n=1000>; rel="next"'},
        )
        stepping.registry.put("team/a", A, tag="1")
        await stepping.crawl()
        stepping.registry.put("team/b", A, tag="1")
        fail(stepping, r"_catalog\?n=", page)
        broken = fail(stepping, r"_catalog\?last=", Response(status_code=500))
        stepping.deliver(deleted("team/a"))
        await stepping.crawl(seconds=2)
        assert stepping.latest_crawl().resume == "last=team%2Fa&n=1000"
        stepping.registry.faults.remove(broken)
        stepping.registry.requests.clear()
        await stepping.settle()
        assert stepping.visible() == stepping.truth()
        assert not [line for line in stepping.registry.requests if "_catalog?n=" in line]
        crawl = stepping.latest_crawl()
        assert (crawl.repositories, crawl.complete) == (2, True)

    async def test_a_crawl_that_goes_on_does_not_ask_for_everything_again(
        self, stepping: Stepping
    ) -> None:
        """What the first page asked for is read by then, and known; it is not asked for twice."""
        first = JSONResponse(
            {"repositories": ["team/a"]},
            headers={"Link": '</v2/_catalog?last=team%2Fa&n=1000>; rel="next"'},
        )
        for name in ("team/a", "team/b"):
            stepping.registry.put(name, A, tag="1")
        fail(stepping, r"_catalog\?n=", first)
        broken = fail(stepping, r"_catalog\?last=", Response(status_code=500))
        await stepping.crawl(seconds=30)
        assert await seen(stepping, "team/a", "1") == A.digest
        stepping.registry.faults.remove(broken)
        stepping.registry.requests.clear()
        await stepping.settle()
        assert not [line for line in stepping.registry.requests if "team/a/" in line]
        assert stepping.visible() == stepping.truth()

    async def test_a_page_that_comes_twice_is_asked_for_once(self, stepping: Stepping) -> None:
        stepping.registry.put("team/a", A, tag="1")
        page = JSONResponse(
            {"repositories": ["team/a"]},
            headers={"Link": '</v2/_catalog?last=x&n=1000>; rel="next"'},
        )
        fail(stepping, r"_catalog\?n=", page)
        fail(stepping, r"_catalog\?last=x", oci_error(400, "PAGINATION_NUMBER_INVALID"), times=3)
        fail(stepping, r"_catalog\?last=x", JSONResponse({"repositories": []}))
        await stepping.crawl()
        assert stepping.latest_crawl().repositories == 1

    async def test_a_repository_that_only_events_told_of_is_crawled_too(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, A, tag="1")
        await stepping.crawl()
        fail(stepping, "_catalog", JSONResponse({"repositories": []}))
        stepping.registry.put(WEB, B, tag="1")
        await stepping.crawl()
        assert await seen(stepping, WEB, "1") == B.digest


async def test_the_children_of_one_refresh_have_a_size_together(stepping: Stepping) -> None:
    size = MANIFEST_MAX_BYTES - 200
    children = [
        build_manifest({"layers": [], "n": number, "a": "x" * size}, media_types.OCI_MANIFEST)
        for number in range(CONTENT_BYTES_MAX // size + 3)
    ]
    listed = [
        {"mediaType": one.media_type, "digest": one.digest, "size": len(one.body)}
        for one in children
    ]
    top = build_manifest({"manifests": listed}, media_types.OCI_INDEX)
    for child in children:
        hold(stepping, WEB, child)
    hold(stepping, WEB, top, tag="1")
    await stepping.crawl()
    there = [stepping.store.content.has_manifest(Digest(one.digest)) for one in children]
    assert CONTENT_BYTES_MAX // size <= there.count(True) < len(children)
    await stepping.crawl()
    assert all(stepping.store.content.has_manifest(Digest(one.digest)) for one in children)
