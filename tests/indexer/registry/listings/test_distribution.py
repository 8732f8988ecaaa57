"""The catalog and tag lists: every way in which registries page, and break off."""

import asyncio
import gzip
import json
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from indexer.errors import (
    AbsentError,
    DeniedError,
    RegistryError,
    TooLargeError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.model.names import RepositoryName
from indexer.registry import CatalogPage, RegistryClient
from indexer.registry.bodies import PIECE_BYTES
from indexer.registry.listings.distribution import AT_ONCE, NO_QUERY
from indexer.registry.pagination import NAMES_MAX
from tests.fakes.clock import ManualClock
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, as_json, refusal

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parents[3] / "samples" / "registry"
WEB = RepositoryName("team/web")
CATALOG = "/v2/_catalog"
TAGS = "/v2/team/web/tags/list"


def link(target: str, rel: str = 'rel="next"') -> tuple[str, str]:
    return ("Link", f"<{target}>; {rel}")


def catalog(*names: object, next: str = "") -> Reply:  # noqa: A002
    return as_json({"repositories": names}, *([link(next)] if next else []))


def tags(*names: object, next: str = "") -> Reply:  # noqa: A002
    return as_json({"name": "team/web", "tags": names}, *([link(next)] if next else []))


async def all_names(client: RegistryClient, resume: str = "") -> list[str]:
    return [name async for page in client.repositories(resume=resume) for name in page.names]


async def all_tags(client: RegistryClient) -> list[str]:
    return [tag async for page in client.tags(WEB) for tag in page]


async def test_a_catalog_is_read_link_by_link() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog("a", "b", next="/v2/_catalog?last=b&n=1000"))
    registry.on(f"{CATALOG}?last=b&n=1000", catalog("c"))
    pages = [page async for page in registry.client().repositories()]
    assert pages == [
        CatalogPage((RepositoryName("a"), RepositoryName("b")), "last=b&n=1000", 0),
        CatalogPage((RepositoryName("c"),), "", 0),
    ]


async def test_a_catalog_goes_on_where_it_stopped() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?last=b&n=1000", catalog("c"))
    assert await all_names(registry.client(), "last=b&n=1000") == ["c"]


@pytest.mark.parametrize(
    ("header", "query"),
    [
        (link("/v2/_catalog?n=1000&last=b%2Fc"), "n=1000&last=b%2Fc"),
        (link("/v2/_catalog?n=1000&last=b/c"), "n=1000&last=b/c"),
        (link("https://elsewhere.test/v2/_catalog?n=1000&last=b"), "n=1000&last=b"),
        (link("//elsewhere.test/x?n=1000&last=b"), "n=1000&last=b"),
        (link("/repository/docker/_catalog?n=1000&last=b"), "n=1000&last=b"),
        (link("?next_page=gAAAA%3D%3D"), "next_page=gAAAA%3D%3D"),
        (link("/v2/_catalog?last=b#fragment"), "last=b"),
        (link("?last=b", "rel=next"), "last=b"),
        (link("?last=b", "REL=NEXT"), "last=b"),
        (link("?last=b", 'title="x"; rel="prefetch next"'), "last=b"),
        (("Link", '<?x=1>; rel="first", <?last=b>; rel="next"'), "last=b"),
    ],
)
async def test_only_the_query_of_a_link_is_used(header: tuple[str, str], query: str) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", as_json({"repositories": ["a"]}, header))
    registry.on(f"{CATALOG}?{query}", catalog("b"))
    assert await all_names(registry.client()) == ["a", "b"]
    assert registry.asked == [f"{CATALOG}?n=1000", f"{CATALOG}?{query}"]


@pytest.mark.parametrize(
    "header",
    [
        link("?last=b", 'rel="prev"'),
        link("?last=b", ""),
        ("Link", "?last=b; rel=next"),
        ("Link", ""),
    ],
)
async def test_no_other_link_is_followed(header: tuple[str, str]) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", as_json({"repositories": ["a"]}, header))
    assert await all_names(registry.client()) == ["a"]
    assert len(registry.seen) == 1


