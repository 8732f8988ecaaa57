"""The viewer of a request: who asks, as far as an answer depends on it.

The web process sets the viewer of each request before anything is read for it. The search service
asks the viewer of the context, so that no surface can forget to.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from indexer.model import ALL_RIGHTS, NO_RIGHTS, Rights


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer sees at one moment."""

    rights: Rights
    sees_internals: bool = False
    """Whether reasons and addresses are told, which are for operators."""
    is_exact: bool = True
    """Whether all of it can be pulled; else some of it must be asked for before it is shown."""
    problems: tuple[str, ...] = ()
    """Why something is not seen that perhaps may be: a registry could not be asked."""


ALL_SIGHT = Sight(ALL_RIGHTS, sees_internals=True)
NO_SIGHT = Sight(NO_RIGHTS)


class Viewer(Protocol):
    """Who asks."""

    async def sight(self) -> Sight:
        """Return what they see now; it may be asked of registries, and is kept for a while."""


class Owner:
    """Who runs the service, and can read its files: they see everything."""

    async def sight(self) -> Sight:
        """Return all."""
        return ALL_SIGHT


class _Nobody:
    async def sight(self) -> Sight:
        return NO_SIGHT


OWNER = Owner()
_NOBODY = _Nobody()
VIEWER: ContextVar[Viewer] = ContextVar("viewer", default=_NOBODY)
"""The viewer of the request that is being answered: nobody, until the request says who it is."""
