"""The viewer of a request: who asks, as far as an answer depends on it.

The web process sets the viewer of each request before anything is read for it. The search service
asks the viewer of the context, so that no surface can forget to.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from indexer.model import ALL_RIGHTS, NO_RIGHTS, Rights


@dataclass(frozen=True, slots=True)
class AskedImage:
    """An image by which a registry tells whether a repository may be read: a tag or a digest."""

    registry: str
    repository: str
    reference: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer sees at one moment."""

    rights: Rights
    sees_internals: bool = False
    """Whether reasons and addresses are told, which are for operators."""
    is_exact: bool = True
    """Whether nothing else may be seen; else more may turn out to be (:meth:`Viewer.settle`)."""
    problems: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Why something of a registry is not seen that perhaps may be: it could not be asked."""


ALL_SIGHT = Sight(ALL_RIGHTS, sees_internals=True)
NO_SIGHT = Sight(NO_RIGHTS)


class Viewer(Protocol):
    """Who asks."""

    async def sight(self) -> Sight:
        """Return what they see now; it may be asked of registries, and is kept for a while."""

    @property
    def request_text(self) -> str:
        """Everything in the address of their request, as it was meant; empty without one."""

    async def undecided(self) -> Rights:
        """Return what they see or may turn out to see, of registries that tell for one image."""

    async def settle(self, places: Sequence[AskedImage]) -> Sight:
        """Ask whether they may see these places; return what they see then."""


class SettledViewer:
    """Somebody for whom no registry is to be asked."""

    request_text = ""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    async def sight(self) -> Sight:
        """Return what was decided."""
        return self._sight

    async def undecided(self) -> Rights:
        """Return nothing."""
        return NO_RIGHTS

    async def settle(self, _: Sequence[AskedImage]) -> Sight:
        """Return what was decided."""
        return self._sight


class Owner(SettledViewer):
    """Who runs the service, and can read its files: they see everything."""

    def __init__(self) -> None:
        super().__init__(ALL_SIGHT)


OWNER = Owner()
_NOBODY = SettledViewer(NO_SIGHT)
VIEWER: ContextVar[Viewer] = ContextVar("viewer", default=_NOBODY)
"""The viewer of the request that is being answered: nobody, until the request says who it is."""
