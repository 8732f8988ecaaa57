"""Names, tags and digests as people and attackers write them."""

import pytest

from indexer.errors import InvalidValueError
from indexer.model.names import (
    Digest,
    can_verify,
    digest_of,
    is_system_tag,
    parse_digest,
    parse_repository_name,
    parse_tag,
)

HEX = "0123456789abcdef" * 4
REPOSITORIES = ["a", "team/web", "a/b/c/d/e", "a.b_c__d---e/0", "a" * 255]
NOT_REPOSITORIES = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "A",
    "a:b",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a._b",
    "../etc/passwd",
    "a/../b",
    "é",
    "a b",
    "a\n",
    "a\x00",
    "a" * 256,
    "a-" * 100_000,
]
TAGS = ["latest", "_", "1.0.0-rc.1", "V1", "a" * 128]
NOT_TAGS = ["", ".a", "-a", "a" * 129, "a/b", "a:b", "a b", "ü", "a\n", "a+b"]
DIGESTS = [
    f"sha256:{HEX}",
    f"sha512:{HEX}{HEX}",
    "blake3:abc",
    "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564=",
]
NOT_DIGESTS = [
    "",
    ":",
    "sha256",
    "sha256:",
    f"sha256:{HEX[:-1]}",
    f"sha256:{HEX}0",
    f"sha256:{HEX.upper()}",
    f"sha512:{HEX}",
    f"SHA256:{HEX}",
    f"sha256:{HEX}\n",
    "blake3:a/b",
    "blake3:" + "a" * 600,
    "a+:b",
]


@pytest.mark.parametrize("text", REPOSITORIES)
def test_a_repository_name(text: str) -> None:
    assert parse_repository_name(text) == text


@pytest.mark.parametrize("text", NOT_REPOSITORIES)
def test_not_a_repository_name(text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        parse_repository_name(text)
    assert len(str(refused.value)) < 1_400


@pytest.mark.parametrize("text", TAGS)
def test_a_tag(text: str) -> None:
    assert parse_tag(text) == text


@pytest.mark.parametrize("text", NOT_TAGS)
def test_not_a_tag(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_tag(text)


@pytest.mark.parametrize("text", DIGESTS)
def test_a_digest(text: str) -> None:
    assert parse_digest(text) == text


@pytest.mark.parametrize("text", NOT_DIGESTS)
def test_not_a_digest(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_digest(text)


def test_digest_of_known_content() -> None:
    empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest_of(b"{}") == f"sha256:{empty}"
    assert parse_digest(digest_of(b"{}", algorithm="sha512")).startswith("sha512:27c74670")


def test_a_digest_of_an_unknown_algorithm_is_kept_but_not_computed() -> None:
    assert can_verify(digest_of(b""))
    assert not can_verify(Digest("blake3:abc"))
    with pytest.raises(InvalidValueError):
        digest_of(b"", algorithm="md5")


@pytest.mark.parametrize(
    ("tag", "is_system"),
    [
        (f"sha256-{HEX}", True),
        (f"sha512-{HEX}", True),
        (f"sha256-{HEX}.sig", True),
        (f"sha256-{HEX}.att", True),
        (f"sha256-{HEX}.sbom", True),
        ("artifacthub.io", True),
        (f"sha256-{HEX}.other", False),
        (f"sha512-{HEX}.sig", False),
        (f"sha256-{HEX[:-1]}", False),
        (f"v-sha256-{HEX}", False),
        ("artifacthubxio", False),
        ("latest", False),
    ],
)
def test_is_system_tag(tag: str, is_system: bool) -> None:
    assert is_system_tag(tag) == is_system
