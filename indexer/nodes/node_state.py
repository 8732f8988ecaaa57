"""What a node says of itself, as JSON that nodes of other versions read too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import orjson
from pydantic import TypeAdapter, ValidationError

from indexer.errors import EngineError
from indexer.store import LiveIndex, StoreFreshness


@dataclass(frozen=True, slots=True)
class NodeState:
    """An indexer node at one moment: what it has, and how fresh that is.

    A field that is added needs a default, for the nodes of before.
    """

    name: str
    version: str
    """The version of regsearch that it runs."""
    owner: str
    """The name that its data directory has in the cluster."""
    live: LiveIndex | None
    """Its part of the search index; None before the first."""
    freshness: StoreFreshness
    token_origins: Mapping[str, str] = field(default_factory=dict)
    """The token service of each registry, where one is known."""


@cache
def _form() -> TypeAdapter[NodeState]:
    # It takes long to make, and most services have no nodes.
    return TypeAdapter(NodeState)


def written_state(state: NodeState) -> str:
    """Return a state as JSON."""
    return _form().dump_json(state).decode()


def read_state(text: str) -> NodeState:
    """Return the state in a text of a node; :class:`EngineError` if we do not understand it."""
    try:
        return _form().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise EngineError(f"its state cannot be read: {where}: {first['msg']}") from error


def read_owner(text: str) -> str | None:
    """Return the owner in a text of a node, even if we understand nothing else; None for none."""
    try:
        state = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    owner = state.get("owner") if isinstance(state, dict) else None
    return owner if isinstance(owner, str) and owner else None
