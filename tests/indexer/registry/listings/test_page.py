"""A page is read the same however it is cut into pieces, and by both parsers of JSON."""

import json

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.model import TagName, parse_tag
from indexer.registry.bodies import PIECE_BYTES
from indexer.registry.listings.page import SILENCE_MAX, VALUES_MAX, PageReader

BACKENDS = ("yajl2_c", "python")


def read(body: bytes, *, backend: str = "yajl2_c", piece: int = PIECE_BYTES) -> PageReader[TagName]:
    page = PageReader("tags", parse_tag, backend=ijson.get_backend(backend))
    for start in range(0, len(body), piece):
        if not page.feed(body[start : start + piece]):
            return page
    page.close()
    return page


def test_the_fast_parser_is_the_one_that_is_used() -> None:
    assert ijson.backend_name == "yajl2_c"


entries = st.lists(
    st.sampled_from(
        ["1.0", "latest", "no tag", "", "\u00e9", 1, 1.5, None, True, [], {}, [["1.0"]]]
    )
    | st.dictionaries(st.sampled_from(["tags", "a"]), st.lists(st.just("1.0")))
)
others = st.dictionaries(st.text(max_size=5), st.recursive(st.text(), st.lists, max_leaves=5))


@pytest.mark.parametrize("backend", BACKENDS)
@given(before=others, listed=entries, after=others, piece=st.integers(1, 50))
def test_only_the_entries_of_the_list_are_taken(
    backend: str,
    before: dict[str, object],
    listed: list[object],
    after: dict[str, object],
    piece: int,
) -> None:
    for rest in (before, after):
        rest.pop("tags", None)
    body = json.dumps({**before, "tags": listed, **after}).encode()
    page = read(body, backend=backend, piece=piece)
    names = [one for one in listed if one in ("1.0", "latest")]
    assert (page.error, page.names, page.entries) == ("", names, len(listed))
    assert page.last == (listed[-1] if listed and isinstance(listed[-1], str) else "")
    assert bool(page.illegal) == (page.skipped > 0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"[]", "no JSON object"),
        (b'"tags"', "no JSON object"),
        (b"{}", "no list of tags"),
        (b'{"tags": {}}', "no list of tags"),
        (b'{"tags": "1.0"}', "no list of tags"),
        (b'{"a": {"tags": ["1.0"]}}', "no list of tags"),
        (b'{"tags": ["1.0"]', "not JSON"),
        (b'{"tags": ["1.0"]}x', "not JSON"),
        (b'{"tags": ["1.0",]}', "not JSON"),
        (b'{"tags": ["\xff"]}', "not JSON"),
        (b'{"tags": ["\x01"]}', "not JSON"),
        (b'{"tags": [1' + b"1" * 10_000 + b"]}", "not JSON"),
        (b'{"tags": ' + b"[" * 65 + b"]" * 65 + b"}", "nested deeper than 64"),
        (b'{"tags": ' + b"[" * 1_000_000, "nested deeper than 64"),
        (b'{"tags": ["' + b"x" * 1_000_000, f"more than {SILENCE_MAX} bytes"),
        (b" " * 1_000_000, f"more than {SILENCE_MAX} bytes"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_what_is_no_page_is_said_and_no_more_is_read(body: bytes, error: str, backend: str) -> None:
    page = read(body, backend=backend)
    assert error in page.error
    assert len(page.error) < 200
    assert page.error.isprintable()
    assert not page.feed(b"{}")


def test_the_values_of_a_page_have_a_limit() -> None:
    # The parser in Python counts in the same way, ten times as slowly.
    page = read(b'{"a": {' + b'"":0,' * (VALUES_MAX // 2), backend="yajl2_c")
    assert f"more than {VALUES_MAX}" in page.error


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", [b"\\ud800", b"\\ude00", b"\\ud83d\\ude00"])
def test_halves_of_surrogate_pairs_are_no_names(backend: str, text: bytes) -> None:
    page = read(b'{"tags": ["' + text + b'"]}', backend=backend)
    assert page.error or (page.names, page.skipped) == ([], 1)


def test_null_is_an_empty_list_and_a_byte_order_mark_is_ignored() -> None:
    for body in (b'{"tags": null}', b'\xef\xbb\xbf{"tags": []}'):
        page = read(body)
        assert (page.error, page.names) == ("", [])
