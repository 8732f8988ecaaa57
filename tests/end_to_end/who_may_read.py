"""Compare what docker and podman print of a service with what ``skopeo inspect`` may read."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2

from tests.end_to_end.answers import parse_docker_rows
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.service import Service
from tests.end_to_end.skopeo_client import Addressed, Skopeo


@dataclass(frozen=True, slots=True)
class Private:
    """A registry with rights, and a service beside it at a host of its own.

    ``passwords`` are those of its users, ``names`` its repositories; each has the tag ``1.0``.
    """

    registry: Addressed
    service: Service
    passwords: Mapping[str, str]
    names: Collection[str]

    def readable(self, skopeo: Skopeo, user: str) -> set[str]:
        """Return what ``skopeo inspect`` reads as a user."""
        password = self.passwords.get(user, "")

        def may_read(name: str) -> bool:
            return skopeo.may_read(self.registry, f"{name}:1.0", user, password)

        with ThreadPoolExecutor(len(self.names)) as threads:
            found = zip(self.names, threads.map(may_read, self.names), strict=True)
            return {name for name, is_readable in found if is_readable}

    def search(self, user: str) -> httpx2.Response:
        """Ask as docker does, as a user."""
        who = (user, self.passwords[user]) if user else None
        return httpx2.get(f"{self.service.url}/v1/search?q=", auth=who, timeout=30, trust_env=False)

    def found(self, user: str) -> set[str]:
        """Return the repositories that docker would print."""
        return {row.repository for row in parse_docker_rows(self.search(user).json())}


def check_programs(private: Private, docker: Docker, podman: Podman, skopeo: Skopeo) -> None:
    """Log in and out as each user; both programs print what skopeo reads."""
    host = private.service.host
    for user in ("", *private.passwords):
        password = private.passwords.get(user, "")
        if user:
            assert not docker.log_in(host, user, "wrong")
            assert not podman.log_in(host, user, "wrong")
            assert docker.log_in(host, user, password)
            assert podman.log_in(host, user, password)
        expected = private.readable(skopeo, user)
        assert {row.repository for row in docker.search(host, "")} == expected, user
        by_podman = {row.name.removeprefix(f"{host}/") for row in podman.search(host, "")}
        assert by_podman == expected, user
        found = {row.name.removeprefix(f"{host}/") for row in podman.search(host, "team")}
        assert found == {name for name in expected if "team" in name}, user
        if user:
            docker.log_out(host)
            podman.log_out(host)
