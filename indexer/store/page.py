"""A page of a list, whatever the list holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some things of a list; ``next`` is what to give as ``after`` for the next page.

    It is plain text, and None at the end. A list that grows at its end has none: there ``next``
    is what to ask for later.
    """

    items: tuple[T, ...]
    next: str | None = None

    def map(self, make: Callable[[T], Made]) -> "Page[Made]":
        """Return the page of what is made of each thing."""
        return Page(tuple(map(make, self.items)), self.next)


def make_page(found: Sequence[T], *, limit: int, place: Callable[[T], str]) -> Page[T]:
    """Return a page of so many things out of those that were found: one more, if there are more.

    ``place`` writes the place behind one of them.
    """
    items = tuple(found[:limit])
    return Page(items, place(items[-1]) if items and len(found) > limit else None)
