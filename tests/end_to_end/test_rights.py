"""Each caller sees what a pull with the same credentials may read: with the real programs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Skopeo
from tests.end_to_end.versions import on_both
from tests.end_to_end.waiting import wait_until
from tests.end_to_end.who_may_read import Private, check_programs
from tests.fakes.serving import serving
from tests.fakes.token_service import ISSUER, SERVICE, TokenService
from tests.push import Push, push_many

NAMES = ("public/base", "team/api", "team/web", "other/db")
LIFETIME_SECONDS = 2
SETTINGS = """\
[access]
challenge = true
[[registry]]
name = "private"
url = "{url}"
username = "{user}"
password = "{password}"
notifications = false
rights_lifetime = "{lifetime}s"
basic_means_all = {basic_means_all}
"""


Start = Callable[..., tuple[Private, RealRegistry, TokenService]]


@pytest.fixture
def start(registry_program: str, tmp_path: Path) -> Iterator[Start]:
    """Give what starts a registry and a service that has read it."""
    with ExitStack() as stack:

        def started(
            *, with_tokens: bool, basic_means_all: bool = False
        ) -> tuple[Private, RealRegistry, TokenService]:
            registry = RealRegistry(tmp_path, program=registry_program)
            stack.callback(registry.stop)
            registry.start()
            push_many(registry.url, [Push(name, image(seed=name), "1.0") for name in NAMES])
            registry.stop()
            tokens = TokenService()
            user, passwords = USERNAME, {USERNAME: PASSWORD}
            if with_tokens:
                user, passwords = "indexer", {"indexer": "i", "alice": "a", "bob": "b"}
                tokens.passwords, tokens.listers = passwords, {"indexer"}
                tokens.rights = {
                    "indexer": set(NAMES),
                    "alice": {"public/base", "team/api", "team/web"},
                    "bob": {"public/base", "other/db"},
                    "": {"public/base"},
                }
                certificate = tmp_path / "tokens.pem"
                certificate.write_bytes(tokens.signer.certificate)
                registry.token_auth = {
                    "realm": stack.enter_context(serving(tokens.app)) + "/token",
                    "service": SERVICE,
                    "issuer": ISSUER,
                    "rootcertbundle": str(certificate),
                }
            registry.password_needed = not with_tokens
            registry.start()
            service = Service(tmp_path, registry="private")
            stack.callback(service.close)
            config = tmp_path / "regsearch.toml"
            text = SETTINGS.format(
                url=registry.url,
                user=user,
                password=passwords[user],
                lifetime=LIFETIME_SECONDS,
                basic_means_all=str(basic_means_all).lower(),
            )
            config.write_text(text, "utf-8")
            service.configure(REGSEARCH_CONFIG=str(config))
            service.start()
            private = Private(registry, service, passwords, NAMES)
            service.wait_until(lambda: private.found(user) == set(NAMES), 60, "all is read")
            return private, registry, tokens

        yield started


@on_both
def test_a_registry_with_a_token_service(
    start: Start, docker: Docker, podman: Podman, skopeo: Skopeo
) -> None:
    private, registry, tokens = start(with_tokens=True)
    check_programs(private, docker, podman, skopeo)
    # A right that is given or taken is seen within the time that the settings say.
    tokens.rights["alice"] = {"other/db"}
    expected = private.readable(skopeo, "alice")
    assert expected == {"other/db"}
    private.service.wait_until(
        lambda: private.found("alice") == expected, LIFETIME_SECONDS + 28, "the rights changed"
    )
    # A registry that is away shows nothing after that time, and it is said.
    registry.stop()
    wait_until(lambda: private.found("alice") == set(), LIFETIME_SECONDS + 58, "nothing is shown")
    warning = private.search("alice").headers["warning"]
    assert "a registry does not answer" in warning
    assert registry.host not in warning


@on_both
@pytest.mark.parametrize("basic_means_all", [False, True])
def test_a_registry_with_passwords(
    start: Start, docker: Docker, podman: Podman, skopeo: Skopeo, *, basic_means_all: bool
) -> None:
    private, *_ = start(with_tokens=False, basic_means_all=basic_means_all)
    check_programs(private, docker, podman, skopeo)
    assert private.readable(skopeo, USERNAME) == set(NAMES)
    assert private.readable(skopeo, "") == set()