async def test_a_link_without_a_query_is_an_error() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog("a", next="/v2/_catalog"))
    with pytest.raises(UnusableAnswerError, match="without a query"):
        await all_names(registry.client())


async def test_two_links_in_two_headers_are_both_read() -> None:
    registry = ScriptedRegistry()
    headers = (link("?x", 'rel="first"'), link("?last=a"))
    registry.on(f"{CATALOG}?n=1000", as_json({"repositories": ["a"]}, *headers))
    registry.on(f"{CATALOG}?last=a", catalog("b"))
    assert await all_names(registry.client()) == ["a", "b"]


async def test_an_empty_page_with_a_link_is_not_the_end() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", as_json({"tags": None}, link("?last=1")))
    registry.on(f"{TAGS}?last=1", tags("2", next="?last=2"))
    registry.on(f"{TAGS}?last=2", as_json({"tags": None}))
    assert await all_tags(registry.client()) == ["2"]
    assert len(registry.seen) == 3


@pytest.mark.parametrize("value", [None, []])
async def test_a_repository_without_tags_has_one_empty_page(value: object) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", as_json({"name": "team/web", "tags": value}))
    assert [page async for page in registry.client().tags(WEB)] == [()]


async def test_a_repeated_link_is_an_error() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?last=1"))
    registry.on(f"{TAGS}?last=1", tags("2", next="?last=1"))
    with pytest.raises(UnusableAnswerError, match="same Link"):
        await all_tags(registry.client())


async def test_a_link_back_to_the_beginning_is_an_error() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?n=1000"))
    with pytest.raises(UnusableAnswerError, match="same Link"):
        await all_tags(registry.client())


async def test_two_pages_without_a_new_name_are_an_error() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?last=1"))
    registry.on(f"{TAGS}?last=1", tags("1", next="?last=2"))
    registry.on(f"{TAGS}?last=2", tags(next="?last=3"))
    registry.on(f"{TAGS}?last=3", tags("2"))
    with pytest.raises(UnusableAnswerError, match="without new names"):
        await all_tags(registry.client())
    registry.on(f"{TAGS}?last=2", tags("2", next="?last=3"))
    assert await all_tags(registry.client()) == ["1", "1", "2", "2"]


async def test_a_compressed_list_is_read() -> None:
    registry = ScriptedRegistry()
    body = gzip.compress(tags(*numbered(0, 20_000)).body, mtime=0)
    registry.on(f"{TAGS}?n=1000", Reply(200, body, (("Content-Encoding", "gzip"),)))
    assert await all_tags(registry.client()) == numbered(0, 20_000)
    bomb = gzip.compress(b'{"tags": [' + b'"",' * 10_000_000, mtime=0, compresslevel=1)
    registry.on(f"{TAGS}?n=1000", Reply(200, bomb, (("Content-Encoding", "gzip"),)))
    with pytest.raises(TooLargeError, match="names"):
        await all_tags(registry.client())


async def test_other_tasks_run_while_a_list_is_read() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags(*numbered(0, 100_000)))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    assert len(await all_tags(registry.client())) == 100_000
    other.cancel()
    assert turns > len(tags(*numbered(0, 100_000)).body) / PIECE_BYTES


@pytest.mark.parametrize("entry", [b"[],", b'"not a name",'])
async def test_entries_are_counted_whatever_they_are(entry: bytes) -> None:
    registry = ScriptedRegistry()
    body = b'{"name":"team/web","tags":[' + entry * NAMES_MAX + b"1]}"
    registry.on(f"{TAGS}?n=1000", Reply(200, body))
    with pytest.raises(TooLargeError, match=f"{TAGS}: more than {NAMES_MAX} names"):
        await all_tags(registry.client())


