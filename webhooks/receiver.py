"""``POST /webhooks/{registry}``: authenticate, read with a limit, append to the journal, then 202.

Nothing else happens while a registry waits. A registry repeats a refused notification for ever and
holds back everything behind it. So only a wrong credential or an unavailable journal is refused.
"""

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Collection, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from indexer.clock import Clock, SystemClock
from indexer.errors import CredentialError, UnknownRegistryError
from indexer.model import Rejected
from indexer.registry import is_own_user_agent
from indexer.store import NotificationResult
from webhooks.guesses import Guesses
from webhooks.journal import JournalWriter
from webhooks.senders import Notification, parse_notification

BODY_MAX = 4 * 1_024 * 1_024
PARSED_AT_ONCE = 64 * 1_024
"""The bytes of a body that is parsed without a thread: about a hundred events."""
DRAINED_MAX = 64 * 1_024 * 1_024
"""The bytes of a too large body that are read and ignored, so that the sender sees the answer."""
NAME_SHOWN = 100
"""Characters of the name of a registry in an error."""


class Receiver:
    """Receives the notifications of the registries in the settings."""

    def __init__(
        self,
        journal: JournalWriter,
        *,
        secrets: Mapping[str, tuple[str, ...]],
        counting: Collection[str] = (),
        pull_through: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Keep the secrets of each registry by its name, each of which is accepted.

        ``counting`` names those that count pulls, ``pull_through`` those that cache another one.
        """
        self._journal = journal
        self._secrets = secrets
        self._all_secrets = tuple({one for each in secrets.values() for one in each})
        self._counting = counting
        self._pull_through = pull_through
        self._guesses = Guesses(clock or SystemClock())
        self._one_parser = asyncio.Semaphore(1)
        self.events: Counter[tuple[str, str, str]] = Counter()
        """The events of notifications that were stored, by registry, sender and result."""

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [Route("/webhooks/{registry}", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> JSONResponse:
        """Store one notification, then answer 202 with the numbers of its events."""
        registry = request.path_params["registry"]
        await self._authenticate(registry, request)
        body = await _read(request)
        notification = await self._parse(registry, body)
        await self._journal.append([(registry, item) for item in notification.items])
        if notification.items or not _is_check(request):
            self._count(registry, NotificationResult.ACCEPTED, request)
        rejected = sum(isinstance(item, Rejected) for item in notification.items)
        counts = {
            "accepted": len(notification.items) - rejected,
            "dropped": notification.dropped,
            "rejected": rejected,
        }
        for result, number in counts.items():
            self.events[registry, notification.sender, result] += number
        return JSONResponse(counts, status_code=202)

    async def _parse(self, registry: str, body: bytes) -> Notification:
        """Return the content of a body; a large one is parsed on a thread, one at a time."""
        if len(body) > BODY_MAX:
            reason = f"a body of more than {BODY_MAX} bytes"
            return Notification((Rejected(reason, body[:BODY_MAX]),), 0)
        counts, caches = registry in self._counting, registry in self._pull_through
        if len(body) <= PARSED_AT_ONCE:
            return parse_notification(body, count_pulls=counts, pull_through=caches)
        async with self._one_parser:
            return await asyncio.to_thread(
                parse_notification, body, count_pulls=counts, pull_through=caches
            )

    async def _authenticate(self, registry: str, request: Request) -> None:
        credential = _credential(request.headers.get("authorization", ""))
        is_known = registry in self._secrets
        # Without a secret nobody learns which registries there are.
        accepted = self._secrets.get(registry, self._all_secrets)
        if not any(hmac.compare_digest(credential, secret.encode()) for secret in accepted):
            if is_known and not _is_check(request):
                self._count(registry, NotificationResult.REFUSED, request)
            shown = registry[:NAME_SHOWN]
            await self._guesses.slow_down(_sender(request), registry=shown)
            raise CredentialError(f"a wrong webhook secret for registry {shown!r}")
        if not is_known:
            raise UnknownRegistryError(f"no registry is named {registry[:NAME_SHOWN]!r}")

    def _count(self, registry: str, result: NotificationResult, request: Request) -> None:
        self._journal.count(registry, result, sender=_sender(request))


def _sender(request: Request) -> str:
    return request.client.host if request.client else ""


def _is_check(request: Request) -> bool:
    """Tell whether ``regsearch check`` sends this: it is not counted, because no registry did."""
    return is_own_user_agent(request.headers.get("user-agent", ""))


def _credential(header: str) -> bytes:
    """Return the token of a Bearer header or the password of a Basic one, as it was sent."""
    scheme, _, text = header.partition(" ")
    # Headers are bytes; the server decoded them as Latin-1, whatever they mean.
    value = text.strip(" \t").encode("latin-1")
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return b""


async def _read(request: Request) -> bytes:
    """Return the body; of a larger one, a little more than the limit."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size - len(chunk) <= BODY_MAX:
            chunks.append(chunk)
        if size > DRAINED_MAX:
            break
    return b"".join(chunks)
