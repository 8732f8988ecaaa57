"""What a registry says at ``/v2/``: that it is one, how to log in, and what time it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from indexer.errors import UnusableAnswerError
from indexer.registry.challenges import parse_challenges
from indexer.registry.http import Exchange, Request
from indexer.registry.responses import Response, make_error

BODY_MAX_BYTES = 1_048_576
SUPPORT = Request(
    path="/v2/", scope="", headers=((b"Accept", b"application/json"),), limit=BODY_MAX_BYTES
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a registry answers somebody without credentials.

    ``schemes`` are the ways to log in that it names, in small letters; none if it lets everybody
    in. ``told_at`` is the time of its clock, None if it tells none.
    """

    schemes: tuple[str, ...]
    told_at: datetime | None


async def read_greeting(exchange: Exchange) -> Greeting:
    """Return how a registry greets; :class:`RegistryError` if no registry answers."""
    response = await exchange.ask(SUPPORT)
    if response.status not in {200, 401}:
        raise make_error(response)
    if response.is_html:
        error = UnusableAnswerError(str(response))
        error.status = response.status
        raise error
    challenges = parse_challenges(response.headers.get_list("www-authenticate"))
    return Greeting(tuple(one.scheme for one in challenges), _told_at(response))


async def log_in(exchange: Exchange) -> None:
    """Ask the same as the user of the settings; :class:`RegistryError` if that is refused."""
    response = await exchange.get(SUPPORT)
    if response.status != 200:
        raise make_error(response)


def _told_at(response: Response) -> datetime | None:
    try:
        told = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
