"""The service on this host: whether it runs, is of these settings, and takes notifications."""

import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2

from indexer.clock import Clock
from indexer.errors import InvalidValueError
from indexer.model import one_line, parse_json_object
from indexer.registry import USER_AGENT
from indexer.run import PID_FILE
from indexer.settings import Settings
from search_api.check.findings import Finding, ok, warning, wrong
from search_api.endpoints import PROOF_HEADER, CheckProof
from search_api.processes import own_address
from search_api.search import ServiceStatus

AREA = "service"
TIMEOUT_SECONDS = 15.0
_NOTHING = b'{"events": []}'
"""A notification of no events: it is received as any other, and nothing is kept of it."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Mapping[str, Any]


class OwnService:
    """Asks the web process at ``listen``, if there is one."""

    def __init__(
        self, settings: Settings, *, secrets: Mapping[str, Sequence[str]], clock: Clock
    ) -> None:
        """Take the webhook secrets of the registries, which prove that we are of this service."""
        self.is_running = False
        """Whether a web process with these settings answers; known after :meth:`run`."""
        self._where = own_address(settings)
        self._settings = settings
        self._secrets = secrets
        self._proof = CheckProof(one for each in secrets.values() for one in each)
        self._clock = clock

    async def run(self, status: ServiceStatus | None) -> AsyncIterator[Finding]:
        """Yield what is found; ``status`` is what the data directory tells, None without one."""
        async with httpx2.AsyncClient(
            base_url=f"http://{self._where}",
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
        ) as client:
            try:
                health = await _get(client, "/healthz")
            except httpx2.ConnectError:
                yield self._not_running(status)
                return
            except httpx2.HTTPError as error:
                yield self._occupied(one_line(f"{type(error).__name__} {error}", limit=200))
                return
            if health.status != 200 or health.body.get("status") != "ok":
                yield self._occupied(f"it answers GET /healthz with {health.status}")
                return
            try:
                async for finding in self._ask(client):
                    yield finding
            except httpx2.HTTPError as error:
                yield self._silent(one_line(f"{type(error).__name__} {error}", limit=200))
        for finding in _check_indexer(status):
            yield finding

    def _silent(self, reason: str) -> Finding:
        return wrong(
            AREA,
            "answers",
            f"it runs at {self._where}, and gave no answer: {reason}",
            "look into its log and at the load of this host, and try again",
        )

    async def _ask(self, client: httpx2.AsyncClient) -> AsyncIterator[Finding]:
        proof = {PROOF_HEADER: self._proof.make(self._clock.now())}
        searched = await _get(client, "/v1/search", params={"n": "1"}, headers=proof)
        arrival = searched.body.get("check")
        if not isinstance(arrival, dict):
            yield wrong(
                AREA,
                "settings",
                f"a regsearch with other settings, or of another version, listens at {self._where}",
                "restart it, so that it has these settings; or give one of the two another listen"
                " and data_dir",
            )
            return
        self.is_running = True
        running, here = arrival.get("version"), version("regsearch")
        if running == here:
            yield ok(AREA, "version", f"version {here} runs at {self._where}")
        else:
            yield warning(
                AREA,
                "version",
                f"version {running} runs, and {here} is installed",
                "restart the service",
            )
        ready = await _get(client, "/readyz")
        if ready.status == 200:
            yield ok(AREA, "readiness", "it can search and be notified")
        else:
            reason = one_line(str(ready.body.get("reason", ready.status)), limit=300)
            yield wrong(
                AREA, "readiness", f"it is not ready: {reason}", "wait, or look into its log"
            )
        for registry in self._settings.registry:
            if registry.notifications:
                yield await self._notify(client, registry.name)

    async def _notify(self, client: httpx2.AsyncClient, registry: str) -> Finding:
        """Send a notification of nothing, with the secret, as the registry does."""
        secret = self._secrets[registry][0]
        response = await client.post(
            f"/webhooks/{registry}",
            content=_NOTHING,
            headers={
                b"Authorization": b"Bearer " + secret.encode(),
                b"Content-Type": b"application/json",
            },
        )
        thing = f"notification of {registry}"
        if response.status_code == 202:
            return ok(AREA, thing, f"one with its secret is taken at {self._where}")
        said = one_line(response.text, limit=200)
        return wrong(
            AREA,
            thing,
            f"one with its secret is refused at {self._where}: {response.status_code} {said}",
            "restart the service, so that it has these settings",
        )

    def _not_running(self, status: ServiceStatus | None) -> Finding:
        holder = _indexer(self._settings.data_dir)
        # It was alive within the last seconds, perhaps until it was stopped just now.
        if holder and status is not None and status.freshness.is_indexer_alive:
            return wrong(
                AREA,
                "running",
                f"an indexer (process {holder}) works in {str(self._settings.data_dir)!r} already,"
                f" and nothing answers at {self._where}",
                "stop that service, set listen as it has it, or set another data_dir",
            )
        if problem := _cannot_bind(self._settings):
            return wrong(
                AREA,
                "listen",
                f"{self._settings.listen}: {problem}",
                "set listen to an address of this host and a free port that this user may use,"
                " such as 0.0.0.0:8080",
                stops_start=True,
            )
        return warning(
            AREA,
            "running",
            f"it does not run: nothing answers at {self._where}",
            "start it with `regsearch serve`; only then its answers can be tried",
        )

    def _occupied(self, reason: str) -> Finding:
        return wrong(
            AREA,
            "listen",
            f"another program listens at {self._where}: {reason}",
            "stop it, or set listen to a free port, such as 127.0.0.1:8081",
        )


def _check_indexer(status: ServiceStatus | None) -> list[Finding]:
    if status is not None and status.freshness.is_indexer_alive:
        return [ok(AREA, "indexer", "it works")]
    return [
        wrong(
            AREA,
            "indexer",
            "the web process runs, and no indexer: nothing new is found",
            "start `regsearch indexer` with the same data_dir, or `regsearch serve`, which runs"
            " both; if it runs, look into its log",
        )
    ]


async def _get(client: httpx2.AsyncClient, path: str, **options: Mapping[str, str]) -> _Answer:
    response = await client.get(path, **options)  # type: ignore[arg-type]
    try:
        return _Answer(response.status_code, parse_json_object(response.content))
    except InvalidValueError:
        return _Answer(response.status_code, {})


def _indexer(directory: Path) -> int:
    """Return the id of the process that a data directory names as its indexer, 0 if it is gone."""
    try:
        pid = int((directory / PID_FILE).read_text())
        with suppress(PermissionError):
            os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):
        return 0
    return pid


def _cannot_bind(settings: Settings) -> str:
    """Return why the address of the settings cannot be listened at; "" if it can."""
    host, port = settings.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ""
