"""What a check found: one thing that was tried, how it is, and what to change."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How something is that was tried."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    ``area`` is what it belongs to, such as ``registry main``, and ``thing`` what was tried.
    ``value`` is what was found, and ``remedy`` what to change; empty if nothing has to be.
    """

    area: str
    thing: str
    verdict: Verdict
    value: str
    remedy: str = ""
    stops_start: bool = False
    """Whether no process starts with this."""


def ok(area: str, thing: str, value: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(area, thing, Verdict.OK, value)


def warning(area: str, thing: str, value: str, remedy: str) -> Finding:
    """Return the finding that something works, and not as well as it could."""
    return Finding(area, thing, Verdict.WARNING, value, remedy)


def wrong(area: str, thing: str, value: str, remedy: str, *, stops_start: bool = False) -> Finding:
    """Return the finding that something does not work."""
    return Finding(area, thing, Verdict.WRONG, value, remedy, stops_start)
