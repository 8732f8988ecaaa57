"""Manifests and blobs: the requests, and that only content with its digest is accepted."""

import gzip
import hashlib
import zlib

import httpx2
import pytest

from indexer.errors import (
    AbsentError,
    DeniedError,
    InvalidValueError,
    RegistryError,
    TooLargeError,
    UnreachableError,
    UnusableAnswerError,
)
from indexer.model import media_types
from indexer.model.manifest import Descriptor
from indexer.model.names import Digest, RepositoryName, TagName, digest_of
from indexer.registry import BLOB_MAX_BYTES, USER_AGENT, Credentials
from indexer.registry.bodies import PIECE_BYTES
from tests.indexer.registry.scripted import Reply, ScriptedRegistry, refusal

pytestmark = pytest.mark.anyio

WEB = RepositoryName("team/web")
BODY = b'{"schemaVersion": 2, "layers": []}'
SHA256 = Digest(f"sha256:{hashlib.sha256(BODY).hexdigest()}")
SHA512 = Digest(f"sha512:{hashlib.sha512(BODY).hexdigest()}")
OTHER = Digest("sha256:" + "0" * 64)
BLAKE = Digest("blake3:" + "0" * 64)
BY_TAG = "/v2/team/web/manifests/1.0"
MIB = 1024 * 1024


def manifest(
    body: bytes = BODY, *, digest: str = "", content_type: str = media_types.OCI_MANIFEST
) -> Reply:
    headers = [("Content-Type", content_type)]
    if digest:
        headers.append(("Docker-Content-Digest", digest))
    return Reply(200, body, tuple(headers))


async def test_a_manifest_is_asked_for_with_every_type_and_without_compression() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, manifest(digest=SHA256))
    client = registry.client()
    found = await client.manifest(WEB, "1.0")
    assert found is not None
    assert (found.digest, found.content_type, found.body) == (
        SHA256,
        media_types.OCI_MANIFEST,
        BODY,
    )
    headers = registry.seen[0].headers
    assert headers["accept"] == media_types.ACCEPT_MANIFESTS
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == USER_AGENT
    assert "authorization" not in headers
    assert "if-none-match" not in headers
    assert client.requests == 1


async def test_an_unchanged_manifest_is_asked_for_with_one_strong_tag() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, Reply(304))
    assert await registry.client().manifest(WEB, "1.0", known=SHA256) is None
    assert registry.seen[0].headers["if-none-match"] == f'"{SHA256}"'


async def test_a_registry_without_conditions_sends_what_is_known_and_nothing_changed() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, manifest(digest=SHA256))
    assert await registry.client().manifest(WEB, "1.0", known=SHA256) is None
    moved = await registry.client().manifest(WEB, "1.0", known=OTHER)
    assert moved is not None
    assert moved.digest == SHA256


async def test_a_digest_is_never_asked_for_with_a_condition() -> None:
    """Distribution says 304 to a digest whether it has it or not, and so hid every deletion."""
    registry = ScriptedRegistry()
    registry.on(f"/v2/team/web/manifests/{SHA256}", manifest(digest=SHA256))
    assert await registry.client().manifest(WEB, SHA256, known=SHA256) is None
    assert "if-none-match" not in registry.seen[0].headers


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (manifest(b"", digest=SHA256), SHA256),
        (manifest(b""), None),
        (manifest(b"", digest="no digest"), None),
        (Reply(404), None),
        (Reply(405), None),
        (refusal(403, "DENIED"), None),
    ],
)
async def test_head_tells_the_digest_of_a_tag_or_nothing(
    reply: Reply, expected: Digest | None
) -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, reply)
    assert await registry.client().digest(WEB, TagName("1.0")) == expected
    assert registry.seen[0].headers["accept"] == media_types.ACCEPT_MANIFESTS


async def test_head_without_an_answer_is_named_in_the_error() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, httpx2.ReadTimeout("slow"))
    with pytest.raises(UnreachableError, match=f"^HEAD {BY_TAG}: no answer"):
        await registry.client().digest(WEB, TagName("1.0"))


async def test_not_modified_without_a_condition_is_no_answer() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, Reply(304))
    with pytest.raises(UnusableAnswerError):
        await registry.client().manifest(WEB, "1.0")


