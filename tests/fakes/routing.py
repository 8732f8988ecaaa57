"""Which handler answers which path of the distribution protocol.

Repository names contain slashes, so paths are told apart by regular expression.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from tests.fakes import answers
from tests.fakes.events import Target

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"(?P<name>{_COMPONENT}(?:/{_COMPONENT})*)"
DIGEST = r"(?P<digest>[a-z0-9+._-]+:[0-9a-zA-Z=_-]+)"
REFERENCE = r"(?P<reference>[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}|[a-z0-9+._-]+:[0-9a-f]{32,})"
UPLOAD = r"(?P<upload>[0-9a-f-]+)"

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Options:
    """How the fake differs from distribution 2.8.3; see ``FakeRegistry``."""

    v3: bool = False
    delete_by_tag: bool = False
    page_tags: bool = True


class Post(Protocol):
    """Report an event that a request caused."""

    def __call__(self, request: Request, action: str, target: Target) -> None:
        """Report it."""


class Router:
    """A table of paths, each with its methods."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], Mapping[str, Handler]]] = []

    def add(self, path: str, handlers: Mapping[str, Handler]) -> None:
        """Let ``handlers`` (by method) answer the paths that match ``path`` in full."""
        self._routes.append((re.compile(path), handlers))

    async def answer(self, request: Request) -> Response:
        """Return the answer of the handler; refusals become OCI error bodies."""
        for pattern, handlers in self._routes:
            if match := pattern.fullmatch(request.url.path):
                return await _handle(request, handlers, match.groupdict())
        return answers.no_such_path()


async def _handle(
    request: Request, handlers: Mapping[str, Handler], groups: Mapping[str, str]
) -> Response:
    handler = handlers.get(request.method)
    if handler is None:
        return answers.wrong_method(", ".join(sorted(handlers)))
    try:
        return await handler(request, **groups)
    except answers.RefusedError as error:
        return answers.error_answer(error)
