"""References: one grammar for typed and pasted ones, and for those of builders."""

import pytest

from indexer.errors import InvalidValueError
from indexer.model import Reference, digest_range, match_reference, parse_reference

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("web", Reference(path="web")),
        ("team/web", Reference(path="team/web")),
        ("/team/web/", Reference(path="team/web")),
        ("web:1.4", Reference(path="web", tag="1.4")),
        ("web:V1", Reference(path="web", tag="V1")),
        (f"web@{DIGEST}", Reference(path="web", digest=DIGEST)),
        ("web@sha256:0123ab", Reference(path="web", digest="sha256:0123ab")),
        (f"web:1.4@{DIGEST}", Reference(path="web", tag="1.4", digest=DIGEST)),
        ("host:5000/team/web:1.4", Reference("host:5000", "team/web", "1.4")),
        ("r.example/web", Reference("r.example", "web")),
        ("localhost/web", Reference("localhost", "web")),
        ("[::1]:5000/web", Reference("[::1]:5000", "web")),
        # The name of a registry, or a part of the repository's.
        ("registry/web", Reference(path="registry/web")),
        ("web:5000", Reference(path="web", tag="5000")),
        (DIGEST, Reference(digest=DIGEST)),
        (HEX, Reference(digest=HEX)),
        ("sha256:0123", Reference(digest="sha256:0123")),
        (f"sha512:{HEX}{HEX}", Reference(digest=f"sha512:{HEX}{HEX}")),
        ("0123456789ab", Reference(path="0123456789ab")),
    ],
)
def test_a_reference_has_a_host_a_path_a_tag_and_a_digest(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(f" {text}\n") == reference


def test_the_name_is_the_host_and_the_path() -> None:
    assert parse_reference("host:5000/team/web:1").name == "host:5000/team/web"
    assert parse_reference("team/web:1").name == "team/web"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "a name is like team/web"),
        ("@", "a name is like team/web"),
        ("team//web", "a name is like team/web"),
        ("team/web-", "a name is like team/web"),
        ("my web", "a name is like team/web"),
        ("web:", "a tag is like web:1.4"),
        ("web:a b", "a tag is like web:1.4"),
        ("host:5000/web:", "a tag is like web:1.4"),
        (f"web:{'1' * 129}", "a tag is like web:1.4"),
        ("web@", "a digest is like web@sha256:0123ab"),
        ("web@sha256:01", "six hexadecimal digits or more"),
        ("web:1@latest", "a digest is like web@sha256:0123ab"),
    ],
)
def test_an_error_says_what_to_type_instead(text: str, advice: str) -> None:
    assert match_reference(text) is None
    with pytest.raises(InvalidValueError, match="not a reference") as caught:
        parse_reference(text)
    assert advice in str(caught.value)


def test_a_long_text_is_named_by_its_beginning() -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_reference("%" * 10_000)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        (DIGEST, DIGEST, DIGEST),
        (HEX.upper(), DIGEST, DIGEST),
        (HEX[:12], f"sha256:{HEX[:12]:0<64}", f"sha256:{HEX[:12]:f<64}"),
    ],
)
def test_twelve_digits_or_more_are_the_beginning_of_a_digest(
    text: str, lowest: str, highest: str
) -> None:
    assert digest_range(text) == (lowest, highest)


@pytest.mark.parametrize("text", ["", HEX[:11], f"{HEX}0", f"sha512:{HEX}", "latest-12345"])
def test_other_texts_begin_no_digest(text: str) -> None:
    assert digest_range(text) is None
