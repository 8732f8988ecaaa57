"""A receiver that keeps every event it is told of."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.end_to_end.real_registry import Receiver
from tests.end_to_end.waiting import wait_until
from tests.fakes.serving import serving

PATH = "/webhooks/default"


class EventListener:
    """A server in the place of our own; it listens while it is entered."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._known = set[str]()
        self.host = ""
        self._open = ExitStack()

    @property
    def receiver(self) -> Receiver:
        """The address for a registry's notifications."""
        return Receiver(f"http://{self.host}{PATH}", "not looked at")

    def wait_for(self, action: str, repository: str, tag: str) -> None:
        """Wait for the event of a tag; a registry sends its events one after the other."""
        wanted = (action, repository, tag)
        wait_until(lambda: wanted in map(_about, self.events), 30, f"the event {wanted} arrives")

    async def _take(self, request: Request) -> Response:
        for event in (await request.json())["events"]:
            # A registry that waits for too long for our answer sends the same events again.
            if event["id"] not in self._known:
                self._known.add(event["id"])
                self.events.append(event)
        return Response(status_code=202)

    def __enter__(self) -> Self:
        app = Starlette(routes=[Route(PATH, self._take, methods=["POST"])])
        self.host = self._open.enter_context(serving(app)).removeprefix("http://")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _about(event: Mapping[str, Any]) -> tuple[str, str, str]:
    target = event["target"]
    return event["action"], target["repository"], target.get("tag", "")
