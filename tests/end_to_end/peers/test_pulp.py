"""Each caller sees what a pull with the same credentials may read of a real Pulp."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.docker_client import Docker
from tests.end_to_end.peers.pulp import ADMINISTRATOR, PASSWORD, Pulp
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.who_may_read import Private, check_programs

NAMES = ("public/base", "team/api", "team/web", "other/db")
PASSWORDS = {
    ADMINISTRATOR: PASSWORD,
    "alice": "secret-of-alice",
    "bob": "secret-of-bob",
}
# Pulp takes a second or more to answer, so what it said must count for longer.
LIFETIME_SECONDS = 15
SETTINGS = """\
[access]
challenge = true
[[registry]]
name = "pulp"
url = "{url}"
username = "{user}"
password = "{password}"
notifications = false
rights_lifetime = "{lifetime}s"
"""


@pytest.fixture
def private(pulp: Pulp, skopeo: Skopeo, tmp_path: Path) -> Iterator[Private]:
    """Give Pulp with repositories of every kind, and a service that has read it."""
    for number, name in enumerate(NAMES):
        skopeo.push(
            f"numbered-{number:02}",
            pulp,
            f"{name}:1.0",
            credentials=f"{ADMINISTRATOR}:{PASSWORD}",
        )
    for user, password in PASSWORDS.items():
        if user != ADMINISTRATOR:
            pulp.add_user(user, password)
    for name in NAMES[1:]:
        pulp.make_private(name)
    pulp.open_to("alice", "team/api")
    pulp.open_to("alice", "team/web")
    pulp.open_to("bob", "other/db")
    service = Service(tmp_path, registry="pulp")
    config = tmp_path / "regsearch.toml"
    config.write_text(
        SETTINGS.format(
            url=pulp.url, user=ADMINISTRATOR, password=PASSWORD, lifetime=LIFETIME_SECONDS
        ),
        "utf-8",
    )
    service.configure(REGSEARCH_CONFIG=str(config))
    try:
        service.start()
        made = Private(pulp, service, PASSWORDS, NAMES)
        service.wait_until(lambda: made.found(ADMINISTRATOR) == set(NAMES), 120, "all is read")
        yield made
    finally:
        service.close()


def test_a_pulp_with_its_token_service(
    private: Private, pulp: Pulp, docker: Docker, podman: Podman, skopeo: Skopeo
) -> None:
    readable = {user: private.readable(skopeo, user) for user in ("", *PASSWORDS)}
    assert readable == {
        "": {"public/base"},
        ADMINISTRATOR: set(NAMES),
        "alice": {"public/base", "team/api", "team/web"},
        "bob": {"public/base", "other/db"},
    }
    check_programs(private, docker, podman, skopeo)
    pulp.close_to("alice", "team/web")
    pulp.open_to("bob", "team/web")
    for user in ("alice", "bob"):
        expected = private.readable(skopeo, user)
        assert ("team/web" in expected) is (user == "bob")
        is_so = partial(finds, private, user, expected)
        private.service.wait_until(is_so, LIFETIME_SECONDS + 20, f"the rights of {user} changed")


def finds(private: Private, user: str, expected: set[str]) -> bool:
    return private.found(user) == expected
