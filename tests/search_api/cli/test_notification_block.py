"""The block to paste into a registry's configuration: valid, complete, and usable."""

import json
import re
import socket
from pathlib import Path

import pytest

from indexer.settings import NodeSettings, RegistrySettings
from search_api.cli.notification_block import notification_block
from tests.indexer.stepping import make_settings
from tests.search_api.filling import settings_for


def block(listen: str = "127.0.0.1:8080", *, secret: str = "s3cret", registry: str = "main") -> str:
    settings = settings_for(Path("data"), listen=listen)
    return notification_block(settings, registry, secret=secret)


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/webhooks/main"),
        ("search.example:80", "http://search.example:80/webhooks/main"),
        ("0.0.0.0:9000", f"http://{socket.gethostname()}:9000/webhooks/main"),
        ("[::]:9000", f"http://{socket.gethostname()}:9000/webhooks/main"),
        ("[::1]:9000", "http://[::1]:9000/webhooks/main"),
        ("[fd00::5]:9000", "http://[fd00::5]:9000/webhooks/main"),
    ],
)
def test_the_address_is_one_that_the_registry_can_use(listen: str, url: str) -> None:
    assert f"      url: {url}\n" in block(listen)


def test_the_address_is_the_one_of_the_users_where_it_is_set() -> None:
    settings = settings_for(Path("data")).model_copy(
        update={"public_url": "https://example.org/regsearch"}
    )
    made = notification_block(settings, "main", secret="s3cret")
    assert "      url: https://example.org/regsearch/webhooks/main\n" in made


def test_the_address_is_the_one_of_the_node_if_there_are_several() -> None:
    """Users ask search nodes, at ``public_url``: these receive nothing."""
    node = NodeSettings(name="a", url="http://indexer-a:8080", registries=("main",))
    settings = settings_for(Path("data")).model_copy(
        update={"public_url": "https://example.org", "node": (node,), "node_name": "a"}
    )
    made = notification_block(settings, "main", secret="s3cret")
    assert "      url: http://indexer-a:8080/webhooks/main\n" in made


def test_it_is_what_the_registrys_documentation_asks_for() -> None:
    assert block() == (
        "notifications:\n"
        "  endpoints:\n"
        "    - name: regsearch\n"
        "      url: http://127.0.0.1:8080/webhooks/main\n"
        "      headers:\n"
        '        Authorization: ["Bearer s3cret"]\n'
        "      timeout: 5s\n"
        "      threshold: 5\n"
        "      backoff: 2s\n"
        "      ignore:\n"
        "        mediatypes: [application/octet-stream]\n"
        "        actions: [pull]\n"
    )


def test_pulls_are_sent_where_they_are_counted() -> None:
    registry = RegistrySettings(name="main", url="http://r", count_pulls=True)
    settings = make_settings(Path("data"), registry)
    counting = notification_block(settings, "main", secret="s3cret")
    assert counting == block().removesuffix("        actions: [pull]\n")
    assert counting.endswith("        mediatypes: [application/octet-stream]\n")


def test_all_pulls_are_sent_by_a_registry_that_caches_another_one() -> None:
    registry = RegistrySettings(name="main", url="http://r", pull_through=True)
    settings = make_settings(Path("data"), registry)
    assert (
        notification_block(settings, "main", secret="s3cret") == block().partition("      ign")[0]
    )


@pytest.mark.parametrize(
    "secret",
    [
        "a, b] #c: {d}",
        "a: b",
        "- x",
        "quote\" and 'quote' and \\",
        "pässwörd",
        "{url}",
        "%s",
        "*&!|>",
    ],
)
def test_any_secret_stays_one_text_in_yaml(secret: str) -> None:
    """A secret with a comma or a bracket must not become another list, or no YAML at all."""
    (line,) = [line for line in block(secret=secret).splitlines() if "Authorization" in line]
    match = re.fullmatch(r"        Authorization: (\[.*\])", line)
    assert match
    # Text in quotes is the same in JSON and YAML.
    assert json.loads(match[1]) == [f"Bearer {secret}"]


def test_each_registry_has_its_own_address() -> None:
    assert "/webhooks/second\n" in block(registry="second")