@pytest.mark.parametrize(
    ("reference", "reply", "expected"),
    [
        ("1.0", manifest(), SHA256),
        ("1.0", manifest(digest=SHA256), SHA256),
        ("1.0", manifest(digest=SHA512), SHA512),
        ("1.0", manifest(digest=BLAKE), SHA256),
        ("1.0", manifest(digest="garbage"), SHA256),
        ("1.0", manifest(b"\xef\xbb\xbf\n" + BODY), None),
        (
            "1.0",
            manifest(b"not JSON", digest="sha256:" + hashlib.sha256(b"not JSON").hexdigest()),
            None,
        ),
        (SHA256, manifest(), SHA256),
        (SHA256, manifest(digest=OTHER), SHA256),
        (SHA512, manifest(digest=SHA256), SHA512),
        (BLAKE, manifest(), BLAKE),
    ],
)
async def test_the_digest_is_the_one_that_was_computed(
    reference: str, reply: Reply, expected: Digest | None
) -> None:
    registry = ScriptedRegistry()
    registry.on(f"/v2/team/web/manifests/{reference}", reply)
    found = await registry.client().manifest(WEB, reference)
    assert found is not None
    assert found.digest == (expected or "sha256:" + hashlib.sha256(reply.body).hexdigest())


@pytest.mark.parametrize(
    ("reference", "bad"),
    [
        ("1.0", manifest(digest=OTHER)),
        (SHA256, manifest(b"{}")),
        (SHA512, manifest(b"{}", digest=SHA512)),
    ],
)
async def test_content_without_its_digest_is_asked_for_once_more(
    reference: str, bad: Reply
) -> None:
    registry = ScriptedRegistry()
    path = f"/v2/team/web/manifests/{reference}"
    registry.on(path, bad, manifest(digest=SHA256))
    found = await registry.client().manifest(WEB, reference)
    assert found is not None
    assert found.body == BODY
    assert len(registry.seen) == 2

    registry.on(path, bad)
    with pytest.raises(UnusableAnswerError, match="digest") as caught:
        await registry.client().manifest(WEB, reference)
    assert caught.value.temporary
    assert len(registry.seen) == 4


async def test_a_signed_manifest_has_the_digest_that_the_registry_says() -> None:
    registry = ScriptedRegistry()
    signed = media_types.SCHEMA1_SIGNED
    registry.on(BY_TAG, manifest(digest=OTHER, content_type=f"{signed}; charset=utf-8"))
    found = await registry.client().manifest(WEB, "1.0")
    assert found is not None
    assert found.digest == OTHER

    by_digest = f"/v2/team/web/manifests/{OTHER}"
    for said in ("", OTHER):
        registry.on(by_digest, manifest(digest=said, content_type=signed))
        found = await registry.client().manifest(WEB, OTHER)
        assert found is not None
        assert found.digest == OTHER

    registry.on(by_digest, manifest(digest=SHA256, content_type=signed))
    with pytest.raises(UnusableAnswerError):
        await registry.client().manifest(WEB, OTHER)
    registry.on(BY_TAG, manifest(content_type=signed))
    with pytest.raises(UnusableAnswerError, match="signed"):
        await registry.client().manifest(WEB, "1.0")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<!DOCTYPE html><html>Sign in</html>", (("Content-Type", "text/html"),)),
        Reply(200, b"\n<HTML>", ()),
        Reply(200, b"{}", (("Content-Type", "text/html; charset=utf-8"),)),
        Reply(200, b"OK", ()),
        Reply(200, b"{}", (("Content-Type", "application/json"),)),
        Reply(200, b"", ()),
        Reply(200, b' { "errors": [{"code": "MANIFEST_UNKNOWN"}]}', ()),
        Reply(204, b"", ()),
        Reply(206, BODY, ()),
    ],
)
async def test_a_page_that_is_no_manifest_is_not_taken_for_one(reply: Reply) -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, reply)
    with pytest.raises(UnusableAnswerError) as caught:
        await registry.client().manifest(WEB, "1.0")
    assert caught.value.temporary


async def test_absence_and_what_cannot_be_read_are_told_apart() -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"))
    with pytest.raises(AbsentError, match="manifest unknown"):
        await registry.client().manifest(WEB, "1.0")
    unreadable = "OCI manifest found, but accept header does not support OCI manifests"
    registry.on(BY_TAG, refusal(404, "MANIFEST_UNKNOWN", unreadable))
    with pytest.raises(UnusableAnswerError, match="exists") as caught:
        await registry.client().manifest(WEB, "1.0")
    assert not caught.value.temporary


@pytest.mark.parametrize(
    "reference", ["", "../x", "a/b", "1.0?x", "sha256:abc", "sha256:" + "g" * 64]
)
async def test_what_is_no_reference_is_never_asked_for(reference: str) -> None:
    registry = ScriptedRegistry()
    with pytest.raises(InvalidValueError):
        await registry.client().manifest(WEB, reference)
    assert registry.seen == []


