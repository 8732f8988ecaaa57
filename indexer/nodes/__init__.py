"""Nodes of one installation: what each says of itself, for the search nodes."""

from indexer.nodes.announcer import Announcer
from indexer.nodes.node_state import NodeState, read_owner, read_state, written_state

__all__ = ["Announcer", "NodeState", "read_owner", "read_state", "written_state"]
