"""A follower of the changes, as a client of the feed: it keeps a copy of the store."""

from indexer.store import Change, ChangeCursor, ChangeKind
from tests.indexer.stepping import Stepping, Tags


class Follower:
    """Has a listing of the visible tags, and the changes since then."""

    def __init__(self, stepping: Stepping) -> None:
        self._stepping = stepping
        self.tags: Tags = {}
        self.cursor: ChangeCursor | None = None
        self.list_anew()

    def list_anew(self) -> None:
        """Take a cursor, then a listing."""
        self.cursor = self._stepping.store.changes.newest()
        self.tags = self._stepping.visible()

    def read_on(self, *, limit: int = 100) -> int:
        """Apply the next changes; return how many there were."""
        found = self._stepping.store.changes.since(self.cursor, limit=limit)
        for change in found:
            apply(self.tags, change)
            self.cursor = change.cursor
        return len(found)

    def read_all(self) -> None:
        """Apply all changes."""
        while self.read_on():
            pass


def apply(tags: Tags, change: Change) -> None:
    """Apply a change to a set of tags; it must fit the known tags."""
    tag = (change.registry, change.repository, change.tag)
    if change.kind is ChangeKind.REPOSITORY_REMOVED:
        assert not [one for one in tags if one[:2] == tag[:2]], "its tags went before it"
        return
    assert tags.get(tag) == change.previous_digest
    if change.digest is None:
        del tags[tag]
    else:
        tags[tag] = change.digest