async def test_a_manifest_at_the_limit_is_read_and_one_over_it_is_not() -> None:
    registry = ScriptedRegistry()
    at_limit = b"{" + b" " * (4 * MIB - 2) + b"}"
    registry.on(BY_TAG, manifest(at_limit), manifest(at_limit + b" "))
    found = await registry.client().manifest(WEB, "1.0")
    assert found is not None
    assert len(found.body) == 4 * MIB
    with pytest.raises(TooLargeError, match="4194304"):
        await registry.client().manifest(WEB, "1.0")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("X-GZip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
)
async def test_a_compressed_body_is_decoded_before_it_is_hashed(encoding: str, body: bytes) -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, Reply(200, body, (("Content-Encoding", encoding),)))
    found = await registry.client().manifest(WEB, "1.0")
    assert found is not None
    assert (found.digest, found.body) == (SHA256, BODY)


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("gzip", gzip.compress(b"{" + b" " * (4 * MIB), mtime=0), TooLargeError),
        ("gzip", gzip.compress(BODY, mtime=0)[:-4], UnusableAnswerError),
        ("gzip", BODY, UnusableAnswerError),
        ("br", BODY, UnusableAnswerError),
    ],
)
async def test_a_compressed_body_is_held_to_the_same_limits(
    encoding: str, body: bytes, expected: type[RegistryError]
) -> None:
    registry = ScriptedRegistry()
    registry.on(BY_TAG, Reply(200, body, (("Content-Encoding", encoding),)))
    with pytest.raises(expected):
        await registry.client().manifest(WEB, "1.0")


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 4 * MIB])
async def test_a_compressed_body_of_any_size_is_decoded_whole(size: int) -> None:
    registry = ScriptedRegistry()
    body = b"x" * size
    headers = (("Content-Encoding", "gzip"),)
    address = f"/v2/team/web/blobs/{digest_of(body)}"
    registry.on(address, Reply(200, gzip.compress(body, mtime=0), headers))
    assert await registry.client().blob(WEB, descriptor(digest_of(body), size)) == body


def descriptor(digest: Digest = SHA256, size: int = len(BODY)) -> Descriptor:
    return Descriptor(media_types.OCI_CONFIG, digest, size)


BLOB = f"/v2/team/web/blobs/{SHA256}"


async def test_a_blob_is_read_and_verified() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, Reply(200, b"{}"), Reply(200, BODY))
    assert await registry.client().blob(WEB, descriptor()) == BODY
    assert len(registry.seen) == 2
    registry.on(BLOB, Reply(200, b"{}"))
    with pytest.raises(UnusableAnswerError, match="digest"):
        await registry.client().blob(WEB, descriptor())


async def test_a_blob_over_the_limit_is_not_asked_for() -> None:
    registry = ScriptedRegistry()
    with pytest.raises(TooLargeError, match="4194305"):
        await registry.client().blob(WEB, descriptor(size=4 * MIB + 1))
    with pytest.raises(TooLargeError):
        await registry.client().blob(WEB, descriptor(), limit=10)
    assert registry.seen == []


async def test_a_blob_that_is_larger_than_it_says_is_not_read() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, Reply(200, BODY))
    with pytest.raises(TooLargeError):
        await registry.client().blob(WEB, descriptor(size=5), limit=10)


async def test_a_blob_that_the_registry_does_not_know_is_absent() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, refusal(404, "BLOB_UNKNOWN"))
    with pytest.raises(AbsentError):
        await registry.client().blob(WEB, descriptor())


def to(location: str, status: int = 307) -> Reply:
    return Reply(status, b"", (("Location", location),))


def ask_for_basic() -> Reply:
    return Reply(401, b"", (("WWW-Authenticate", "Basic realm=x"),))


async def test_a_blob_is_followed_to_another_host_without_credentials() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, ask_for_basic(), to("/v2/inside"))
    registry.on("/v2/inside", to("https://cdn.test/1?signature=abc"))
    registry.on("https://cdn.test/1?signature=abc", to("https://cdn.test/2", 302))
    registry.on("https://cdn.test/2", to("/3", 301))
    registry.on("https://cdn.test/3", to("https://cdn.test/4", 308))
    registry.on("https://cdn.test/4", Reply(200, BODY))
    client = registry.client(credentials=Credentials("alice", "secret"))
    assert await client.blob(WEB, descriptor()) == BODY
    sent = [bool(seen.authorization) for seen in registry.seen]
    assert sent == [False, True, True, False, False, False, False]
    assert client.requests == 7