async def test_entries_are_counted_over_all_pages() -> None:
    registry = ScriptedRegistry()
    half = [f"v{number}" for number in range(NAMES_MAX // 2)]
    registry.on(f"{TAGS}?n=1000", tags(*half, next="?last=1"))
    registry.on(f"{TAGS}?last=1", tags(*half, "v", next="?last=2"))
    with pytest.raises(TooLargeError, match=f"more than {NAMES_MAX} names"):
        await all_tags(registry.client())


async def test_all_lists_that_are_read_have_a_limit_together() -> None:
    registry = ScriptedRegistry()
    most = [f"v{number}" for number in range(NAMES_MAX)]
    registry.on(f"{TAGS}?n=1000", tags(*most))
    registry.on("/v2/team/other/tags/list?n=1000", tags("1"))
    client = registry.client()
    reading = client.tags(WEB)
    assert len(await anext(reading)) == AT_ONCE
    other = client.tags(RepositoryName("team/other"))
    with pytest.raises(UnreachableError, match="read again later"):
        await anext(other)
    assert sum([len(page) async for page in reading]) == NAMES_MAX - AT_ONCE
    assert [page async for page in client.tags(RepositoryName("team/other"))] == [("1",)]


async def test_a_large_page_is_handed_on_in_parts_that_resume_at_it() -> None:
    registry = ScriptedRegistry()
    names = numbered(0, 2_500)
    registry.on(f"{CATALOG}?n=1000", refusal(400, "UNSUPPORTED"))
    registry.on(f"{CATALOG}?n=100", refusal(400, "UNSUPPORTED"))
    registry.on(CATALOG, catalog(*names, "No Name", next="?last=r"))
    registry.on(f"{CATALOG}?last=r", catalog(*numbered(2_500, 1_000)))
    client = registry.client()
    pages = [page async for page in client.repositories()]
    assert [(len(page.names), page.resume, page.skipped) for page in pages] == [
        (1_000, "n=1000", 0),
        (1_000, "n=1000", 0),
        (500, "last=r", 1),
        (1_000, "", 0),
    ]
    assert [name for page in pages for name in page.names] == numbered(0, 3_500)
    again = [page async for page in client.repositories()]
    assert [page.resume for page in again] == [NO_QUERY, NO_QUERY, "last=r", ""]


async def test_illegal_names_are_counted_said_and_never_asked_for() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog("good", "Bad", "../x", 7, None, "a" * 256, "\x1b[31m"))
    registry.on(f"{TAGS}?n=1000", tags("1.0", "no tag", ".x", {}))
    with capture_logs() as logs:
        pages = [page async for page in registry.client().repositories()]
        assert await all_tags(registry.client()) == ["1.0"]
    assert pages == [CatalogPage((RepositoryName("good"),), "", 6)]
    assert [(log["log_level"], log["listing"], log["count"]) for log in logs] == [
        ("warning", CATALOG, 6),
        ("warning", TAGS, 3),
    ]


@pytest.mark.parametrize(
    "refused",
    [
        refusal(400, "PAGINATION_NUMBER_INVALID"),
        refusal(400, "UNSUPPORTED"),
        Reply(502),
        Reply(504),
        httpx2.ReadTimeout("slow"),
    ],
)
async def test_a_smaller_page_is_tried_and_what_worked_is_remembered(
    refused: Reply | Exception,
) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", refused)
    registry.on(f"{CATALOG}?n=100", catalog("a"))
    client = registry.client()
    assert await all_names(client) == ["a"]
    registry.seen.clear()
    assert await all_names(client) == ["a"]
    assert registry.asked == [f"{CATALOG}?n=100"]

    registry.on(f"{CATALOG}?n=100", refused)
    registry.on(CATALOG, catalog("a", next="?last=a"))
    registry.on(f"{CATALOG}?last=a", catalog("b"))
    assert await all_names(client) == ["a", "b"]
    registry.seen.clear()
    assert await all_names(client) == ["a", "b"]
    assert registry.asked == [CATALOG, f"{CATALOG}?last=a"]


async def test_a_timeout_makes_the_page_smaller_at_once() -> None:
    registry = ScriptedRegistry()
    clock = ManualClock()
    registry.on(f"{CATALOG}?n=1000", httpx2.ReadTimeout("slow"))
    registry.on(f"{CATALOG}?n=100", httpx2.ReadTimeout("slow"))
    registry.on(CATALOG, httpx2.ReadTimeout("slow"))
    with pytest.raises(UnreachableError):
        await all_names(registry.client(clock))
    assert registry.asked == [f"{CATALOG}?n=1000", f"{CATALOG}?n=100", *[CATALOG] * 3]


async def test_a_later_page_gets_smaller_in_the_query_of_its_link() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?last=1&n=1000&x=y"))
    registry.on(f"{TAGS}?last=1&n=1000&x=y", Reply(504))
    registry.on(f"{TAGS}?last=1&n=100&x=y", tags("2", next="?last=2&n=100"))
    registry.on(f"{TAGS}?last=2&n=100", tags("3"))
    assert await all_tags(registry.client()) == ["1", "2", "3"]


async def test_a_refusal_that_is_not_about_the_page_size_changes_nothing() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", refusal(400, "NAME_INVALID"))
    with pytest.raises(UnusableAnswerError):
        await all_names(registry.client())
    assert len(registry.seen) == 1


async def test_the_catalog_and_the_tags_have_their_own_page_sizes() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", refusal(400, "PAGINATION_NUMBER_INVALID"))
    registry.on(f"{CATALOG}?n=100", catalog("a"))
    registry.on(f"{TAGS}?n=1000", tags("1"))
    client = registry.client()
    await all_names(client)
    assert await all_tags(client) == ["1"]


async def test_a_404_on_a_later_page_starts_the_listing_again() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?last=1"), tags("2"))
    registry.on(f"{TAGS}?last=1", refusal(404, "NAME_UNKNOWN"))
    assert await all_tags(registry.client()) == ["1", "2"]


async def test_a_listing_that_always_breaks_off_is_no_absence() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next="?last=1"))
    registry.on(f"{TAGS}?last=1", refusal(404, "NAME_UNKNOWN"))
    with pytest.raises(UnusableAnswerError, match="broke off") as caught:
        await all_tags(registry.client())
    assert caught.value.temporary
    assert len(registry.seen) == 8


