"""Running the checks: each says what it holds a server to, and where that is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from search_api.conformance import changes, discovery, order, refusals, resources, search
from search_api.conformance.server import NotConformingError, NothingToCheckError, Server

TRIES = 2
"""A registry changes while it is searched, and two answers of different moments may disagree."""


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    """The server holds nothing that would show it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check ended, and what was wrong."""

    name: str
    section: str
    state: State
    message: str = ""


_MODULES = (discovery, search, order, refusals, resources, changes)


def run_checks(url: str) -> Iterator[Outcome]:
    """Yield the outcome of each check of the server at ``url``, in the order of the sections."""
    checks = [check for module in _MODULES for check in module.CHECKS]
    server = Server(url)
    try:
        for name, section, run in sorted(checks, key=lambda check: _place(check[1])):
            yield _outcome(server, name, section, run)
    finally:
        server.close()


def _place(section: str) -> list[int]:
    return [int(number) for number in section.split(".")]


def _outcome(server: Server, name: str, section: str, run: Callable[[Server], None]) -> Outcome:
    message = ""
    for _ in range(TRIES):
        try:
            run(server)
        except NotConformingError as error:
            message = str(error)
        except NothingToCheckError as error:
            return Outcome(name, section, State.NOT_CHECKED, str(error))
        else:
            return Outcome(name, section, State.PASSED)
    return Outcome(name, section, State.FAILED, message)