async def test_credentials_stay_away_after_the_way_led_through_another_host() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, ask_for_basic(), to("http://cdn.test/1"))
    registry.on("http://cdn.test/1", to("http://registry.test/v2/back"))
    registry.on("/v2/back", refusal(404, "BLOB_UNKNOWN"))
    client = registry.client(credentials=Credentials("alice", "secret"))
    with pytest.raises(UnusableAnswerError):
        await client.blob(WEB, descriptor())
    assert registry.seen[-1].authorization == ""


async def test_another_host_is_not_told_who_asks_and_cannot_say_what_is_absent() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, to("http://cdn.test/1"))
    client = registry.client(credentials=Credentials("alice", "secret"))
    registry.on("http://cdn.test/1", ask_for_basic())
    with pytest.raises(RegistryError, match="401"):
        await client.blob(WEB, descriptor())
    registry.on("http://cdn.test/1", refusal(404, "BLOB_UNKNOWN"))
    with pytest.raises(UnusableAnswerError) as caught:
        await client.blob(WEB, descriptor())
    assert caught.value.temporary
    assert not any(seen.authorization for seen in registry.seen)


async def test_a_blob_is_not_followed_for_ever() -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, to("http://cdn.test/1?signature=abc"))
    registry.on("http://cdn.test/1?signature=abc", to("http://cdn.test/1?signature=abc"))
    with pytest.raises(UnusableAnswerError) as caught:
        await registry.client().blob(WEB, descriptor())
    assert len(registry.seen) == 6
    assert not caught.value.temporary
    assert "signature" not in str(caught.value)


async def test_a_blob_is_never_followed_from_https_to_http() -> None:
    registry = ScriptedRegistry()
    registry.on(f"https://safe.test{BLOB}", to("http://cdn.test/1"))
    registry.on("http://cdn.test/1", Reply(200, BODY))
    with pytest.raises(UnusableAnswerError, match="https"):
        await registry.client(url="https://safe.test").blob(WEB, descriptor())
    assert len(registry.seen) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (Reply(403, b"inner"), DeniedError, "403 from http://cdn.test"),
        (Reply(404, b'{"errors": [{"code": "inner"}]}'), UnusableAnswerError, "404 from"),
        (Reply(200, b"inner"), UnusableAnswerError, "200 from http://cdn.test"),
        (
            Reply(200, b"x", (("Content-Encoding", "inner"),)),
            UnusableAnswerError,
            "a body in an unknown form from http://cdn.test",
        ),
        (
            Reply(200, b"", (("Content-Length", "7" * 20),)),
            TooLargeError,
            f"more than {BLOB_MAX_BYTES} bytes from http://cdn.test",
        ),
        (httpx2.RemoteProtocolError("inner"), UnreachableError, "ProtocolError from http://cdn"),
        (httpx2.ReadTimeout("inner"), UnreachableError, "ReadTimeout) from http://cdn.test"),
        (to("http://inner.test/"), UnusableAnswerError, "404 from http://cdn.test"),
        (to("inner"), UnusableAnswerError, "404 from http://cdn.test"),
        (to("inner:x"), UnusableAnswerError, "307 to no usable address"),
    ],
)
async def test_what_another_host_said_is_in_no_message(
    answer: Reply | Exception, expected: type[RegistryError], said: str
) -> None:
    registry = ScriptedRegistry()
    registry.on(BLOB, to("http://cdn.test/1"))
    registry.on("http://cdn.test/1", answer)
    with pytest.raises(RegistryError) as caught:
        await registry.client().blob(WEB, descriptor())
    assert type(caught.value) is expected
    assert said in str(caught.value)
    assert "inner" not in str(caught.value)
    assert "777" not in str(caught.value)


async def test_what_cannot_be_verified_is_not_taken_from_another_host() -> None:
    unknown = Descriptor(media_types.OCI_CONFIG, BLAKE, 2)
    path = f"/v2/team/web/blobs/{BLAKE}"
    registry = ScriptedRegistry()
    registry.on(path, Reply(200, b"{}"))
    assert await registry.client().blob(WEB, unknown) == b"{}"
    registry.on(path, to("http://cdn.test/1"))
    registry.on("http://cdn.test/1", Reply(200, b"{}"))
    with pytest.raises(UnusableAnswerError, match="cannot be verified"):
        await registry.client().blob(WEB, unknown)