async def test_a_place_in_the_catalog_that_is_gone_starts_it_again() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?last=gone", refusal(400, "UNKNOWN"))
    registry.on(f"{CATALOG}?n=1000", catalog("a"))
    assert await all_names(registry.client(), "last=gone") == ["a"]


async def test_an_unknown_repository_is_absent() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", refusal(404, "NAME_UNKNOWN"))
    with pytest.raises(AbsentError, match=TAGS):
        await all_tags(registry.client())


@pytest.mark.parametrize(
    ("reply", "expected", "temporary"),
    [
        (refusal(404, "NAME_UNKNOWN"), UnusableAnswerError, True),
        (Reply(404, b"404 page not found"), UnusableAnswerError, True),
        (refusal(405, "UNSUPPORTED"), UnusableAnswerError, False),
        (refusal(403, "DENIED"), DeniedError, False),
        (Reply(200, b"<html>Sign in</html>"), UnusableAnswerError, True),
        (Reply(200, b"[]"), UnusableAnswerError, True),
        (Reply(200, b""), UnusableAnswerError, True),
        (Reply(200, b'{"repositories": ["a"'), UnusableAnswerError, True),
        (
            Reply(200, b'{"repositories": ' + b"[" * 100 + b"]" * 100 + b"}"),
            UnusableAnswerError,
            True,
        ),
        (as_json({}), UnusableAnswerError, True),
        (as_json({"repositories": {"a": 1}}), UnusableAnswerError, True),
        (as_json({"errors": []}), UnusableAnswerError, True),
        (Reply(200, b"{}", (("Content-Length", "16777217"),)), TooLargeError, False),
    ],
)
async def test_what_is_no_catalog_is_an_error(
    reply: Reply, expected: type[RegistryError], temporary: bool
) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", reply)
    with pytest.raises(RegistryError) as caught:
        await all_names(registry.client())
    assert type(caught.value) is expected
    assert caught.value.temporary is temporary
    assert CATALOG in str(caught.value)


