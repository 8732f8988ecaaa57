"""Running the checks; each has a name and a section of the specification."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from search_api.conformance import changes, discovery, order, refusals, resources, search, words
from search_api.conformance.server import NotConformingError, NothingToCheckError, Server

TRIES = 2
"""A registry changes meanwhile, so two answers of different moments may disagree."""


class State(StrEnum):
    """The state of a check after its end."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"
    """The server has no content to check it with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of one check, with a message if it failed."""

    name: str
    section: str
    state: State
    message: str = ""


_MODULES = (discovery, search, words, order, refusals, resources, changes)


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
