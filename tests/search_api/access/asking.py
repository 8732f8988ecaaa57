"""A service with rules and users, and clients of it at addresses of their choice."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import httpx2

from indexer.clock import Clock
from indexer.settings import AccessSettings, RegistrySettings, RuleSettings, Settings
from search_api.web import make_web
from tests.fakes.clock import ManualClock
from tests.search_api.filling import MAIN, SECOND, settings_for

ELSEWHERE = "192.0.2.1"
PASSWORD = "correct horse"
RULES = (
    RuleSettings(repositories=("nginx", "bistro"), users=("*",)),
    RuleSettings(repositories=("team/*",), users=("alice",), groups=("payments",)),
)
FOR_ALL = ["bistro", "nginx"]
OF_TEAM = ["team/nginx", "team/nginx-ingress", "team/web"]
MAIN_RULED = RegistrySettings(name="main", url=f"http://{MAIN}", access="rules", rule=RULES)
SECOND_PUBLIC = RegistrySettings(name="second", url=f"http://{SECOND}")


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the header of a user with a password."""
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}


def write_users(path: Path, *names: str, password: str = PASSWORD) -> Path:
    """Write a file of users who have the same password; hashes are of the cheapest kind."""
    kept = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    path.write_text("".join(f"{name}:{kept}\n" for name in names))
    return path


def settings_with(
    directory: Path,
    *,
    registries: Sequence[RegistrySettings] = (MAIN_RULED, SECOND_PUBLIC),
    access: Mapping[str, Any] | None = None,
    **changed: Any,
) -> Settings:
    """Return settings with this ``[access]``."""
    made = AccessSettings.model_validate(access or {})
    update = {"registry": tuple(registries), "access": made, **changed}
    return settings_for(directory).model_copy(update=update)


@asynccontextmanager
async def asking(
    settings: Settings,
    *,
    address: str = ELSEWHERE,
    host: str = "localhost",
    clock: Clock | None = None,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client at an address."""
    app = make_web(settings, clock=clock or ManualClock())
    transport = httpx2.ASGITransport(app=app, client=(address, 4711))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=f"http://{host}") as client,
    ):
        yield client


async def seen(
    client: httpx2.AsyncClient, headers: Mapping[str, str] | None = None, registry: str = "main"
) -> list[str]:
    """Return the repositories of a registry that a caller finds, by name."""
    response = await client.get(
        f"/api/v1/search?registry={registry}&sort=name&limit=100", headers=headers or {}
    )
    assert response.status_code == 200, response.text
    return [result["repository"] for result in response.json()["results"]]