@pytest.mark.parametrize("query", ["last=" + "x" * 8_192, "last=\x85", "last=\xe2\x80\xae"])
async def test_a_link_that_makes_no_address_is_an_error(query: str) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{TAGS}?n=1000", tags("1", next=f"?{query}"))
    with pytest.raises(UnusableAnswerError, match="no address") as caught:
        await all_tags(registry.client())
    assert str(caught.value).isprintable()
    assert len(registry.seen) == 1


async def test_a_place_in_the_catalog_that_no_address_can_have_is_an_error() -> None:
    registry = ScriptedRegistry()
    with pytest.raises(UnusableAnswerError, match="no address"):
        await all_names(registry.client(), "last=" + "x" * 70_000)
    assert registry.seen == []


async def test_a_long_query_is_cut_in_messages() -> None:
    registry = ScriptedRegistry()
    query = "last=" + "x" * 8_000
    registry.on(f"{TAGS}?n=1000", tags("1", next=f"?{query}"))
    registry.on(f"{TAGS}?{query}", Reply(403))
    with pytest.raises(DeniedError) as caught:
        await all_tags(registry.client())
    assert len(str(caught.value)) < 600


def numbered(start: int, count: int) -> list[str]:
    return [f"r{number:05}" for number in range(start, start + count)]


async def test_a_registry_that_never_sends_links_is_read_on_by_name() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog(*numbered(0, 1000)))
    registry.on(f"{CATALOG}?n=1000&last=r00999", catalog(*numbered(1000, 5)))
    assert await all_names(registry.client()) == numbered(0, 1005)


@pytest.mark.parametrize(
    "after",
    [catalog(), catalog(*numbered(0, 1000)), refusal(404, "NAME_UNKNOWN"), refusal(400, "X")],
)
async def test_reading_on_by_name_ends_where_nothing_new_comes(after: Reply) -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog(*numbered(0, 1000)))
    registry.on(f"{CATALOG}?n=1000&last=r00999", after)
    pages = [page async for page in registry.client().repositories()]
    assert [len(page.names) for page in pages] == [1000, 0]
    assert [page.resume for page in pages] == ["n=1000&last=r00999", ""]


async def test_a_registry_that_sends_links_is_never_read_on_by_name() -> None:
    registry = ScriptedRegistry()
    registry.on(f"{CATALOG}?n=1000", catalog(*numbered(0, 1000), next="?last=r00999&n=1000"))
    registry.on(f"{CATALOG}?last=r00999&n=1000", catalog(*numbered(1000, 1000)))
    assert await all_names(registry.client()) == numbered(0, 2000)
    assert len(registry.seen) == 2


@pytest.mark.parametrize("release", ["2.8.3", "3.1.1"])
async def test_recorded_lists_are_read(release: str) -> None:
    cases = json.loads((SAMPLES / f"answers-{release}.json").read_text())["cases"]
    replies = {
        case["request"].removeprefix("GET "): as_json(
            case["json"], *[tuple(pair) for pair in case["headers"] if pair[0] == "Link"]
        )
        for case in cases
        if case["status"] == 200 and "json" in case
    }
    registry = ScriptedRegistry()
    for path, reply in replies.items():
        registry.on(path, reply)
    whole = json.loads(replies[CATALOG].body)["repositories"]
    assert await all_names(registry.client()) == whole
    by_threes = registry.client().repositories(resume="n=3")
    first = await anext(by_threes)
    assert list(first.names) == whole[:3]
    assert first.resume == "last=docs%2Fthing&n=3"
