"""One caller must not have everything: requests a second, and streams of changes."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable

from tests.attack.raw_client import RawAnswer, ask, head
from tests.end_to_end.service import Service

STREAM = head("/api/v1/changes/stream?cursor=now")
STREAMS_MAX = 100
"""The limit of all streams together."""
EACH = 5
"""The limit of the streams of one caller, by default."""
Figure = Callable[[str], None]


def open_streams(service: Service, sources: list[str]) -> list[RawAnswer]:
    """Ask for streams, all at the same time, one from each of these addresses; then leave."""

    async def run() -> list[RawAnswer]:
        found = await asyncio.gather(*(ask(service.port, STREAM, source=one) for one in sources))
        for _, writer in found:
            writer.close()
        return [answer for answer, _ in found]

    return asyncio.run(run())


def test_one_caller_has_few_streams(service: Service, figure: Figure, *, is_full: bool) -> None:
    """They are counted as they are admitted, so that simultaneous ones see each other."""
    service.start()
    asked = 900 if is_full else 100
    found = open_streams(service, ["127.0.0.1"] * asked)
    statuses = Counter(one.status for one in found)
    figure(f"{asked} simultaneous streams of one caller: {statuses[200]} admitted")
    assert statuses == {200: EACH, 429: asked - EACH}
    refused = next(one for one in found if one.status == 429)
    assert "retry-after: 1" in refused.head
    (error,) = json.loads(refused.body)["errors"]
    assert error["code"] == "TOOMANYREQUESTS"
    assert "127.0.0.1" in error["message"]


def test_all_callers_have_no_more_streams_than_there_are(
    service: Service, figure: Figure, *, is_full: bool
) -> None:
    """Streams that ended give their places back."""
    service.start()
    callers = 180 if is_full else 40
    sources = [f"127.0.1.{number}" for number in range(1, callers + 1)] * EACH
    statuses = Counter(one.status for one in open_streams(service, sources))
    figure(f"{len(sources)} simultaneous streams of {callers} callers: {statuses[200]} admitted")
    assert statuses == {200: STREAMS_MAX, 503: len(sources) - STREAMS_MAX}
    service.wait_until(
        lambda: open_streams(service, ["127.0.0.1"])[0].status == 200, 10, "a stream is admitted"
    )


def test_a_flood_of_requests_is_refused_and_others_are_answered(
    service: Service, figure: Figure, *, is_full: bool
) -> None:
    """A burst passes; then 429, whatever the caller says of itself. Probes are never refused."""
    service.is_limited = True
    service.start()
    asked = 1_000 if is_full else 300

    async def flood() -> tuple[list[RawAnswer], list[RawAnswer]]:
        places = asyncio.Semaphore(50)

        async def one(path: str, source: str, *lines: str) -> RawAnswer:
            async with places:
                request = head(path, "Connection: close", *lines)
                answer, writer = await ask(service.port, request, source=source)
                writer.close()
                return answer

        # Answered fast on any machine: at twenty a second no caller would be refused.
        bad = [
            one("/v2/", "127.0.0.3", f"X-Forwarded-For: 192.0.2.{number % 250}")
            for number in range(asked)
        ]
        good = [one("/api/v1/search?q=web", f"127.0.0.{4 + number}") for number in range(20)]
        good += [one(path, "127.0.0.3") for path in ("/healthz", "/readyz", "/metrics") * 10]
        found = await asyncio.gather(*bad, *good)
        return found[:asked], found[asked:]

    bad, good = asyncio.run(flood())
    statuses = Counter(answer.status for answer in bad)
    figure(f"{asked} requests of one caller at once: {statuses[200]} answered")
    assert {answer.status for answer in good} == {200}
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= 100
    refused = next(answer for answer in bad if answer.status == 429)
    assert "retry-after: " in refused.head
    (error,) = json.loads(refused.body)["errors"]
    assert error["code"] == "TOOMANYREQUESTS"
    assert "127.0.0.3" in error["message"]
