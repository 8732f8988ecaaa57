"""Attachments of an image are facts of it while they are attached, by every way to find them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from indexer.model import media_types
from indexer.model.document import DocumentType
from indexer.model.names import Digest
from indexer.retention import LOOK_SECONDS
from tests.attachments import (
    attested,
    cosign_attestation,
    cosign_signature,
    list_tag,
    manifest,
    referrers,
    sbom,
    signature,
)
from tests.builders import PROVENANCE_PREDICATE, BuiltManifest, artifact, image, index
from tests.fakes.content import Repository
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping, deleted, pushed

pytestmark = pytest.mark.anyio

WEB, API = "team/web", "team/api"
A, B = image(seed="a"), image(seed="b")
ARM = image(seed="a", architecture="arm64")
SIGNATURE, SBOM = signature(A), sbom(A)
DAY = 86_400.0


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    """A registry without lists of referrers, with one image that is searchable."""
    async with Stepping(tmp_path) as opened:
        opened.registry.put(WEB, A, tag="1")
        await quiet(opened)
        yield opened


async def quiet(stepping: Stepping) -> None:
    """Crawl undisturbed and check that store, search and a rebuild agree."""
    await stepping.crawl()
    await stepping.index()
    assert stepping.waiting() == 0
    before = stepping.documents()
    await stepping.rebuild()
    assert stepping.documents() == before


async def told(stepping: Stepping, *events: Any) -> None:
    """Deliver events and make their effects searchable."""
    stepping.deliver(*events)
    await stepping.settle()
    await stepping.index()


def attach(stepping: Stepping, repository: str, *attached: BuiltManifest, to: BuiltManifest) -> Any:
    """Attach as oras does without an API: push each, then the list of them all under its tag.

    Returns the events of that.
    """
    listed = referrers(attached)
    stepping.registry.put(repository, listed, tag=list_tag(to))
    events = [pushed(repository, one.digest) for one in attached]
    return [*events, pushed(repository, listed.digest, tag=list_tag(to))]


def facts(stepping: Stepping, *, kind: DocumentType = DocumentType.IMAGE) -> dict[str, set[str]]:
    """Return the facts that each image, or repository, is found by."""
    found: dict[str, set[str]] = {}
    for text in ("is:signed", "has:sbom", "has:sbom:spdx", "has:provenance", "has:attestation"):
        for result in stepping.results(text, kind):
            key = result["digest"] if kind is DocumentType.IMAGE else result["repository"]
            found.setdefault(f"{result['repository']}@{NAMES.get(key, key)}", set()).add(text)
    return found


def shown(stepping: Stepping, repository: str, built: BuiltManifest) -> list[tuple[str, ...]]:
    """Return kind, format and digests of the attachments in an answer."""
    [result] = [
        one
        for one in stepping.results(f"repo:{repository} digest:{built.digest}")
        if one["digest"] == built.digest
    ]
    return [
        (one["kind"], one["format"], one["digest"], one["subject"]) for one in result["attachments"]
    ]


NAMES = {built.digest: name for name, built in (("A", A), ("B", B), ("ARM", ARM))}
SIGNED = {f"{WEB}@A": {"is:signed"}}


class TestAttaching:
    async def test_what_oras_attaches_is_a_fact_of_its_subject(self, stepping: Stepping) -> None:
        await told(stepping, *attach(stepping, WEB, SIGNATURE, SBOM, to=A))
        assert facts(stepping) == {f"{WEB}@A": {"is:signed", "has:sbom", "has:sbom:spdx"}}
        assert facts(stepping, kind=DocumentType.REPOSITORY) == {
            f"{WEB}@{WEB}": {"is:signed", "has:sbom", "has:sbom:spdx"}
        }
        assert sorted(shown(stepping, WEB, A)) == [
            ("sbom", "spdx", SBOM.digest, A.digest),
            ("signature", "notation", SIGNATURE.digest, A.digest),
        ]
        await quiet(stepping)

    async def test_a_crawl_finds_it_without_any_event(self, stepping: Stepping) -> None:
        attach(stepping, WEB, SIGNATURE, to=A)
        await quiet(stepping)
        assert facts(stepping) == SIGNED

    async def test_a_subject_is_enough_though_no_list_names_it(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, SIGNATURE)
        await told(stepping, pushed(WEB, SIGNATURE.digest))
        assert facts(stepping) == SIGNED
        await quiet(stepping)
        assert facts(stepping) == SIGNED

    async def test_a_list_is_enough_though_nothing_names_the_subject(
        self, stepping: Stepping
    ) -> None:
        attach(stepping, WEB, cosign_signature(), to=A)
        await quiet(stepping)
        assert facts(stepping) == SIGNED

    async def test_a_list_does_not_move_what_names_another_subject(
        self, stepping: Stepping
    ) -> None:
        attach(stepping, WEB, signature(B), to=A)
        await quiet(stepping)
        assert facts(stepping) == {}

    @pytest.mark.parametrize(
        ("suffix", "built", "expected"),
        [
            (".sig", cosign_signature(), {"is:signed"}),
            (".att", cosign_attestation(), {"has:attestation"}),
            (
                ".att",
                cosign_attestation(PROVENANCE_PREDICATE),
                {"has:attestation", "has:provenance"},
            ),
            (".sbom", manifest([("text/spdx", {})]), {"has:sbom", "has:sbom:spdx"}),
        ],
    )
    async def test_cosign_s_tags(
        self, stepping: Stepping, suffix: str, built: BuiltManifest, expected: set[str]
    ) -> None:
        tag = f"{list_tag(A)}{suffix}"
        stepping.registry.put(WEB, built, tag=tag)
        await told(stepping, pushed(WEB, built.digest, tag=tag))
        assert facts(stepping) == {f"{WEB}@A": expected}
        await quiet(stepping)
        stepping.registry.delete_tag(WEB, tag)
        await told(stepping, deleted(WEB, tag=tag))
        assert facts(stepping) == {}
        await quiet(stepping)
        assert stepping.results("is:untagged") == []

    async def test_it_counts_in_the_repository_it_is_in(self, stepping: Stepping) -> None:
        stepping.registry.put(API, A, tag="1")
        attach(stepping, API, SIGNATURE, to=A)
        await quiet(stepping)
        assert facts(stepping) == {f"{API}@A": {"is:signed"}}
        await told(stepping, *attach(stepping, WEB, SIGNATURE, to=A))
        assert facts(stepping) == {f"{API}@A": {"is:signed"}, f"{WEB}@A": {"is:signed"}}

    async def test_the_subject_may_come_after_it(self, stepping: Stepping) -> None:
        await told(stepping, *attach(stepping, WEB, signature(B), to=B))
        stepping.registry.put(WEB, cosign_attestation(), tag=f"{list_tag(B)}.att")
        await told(stepping, pushed(WEB, cosign_attestation().digest, tag=f"{list_tag(B)}.att"))
        assert facts(stepping) == {}
        stepping.registry.put(WEB, B, tag="2")
        await told(stepping, pushed(WEB, B.digest, tag="2"))
        assert facts(stepping) == {f"{WEB}@B": {"is:signed", "has:attestation"}}

    async def test_a_signature_of_an_sbom_signs_the_sbom_alone(self, stepping: Stepping) -> None:
        signed_sbom = signature(SBOM)
        attach(stepping, WEB, SBOM, to=A)
        await quiet(stepping)
        await told(stepping, *attach(stepping, WEB, signed_sbom, to=SBOM))
        assert "is:signed" not in facts(stepping)[f"{WEB}@A"]
        assert ("signature", "notation", signed_sbom.digest, SBOM.digest) in shown(stepping, WEB, A)
        attach(stepping, WEB, signature(signed_sbom), to=signed_sbom)
        await quiet(stepping)
        assert len(shown(stepping, WEB, A)) == 2, "no deeper"

    async def test_facts_of_its_platforms_are_facts_of_an_index(self, stepping: Stepping) -> None:
        multi = index([A, ARM])
        stepping.registry.put(WEB, multi, tag="multi")
        attach(stepping, WEB, signature(ARM), to=ARM)
        await quiet(stepping)
        assert facts(stepping) == {f"{WEB}@{multi.digest}": {"is:signed"}}
        assert {one["digest"] for one in stepping.results("is:multiarch")} == {multi.digest}

    @pytest.mark.parametrize("build", [attested, lambda a: index([a], attestations=True)])
    async def test_what_buildkit_puts_into_an_index(
        self, stepping: Stepping, build: Callable[[BuiltManifest], BuiltManifest]
    ) -> None:
        """It is about a platform, which has it under a tag of its own too."""
        multi = build(A)
        stepping.registry.put(WEB, multi, tag="multi")
        expected = {"has:sbom", "has:sbom:spdx", "has:provenance", "has:attestation"}
        await told(stepping, pushed(WEB, multi.digest, tag="multi"))
        assert facts(stepping) == {f"{WEB}@{multi.digest}": expected, f"{WEB}@A": expected}
        await quiet(stepping)
        stepping.registry.delete_tag(WEB, "multi")
        await told(stepping, deleted(WEB, tag="multi"))
        # In its newer form it has a subject, and is about that wherever it is.
        assert facts(stepping) == ({f"{WEB}@A": expected} if build is attested else {})

    async def test_what_has_a_tag_is_a_result_and_says_what_it_is(self, stepping: Stepping) -> None:
        """Somebody named it; what only tags of tools name is found by its subject."""
        stepping.registry.put(WEB, SBOM, tag="1-sbom")
        await quiet(stepping)
        assert [one["tags"] for one in stepping.results("is:attachment")] == [["1-sbom"]]
        assert [one["tags"] for one in stepping.results("-is:attachment")] == [["1"]]
        assert facts(stepping) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}

    async def test_an_image_is_found_by_the_digest_of_its_signature(
        self, stepping: Stepping
    ) -> None:
        attach(stepping, WEB, SIGNATURE, to=A)
        await quiet(stepping)
        assert [one["digest"] for one in stepping.results(f"digest:{SIGNATURE.digest}")] == [
            A.digest
        ]

    async def test_many_are_cut_in_answers(self, stepping: Stepping) -> None:
        attach(stepping, WEB, *(signature(A, seed=str(n)) for n in range(60)), to=A)
        await quiet(stepping)
        assert len(shown(stepping, WEB, A)) == 50

    async def test_a_tag_that_looks_like_a_list_and_is_an_image_is_none(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, SIGNATURE)
        stepping.registry.put(WEB, B, tag=list_tag(A))
        await told(stepping, pushed(WEB, SIGNATURE.digest))
        await quiet(stepping)
        assert facts(stepping) == SIGNED


class TestDetaching:
    @pytest.fixture
    async def signed(self, stepping: Stepping) -> Stepping:
        await told(stepping, *attach(stepping, WEB, SIGNATURE, SBOM, to=A))
        await quiet(stepping)
        assert "is:signed" in facts(stepping)[f"{WEB}@A"]
        return stepping

    async def test_an_event_tells_that_it_is_deleted(self, signed: Stepping) -> None:
        signed.registry.delete_digest(WEB, SIGNATURE.digest)
        await told(signed, deleted(WEB, digest=SIGNATURE.digest))
        assert facts(signed) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}
        await quiet(signed)
        assert facts(signed) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}

    async def test_a_crawl_finds_that_it_is_gone(self, signed: Stepping) -> None:
        signed.registry.delete_digest(WEB, SIGNATURE.digest)
        await quiet(signed)
        assert facts(signed) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}

    async def test_the_list_names_it_no_more(self, signed: Stepping) -> None:
        await told(signed, *attach(signed, WEB, SBOM, to=A))
        assert facts(signed) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}
        await quiet(signed)
        await told(signed, *attach(signed, WEB, SBOM, SIGNATURE, to=A))
        assert "is:signed" in facts(signed)[f"{WEB}@A"], "and again"

    async def test_a_failing_registry_detaches_nothing(self, signed: Stepping) -> None:
        for answer in (Response(status_code=500), PlainTextResponse("not here", 404)):
            fault = Fault(f"manifests/{SIGNATURE.digest}", answer)
            signed.registry.faults.append(fault)
            await signed.crawl()
            await signed.index()
            assert "is:signed" in facts(signed)[f"{WEB}@A"]
            signed.registry.faults.clear()

    async def test_it_comes_back_with_what_it_is_attached_to(self, signed: Stepping) -> None:
        expected = facts(signed)
        signed.registry.delete_tag(WEB, "1")
        await told(signed, deleted(WEB, tag="1"))
        assert facts(signed) == {}
        signed.registry.put(WEB, A, tag="2")
        await told(signed, pushed(WEB, A.digest, tag="2"))
        assert facts(signed) == expected

    async def test_retention_keeps_it_as_long_as_its_subject(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            stepping.registry.put(WEB, SIGNATURE)
            await stepping.crawl()
            await told(stepping, pushed(WEB, SIGNATURE.digest))
            for _ in range(3):
                stepping.clock.advance(30 * DAY)
                stepping.forget()
                await stepping.index()
                assert facts(stepping) == SIGNED
            stepping.registry.delete_repository(WEB)
            await quiet(stepping)
            for _ in range(3):
                stepping.clock.advance(30 * DAY)
                stepping.forget()
                await stepping.index()
            rows = stepping.store._database.execute("SELECT * FROM subjects").fetchall()
            assert rows == []

    async def test_a_crawl_that_is_held_back_detaches_nothing(self, tmp_path: Path) -> None:
        """A disk that is not mounted says of everything that it is not there."""
        async with Stepping(tmp_path) as stepping:
            for number in range(10):
                stepping.registry.put(f"r/{number}", A, tag="1")
                stepping.registry.put(f"r/{number}", SIGNATURE)
                stepping.deliver(pushed(f"r/{number}", SIGNATURE.digest))
            await quiet(stepping)
            before = facts(stepping)
            assert len(before) == 10
            content = stepping.registry.content
            disk = dict(content.repositories)
            content.repositories.clear()
            await stepping.crawl()
            await stepping.index()
            assert stepping.freshness().quarantined == 10
            assert facts(stepping) == before
            content.repositories.update(disk)
            await quiet(stepping)
            assert facts(stepping) == before

    async def test_what_was_gone_for_a_while_comes_back_though_nothing_tells(
        self, stepping: Stepping
    ) -> None:
        """No list names it and no event comes again."""
        stepping.registry.put(WEB, SIGNATURE)
        await told(stepping, pushed(WEB, SIGNATURE.digest))
        kept = stepping.registry.content.repositories[WEB].manifests.pop(SIGNATURE.digest)
        await quiet(stepping)
        assert facts(stepping) == {}
        stepping.registry.content.repositories[WEB].manifests[SIGNATURE.digest] = kept
        await quiet(stepping)
        assert facts(stepping) == SIGNED


def requests(stepping: Stepping, part: str) -> int:
    return sum(part in line for line in stepping.registry.requests)


class TestTheApi:
    async def test_a_registry_without_it_is_asked_once_a_day(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            for number in range(40):
                stepping.registry.put(f"r/{number % 5}", image(seed=str(number)), tag=str(number))
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == 1
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == 1
            stepping.clock.advance(DAY)
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == 2

    async def test_a_list_is_read_for_each_digest_that_has_a_tag(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.referrers = 2
            multi = index([A, ARM])
            for tag in ("1", "2", "3"):
                stepping.registry.put(WEB, multi, tag=tag)
                stepping.registry.put(WEB, B, tag=f"b{tag}")
            await quiet(stepping)
            assert 2 <= requests(stepping, "/referrers/") <= 3
            stepping.registry.requests.clear()
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == 2

    async def test_a_crawl_finds_what_no_tag_leads_to(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.referrers = 1
            for built in (A, SIGNATURE, SBOM, signature(SBOM)):
                stepping.registry.put(WEB, built, tag="1" if built is A else "")
            await quiet(stepping)
            assert facts(stepping) == {f"{WEB}@A": {"is:signed", "has:sbom", "has:sbom:spdx"}}
            assert len(shown(stepping, WEB, A)) == 3
            stepping.registry.requests.clear()
            await quiet(stepping)
            assert requests(stepping, f"manifests/{SIGNATURE.digest}") == 0, "its list has it"
            stepping.registry.delete_digest(WEB, SIGNATURE.digest)
            await quiet(stepping)
            assert facts(stepping) == {f"{WEB}@A": {"has:sbom", "has:sbom:spdx"}}

    async def test_a_list_under_a_tag_has_no_say_beside_it(self, tmp_path: Path) -> None:
        """It was copied along once, and nobody keeps it."""
        async with Stepping(tmp_path) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            attach(stepping, WEB, SBOM, to=A)
            stepping.registry.put(WEB, SIGNATURE)
            await told(stepping, pushed(WEB, SIGNATURE.digest))
            await quiet(stepping)
            assert "is:signed" not in facts(stepping)[f"{WEB}@A"]
            stepping.registry.referrers = 10
            stepping.clock.advance(DAY)
            await quiet(stepping)
            assert "is:signed" in facts(stepping)[f"{WEB}@A"]

    @pytest.mark.parametrize(
        "answer",
        [
            RedirectResponse("http://elsewhere.test/page", 303),
            RedirectResponse("/v2/other", 302),
            PlainTextResponse("404 page not found", 404),
            JSONResponse({"errors": [{"code": "UNSUPPORTED", "message": "no"}]}, 405),
            JSONResponse({"errors": [{"code": "NAME_UNKNOWN", "message": "no"}]}, 404),
            Response(status_code=400),
            Response(status_code=406),
            Response(status_code=403),
            Response("<html>", media_type="text/html"),
            JSONResponse({"manifests": []}),
        ],
    )
    async def test_it_is_not_there(self, tmp_path: Path, answer: Response) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.faults.append(Fault("/referrers/", answer))
            stepping.registry.put(WEB, A, tag="1")
            stepping.registry.put(WEB, B, tag="2")
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == 1
            assert requests(stepping, "other") == 0
            assert stepping.freshness().error is None
            assert stepping.latest_crawl().complete

    @pytest.mark.parametrize(
        "answer", [Response(status_code=500), Response("[", media_type=media_types.OCI_INDEX)]
    )
    async def test_one_that_fails_holds_up_nothing(self, tmp_path: Path, answer: Response) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.faults.append(Fault("/referrers/", answer))
            stepping.registry.put(WEB, A, tag="1")
            await quiet(stepping)
            assert stepping.visible() == stepping.truth()
            assert stepping.latest_crawl().complete
            asked = requests(stepping, "/referrers/")
            await quiet(stepping)
            assert requests(stepping, "/referrers/") == asked, "not before tomorrow"

    async def test_one_that_breaks_off_removes_nothing(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.referrers = 1
            for built in (A, SIGNATURE, SBOM):
                stepping.registry.put(WEB, built, tag="1" if built is A else "")
            await quiet(stepping)
            before = facts(stepping)
            stepping.registry.faults.append(Fault(r"/referrers/.*after", Response(status_code=404)))
            await stepping.crawl()
            await stepping.index()
            assert facts(stepping) == before

    async def test_a_repository_it_does_not_know_is_no_reason_to_give_it_up(
        self, tmp_path: Path
    ) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.referrers = 1
            stepping.registry.put(WEB, A, tag="1")
            await quiet(stepping)
            unknown = JSONResponse({"errors": [{"code": "NAME_UNKNOWN", "message": "no"}]}, 404)
            stepping.registry.faults.append(Fault("/referrers/", unknown, times=1))
            await quiet(stepping)
            stepping.registry.put(WEB, SIGNATURE)
            await quiet(stepping)
            assert facts(stepping) == SIGNED

    async def test_a_list_may_be_long_and_name_what_is_not_there(self, tmp_path: Path) -> None:
        async with Stepping(tmp_path) as stepping:
            stepping.registry.put(WEB, A, tag="1")
            entry = {"mediaType": media_types.OCI_MANIFEST, "size": 2}
            listed = [entry | {"digest": f"sha256:{n:064x}"} for n in range(3)]
            body = {"schemaVersion": 2, "manifests": listed}
            answer = JSONResponse(body, media_type=media_types.OCI_INDEX)
            answer.headers["Link"] = '<?again>; rel="next"'
            stepping.registry.faults.append(Fault(f"/referrers/{A.digest}", answer))
            await quiet(stepping)
            assert requests(stepping, f"/referrers/{A.digest}") == 100
            assert stepping.latest_crawl().complete


class TestUntagged:
    async def test_who_it_was_and_since_when(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, A, tag="latest")
        stepping.clock.advance(60)
        await told(stepping, pushed(WEB, A.digest, tag="latest", at=stepping.clock.now()))
        assert stepping.results("is:untagged") == []
        before = stepping.results("", DocumentType.REPOSITORY)
        stepping.clock.advance(60)
        for tag in ("1", "latest"):
            stepping.registry.put(WEB, B, tag=tag)
            await told(stepping, pushed(WEB, B.digest, tag=tag, at=stepping.clock.now()))
        [found] = stepping.results("is:untagged")
        assert (found["digest"], found["tags"]) == (A.digest, [])
        assert found["last_tags"] == ["latest", "1"]
        assert found["untagged_since"].startswith("2026-03-01T12:02:0")
        assert found["reference"] == f"default.test/{WEB}@{A.digest}"
        assert [one["digest"] for one in stepping.results("")] == [B.digest]
        after = stepping.results("", DocumentType.REPOSITORY)
        assert [one["tag_count"] for one in after] == [one["tag_count"] for one in before]
        assert stepping.results(f"digest:{A.digest}", DocumentType.REPOSITORY) == []
        assert len(stepping.results("is:untagged tag:latest arch:amd64")) == 1
        assert stepping.results("is:untagged tag:2") == []
        await quiet(stepping)
        assert len(stepping.results("is:untagged")) == 1

    async def test_it_is_an_image_again_with_its_tag(self, stepping: Stepping) -> None:
        for built in (B, A):
            stepping.registry.put(WEB, built, tag="1")
            await told(stepping, pushed(WEB, built.digest, tag="1"))
        assert [one["digest"] for one in stepping.results("is:untagged")] == [B.digest]
        assert [one["digest"] for one in stepping.results("")] == [A.digest]
        stepping.registry.put(WEB, B, tag="2")
        await told(stepping, pushed(WEB, B.digest, tag="2"))
        assert stepping.results("is:untagged") == []

    @pytest.mark.parametrize("is_told", [True, False])
    async def test_a_registry_that_deletes_it_has_none(
        self, stepping: Stepping, *, is_told: bool
    ) -> None:
        stepping.registry.put(WEB, B, tag="1")
        await told(stepping, pushed(WEB, B.digest, tag="1"))
        assert len(stepping.results("is:untagged")) == 1
        stepping.registry.delete_digest(WEB, A.digest)
        await (told(stepping, deleted(WEB, digest=A.digest)) if is_told else quiet(stepping))
        assert stepping.results("is:untagged") == []

    async def test_one_that_goes_with_its_last_tag_is_not_taken_for_untagged(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.content.repositories[WEB] = Repository(had_manifest=True)
        await told(stepping, deleted(WEB, tag="1"))
        assert stepping.results("is:untagged") == []
        stepping.registry.put(WEB, A, tag="1")
        await quiet(stepping)
        stepping.registry.delete_repository(WEB)
        await quiet(stepping)
        assert stepping.results("is:untagged") == stepping.results("") == []

    async def test_one_in_a_repository_without_any_tag(self, stepping: Stepping) -> None:
        stepping.registry.delete_tag(WEB, "1")
        await quiet(stepping)
        [found] = stepping.results("is:untagged")
        assert found["last_tags"] == ["1"]
        assert stepping.results("", DocumentType.REPOSITORY) == []
        await quiet(stepping)
        assert len(stepping.results("is:untagged")) == 1
        stepping.registry.delete_repository(WEB)
        await quiet(stepping)
        assert stepping.results("is:untagged") == []

    async def test_what_is_attached_to_it_later_is_a_fact_of_it(self, stepping: Stepping) -> None:
        """A signature may be found after its subject lost its tag; both ways a rebuild agrees."""
        stepping.registry.put(WEB, B, tag="1")
        await told(stepping, pushed(WEB, B.digest, tag="1"))
        tag, signed = f"{list_tag(A)}.sig", cosign_signature()
        stepping.registry.put(WEB, signed, tag=tag)
        await told(stepping, pushed(WEB, signed.digest, tag=tag))
        [found] = stepping.results("is:untagged is:signed")
        assert (found["digest"], len(found["attachments"])) == (A.digest, 1)
        await quiet(stepping)
        stepping.registry.delete_tag(WEB, tag)
        await told(stepping, deleted(WEB, tag=tag))
        assert stepping.results("is:untagged is:signed") == []
        await quiet(stepping)

    async def test_children_and_attachments_are_none(self, stepping: Stepping) -> None:
        multi = index([A, ARM], attestations=True)
        stepping.registry.put(WEB, multi, tag="multi")
        await told(stepping, *attach(stepping, WEB, SIGNATURE, to=A))
        await told(stepping, pushed(WEB, multi.digest, tag="multi"))
        for tag in ("1", "multi"):
            stepping.registry.delete_tag(WEB, tag)
            await told(stepping, deleted(WEB, tag=tag))
        assert [one["digest"] for one in stepping.results("is:untagged")] == [multi.digest]
        await quiet(stepping)
        stepping.clock.advance(LOOK_SECONDS)
        stepping.forget()
        await quiet(stepping)
        assert [one["digest"] for one in stepping.results("is:untagged")] == [multi.digest]
        # Its platforms are there on their own without it, and what was attached to them is not.
        stepping.registry.delete_digest(WEB, multi.digest)
        await told(stepping, deleted(WEB, digest=multi.digest))
        found = {one["digest"] for one in stepping.results("is:untagged")}
        assert found == {A.digest, ARM.digest}
        stepping.registry.put(WEB, multi, tag="multi")
        await told(stepping, pushed(WEB, multi.digest, tag="multi"))
        assert stepping.results("is:untagged") == []

    async def test_what_never_had_a_tag_is_noticed_in_time(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, B)
        await told(stepping, pushed(WEB, B.digest))
        assert stepping.results("is:untagged") == [], "it may be the child of what comes next"
        stepping.clock.advance(LOOK_SECONDS)
        stepping.forget()
        await stepping.index()
        [found] = stepping.results("is:untagged")
        assert (found["digest"], found["last_tags"]) == (B.digest, [])

    async def test_it_goes_when_it_is_forgotten(self, stepping: Stepping) -> None:
        stepping.registry.put(WEB, B, tag="1")
        await told(stepping, pushed(WEB, B.digest, tag="1"))
        stepping.forget()
        stepping.clock.advance(8 * DAY)
        stepping.forget()
        await stepping.index()
        assert stepping.results("is:untagged") == []
        assert not stepping.store.content.has_manifest(Digest(A.digest))
        await stepping.rebuild()
        assert stepping.results("is:untagged") == []

    async def test_one_of_a_repository_that_is_left_out_is_left_out(
        self, stepping: Stepping
    ) -> None:
        stepping.registry.put(WEB, B, tag="1")
        await told(stepping, pushed(WEB, B.digest, tag="1"))
        stepping.excluded.add(WEB)
        await quiet(stepping)
        assert stepping.results("is:untagged") == []
        stepping.excluded.clear()
        await quiet(stepping)
        assert [one["digest"] for one in stepping.results("is:untagged")] == [A.digest]

    async def test_a_crawl_asks_for_so_many_those_longest_unasked_first(
        self, stepping: Stepping
    ) -> None:
        stepping.confirmed_max = 2
        await stepping.reopen()
        for number in range(5):
            built = image(seed=str(number))
            stepping.registry.put(WEB, built, tag="1")
            await told(stepping, pushed(WEB, built.digest, tag="1"))
        assert len(stepping.results("is:untagged")) == 5
        asked: list[str] = []
        for _ in range(3):
            stepping.registry.requests.clear()
            stepping.clock.advance(60)
            await quiet(stepping)
            found = [one for one in stepping.registry.requests if "/manifests/sha256" in one]
            assert len(found) <= 2
            asked += found
        assert len(set(asked)) == 5

    async def test_a_deprecated_chart_is_found_as_such(self, stepping: Stepping) -> None:
        old = artifact(
            "application/vnd.example.v1",
            annotations={"io.artifacthub.package.deprecated": "true"},
        )
        stepping.registry.put(WEB, old, tag="old")
        await quiet(stepping)
        assert [one["tags"] for one in stepping.results("is:deprecated")] == [["old"]]
