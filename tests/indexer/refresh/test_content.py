"""Refreshes that run side by side read each manifest and each config once."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from indexer.model.names import Digest
from tests.builders import BuiltManifest, image, index
from tests.fakes import answers
from tests.fakes.registry import Fault
from tests.indexer.stepping import Stepping

pytestmark = pytest.mark.anyio

A, B, C = (image(seed=seed) for seed in "abc")
MULTI = index([A, B])
WEB, API = "team/web", "team/api"


@pytest.fixture
async def stepping(tmp_path: Path) -> AsyncIterator[Stepping]:
    async with Stepping(tmp_path, max_in_flight=8) as opened:
        yield opened


def reads(stepping: Stepping) -> Counter[str]:
    """Count what asked for a body, by path; a GET with a condition may ask for none."""
    gets = [line for line in stepping.registry.requests if line.startswith("GET ")]
    return Counter(line for line in gets if "s/sha256:" in line and "referrers" not in line)


def gets_of_tags(stepping: Stepping, *tags: str) -> list[str]:
    return [tag for tag in tags if f"GET /v2/{WEB}/manifests/{tag}" in stepping.registry.requests]


def put(stepping: Stepping, built: BuiltManifest, *tags: str, repository: str = WEB) -> None:
    for tag in tags:
        stepping.registry.put(repository, built, tag=tag)


async def test_aliases_of_an_index_read_children_and_configs_once(stepping: Stepping) -> None:
    put(stepping, MULTI, "1.27.3", "1.27", "1", "latest", "stable")
    await stepping.crawl()
    await stepping.index()
    assert stepping.searchable() == stepping.truth()
    wanted = [f"manifests/{one.digest}" for one in MULTI.children]
    wanted += [f"blobs/{one.blobs[0].digest}" for one in MULTI.children]
    assert reads(stepping) == Counter(f"GET /v2/{WEB}/{path}" for path in wanted)
    assert gets_of_tags(stepping, "1.27.3", "1.27", "1", "latest", "stable") == ["1.27.3"]


async def test_equal_tags_without_a_sign_of_it_are_told_by_the_first(stepping: Stepping) -> None:
    """All but the first are asked for with its digest as a condition, or with HEAD."""
    put(stepping, MULTI, *(f"build-{number}" for number in range(40)))
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()
    assert max(reads(stepping).values()) == 1


async def test_distinct_tags_are_read_with_one_request_each(stepping: Stepping) -> None:
    for number in range(12):
        put(stepping, image(seed=f"own {number}"), f"1.{number}.0")
    await stepping.crawl()
    assert not [line for line in stepping.registry.requests if line.startswith("HEAD")]
    assert stepping.visible() == stepping.truth()


async def test_head_costs_a_repository_of_distinct_tags_only_a_few_requests(
    stepping: Stepping,
) -> None:
    for number in range(40):
        put(stepping, image(seed=f"own {number}"), "".join(chr(97 + int(d)) for d in str(number)))
    await stepping.crawl()
    heads = [line for line in stepping.registry.requests if line.startswith("HEAD")]
    # Those that run side by side were asked before the last of them was in vain.
    assert len(heads) < 8 + 2 * 8
    assert stepping.visible() == stepping.truth()


async def test_a_config_that_two_repositories_share_is_read_once(stepping: Stepping) -> None:
    put(stepping, A, "1.0.0")
    put(stepping, A, "1.0.0", repository=API)
    await stepping.crawl()
    blobs = [line for line in stepping.registry.requests if A.blobs[0].digest in line]
    assert len(blobs) == 1


async def test_a_repository_without_the_config_takes_nothing_from_another(
    stepping: Stepping,
) -> None:
    put(stepping, A, "1.0.0")
    put(stepping, A, "1.0.0", repository=API)
    unknown = answers.refused(404, "BLOB_UNKNOWN", "blob unknown")
    fault = Fault(f"{API}/blobs/{A.blobs[0].digest}", answers.error_answer(unknown))
    stepping.registry.faults.append(fault)
    await stepping.crawl()
    await stepping.crawl()
    for repository in (WEB, API):
        found = stepping.store.content.manifest(
            stepping.repository_id(repository), Digest(A.digest)
        )
        assert found is not None
        assert found.config is not None


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_a_registry_whose_head_tells_nothing_is_read_with_get(
    stepping: Stepping, status: int
) -> None:
    put(stepping, A, "1.0", "1.0.0", "latest")
    put(stepping, B, "2.0", "stable")
    stepping.registry.faults.append(Fault("^HEAD", Response(status_code=status)))
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()
    assert stepping.freshness().error is None


async def test_a_digest_that_head_tells_and_the_registry_does_not_have_is_not_believed(
    stepping: Stepping,
) -> None:
    put(stepping, A, "1.0.0", "latest")
    wrong = Response(headers={"Docker-Content-Digest": C.digest})
    stepping.registry.faults.append(Fault("^HEAD", wrong))
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()


async def test_a_first_read_that_fails_does_not_stop_the_other_tags(stepping: Stepping) -> None:
    put(stepping, MULTI, "1.0.0", "1.0.1", "latest")
    put(stepping, C, "2.0.0")
    stepping.registry.faults.append(
        Fault("GET .*/manifests/1.0.0", Response(status_code=503), times=3)
    )
    await stepping.crawl()
    assert stepping.visible() == stepping.truth()
    assert max(reads(stepping).values()) == 1


def ignore_conditions(stepping: Stepping, **headers: str) -> None:
    """Let the registry answer a request on a condition as one without."""

    async def answer(request: Request) -> Response:
        kept = [one for one in request.scope["headers"] if one[0] != b"if-none-match"]
        plain = Request({**request.scope, "headers": kept}, request.receive)
        found: Response = await stepping.registry._router.answer(plain)
        found.headers.update(headers)
        return found

    stepping.registry.faults.append(Fault("/manifests/", answer))


async def test_a_registry_that_ignores_conditions_is_asked_with_head(stepping: Stepping) -> None:
    """Its bodies are not read again, and it does not count what it would call pulls."""
    tags = [f"build-{number}" for number in range(20)]
    for tag in tags:
        put(stepping, image(seed=tag), tag)
    ignore_conditions(stepping)
    await stepping.crawl()
    stepping.registry.requests.clear()
    await stepping.crawl()
    bodies = len(gets_of_tags(stepping, *tags))
    assert bodies <= stepping.max_in_flight, "no more than were asked for before the first answer"
    stepping.registry.requests.clear()
    put(stepping, A, tags[0])
    await stepping.crawl()
    assert gets_of_tags(stepping, *tags) == [tags[0]]
    assert stepping.visible() == stepping.truth()
    heads = [line for line in stepping.registry.requests if line.startswith("HEAD ")]
    assert len(heads) == len(tags)


async def test_head_is_given_up_where_it_tells_no_digest(stepping: Stepping) -> None:
    tags = [f"build-{number}" for number in range(40)]
    for tag in tags:
        put(stepping, image(seed=tag), tag)
    ignore_conditions(stepping, **{"Docker-Content-Digest": ""})
    for _ in range(3):
        await stepping.crawl()
    stepping.registry.requests.clear()
    await stepping.crawl()
    assert len(gets_of_tags(stepping, *tags)) == len(tags)
    assert not [line for line in stepping.registry.requests if line.startswith("HEAD ")]
    assert stepping.visible() == stepping.truth()
