"""What pages say of the freshness of what they show: sentences for readers, worst first. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from indexer.clock import parse_rfc3339
from search_api.pages.filters import first_characters
from search_api.pages.troubles import explain
from search_api.pages.words import minute_text, number_text, sentence
from search_api.search import ReasonCode

WAITING_SHOWN = 100
"""Waiting changes of which a reader is told: fewer are shown in seconds."""
ERROR_SHOWN = 200
"""Characters of an error that there are no words for."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence about one registry; ``registry`` is empty if it is about all of them."""

    registry: str
    before: str
    after: str
    """The sentence before and after the name of the registry."""
    is_bad: bool = False
    question: str = ""
    """What a reader may ask then; the status answers it."""


def stale_sentences(freshness: Mapping[str, Any]) -> list[Sentence]:
    """Return what a reader should know before they trust a page, worst first."""
    registries = freshness["registries"]
    found = [
        told
        for rule in (_unreadable, _first_time, _held_back, _waiting)
        for name, state in registries.items()
        for told in rule(name, state)
    ]
    return [*_of_all(freshness), *found]


def complete_since(freshness: Mapping[str, Any]) -> str | None:
    """Return since when every registry was read completely; None if one never was."""
    times = [one["last_complete_crawl_at"] for one in freshness["registries"].values()]
    return min(times) if times and all(times) else None


def _of_all(freshness: Mapping[str, Any]) -> Iterator[Sentence]:
    for reason in freshness["reasons"]:
        if reason["code"] != ReasonCode.DOCUMENTS_WAITING:
            yield Sentence("", sentence(reason["message"]), "", is_bad=True)
    if freshness["documents_waiting"] > WAITING_SHOWN:
        waiting = number_text(freshness["documents_waiting"])
        yield Sentence("", f"Catching up: {waiting} changed images are not found yet.", "")


def _unreadable(name: str, state: Mapping[str, Any]) -> Iterator[Sentence]:
    if state["error"]:
        known = state["last_complete_crawl_at"]
        shown = f" What is shown is as of {minute_text(parse_rfc3339(known))}." if known else ""
        trouble = explain(state["error"])
        words = trouble.words or first_characters(trouble.exact, ERROR_SHOWN)
        yield Sentence(name, "", f" cannot be read: {words}.{shown}", is_bad=True)


def _first_time(name: str, state: Mapping[str, Any]) -> Iterator[Sentence]:
    if state["first_backfill_running"]:
        after = " is being read for the first time; results are not complete yet."
        yield Sentence(name, "", after)


def _held_back(name: str, state: Mapping[str, Any]) -> Iterator[Sentence]:
    if number := state["held_back"]:
        things = "repository" if number == 1 else "repositories"
        after = f": {number_text(number)} {things} may be gone and are still shown."
        yield Sentence(name, "", after, question="What is this?")


def _waiting(name: str, state: Mapping[str, Any]) -> Iterator[Sentence]:
    number = state["entries_waiting"] + state["refreshes_waiting"]
    if number > WAITING_SHOWN and not state["first_backfill_running"]:
        yield Sentence(
            name, f"Catching up: {number_text(number)} changes of ", " are not shown yet."
        )
