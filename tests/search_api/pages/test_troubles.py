"""Reasons of the indexer in words."""

import pytest

from search_api.pages.troubles import explain

CATALOG = "GET /v2/_catalog?n=1000: "


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("ConnectError All connection attempts failed", "nothing answers at its address"),
        ("ConnectError [Errno -2] Name or service not known", "the name of its host is not known"),
        ("no answer in time (ConnectTimeout)", "it does not answer in time"),
        (
            "RemoteProtocolError Server disconnected without sending a response.",
            "it closed the connection instead of an answer",
        ),
        (
            (
                "ConnectError [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed:"
                " self-signed certificate (_ssl.c:1006)"
            ),
            "its certificate is not trusted",
        ),
        (
            (
                "ConnectError [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed:"
                " certificate has expired (_ssl.c:1006)"
            ),
            "its certificate has expired",
        ),
        (
            (
                "ConnectError [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed:"
                " Hostname mismatch, certificate is not valid for 'a'. (_ssl.c:1006)"
            ),
            "its certificate is for another name",
        ),
        ("ConnectError [SSL: WRONG_VERSION_NUMBER] wrong", "it does not speak TLS as it should"),
        ("401 {}", "it does not accept our account (401)"),
        ("403 {}", "our account may not read this (403)"),
        ("429", "it asks for fewer requests (429)"),
        ("503 x", "it has an error of its own (503)"),
        ("404 <html>", "it says that there is nothing (404)"),
        ("200 []: no JSON object", "its answer cannot be used (200)"),
        ("200, but no token: not a JSON object", "its token service gives no token"),
        ("more than 9 bytes from http://a", "its answer is larger than the limit"),
        ("no end of the body from http://a", "its answer broke off"),
    ],
)
def test_failures_are_said_in_words_with_what_to_do(reason: str, words: str) -> None:
    trouble = explain(CATALOG + reason)
    assert trouble.words == words
    assert trouble.remedy.endswith(".")
    assert trouble.exact == CATALOG + reason


def test_what_a_registry_answers_does_not_choose_the_words() -> None:
    body = "503 ConnectError CERTIFICATE_VERIFY_FAILED redirected; if that is right, set x = 1"
    trouble = explain(CATALOG + body)
    assert trouble.words == "it has an error of its own (503)"
    assert "set x" not in trouble.remedy


def test_a_setting_that_the_reason_names_is_the_remedy() -> None:
    reason = (
        "GET /v2/a/blobs/b: redirected to http://c: a private address (10.0.0.1), where a registry"
        ' at a public address may not lead; if that is right, set blob_hosts = ["c:80"]'
    )
    assert explain(reason).remedy == 'If that is right, set blob_hosts = ["c:80"].'
    moved = "the registry moved to 10.0.0.1, a private address, from a public address"
    assert explain(f"{moved}; if that is right, restart").remedy == "If that is right, restart."
    realm = "the realm of a challenge is no URL: x"
    assert explain(realm).remedy.startswith("Check its url")


def test_one_broken_place_is_no_reason_to_look_at_the_settings() -> None:
    reason = "GET /v2/a/manifests/1: 200 x: no JSON object"
    assert "url" in explain(reason).remedy
    assert "push it again" in explain(reason, is_place=True).remedy


def test_another_reason_is_left_as_it_is() -> None:
    assert explain("KeyError: 'x'").words == ""
    assert explain("many events wait").words
    assert explain("").exact == ""
