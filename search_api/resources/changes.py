"""Reading what changed, forward from a cursor or back from the newest."""

from typing import Any

from indexer.store import ChangeCursor, ChangePlace, Page, make_page
from search_api.resources.list_json import change_json
from search_api.resources.places import PlaceResources


class ChangeResources(PlaceResources):
    """Reads changes; the places that they are in are looked up by name."""

    def changes(
        self,
        cursor: str | None,
        *,
        registry: str | None = None,
        repository: str | None = None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """Return what changed behind a cursor, in one place if one is named; oldest first.

        Without a cursor it is everything that is kept. :class:`CursorExpiredError` where some of
        it is not kept any more.
        """
        place = self._change_place(registry, repository)
        after = ChangeCursor.parse(cursor) if cursor else self._store.changes.oldest()
        # Before the changes: what comes meanwhile is behind this, so that nobody misses it.
        newest = self._store.changes.newest()
        found = self._store.changes.since(after, place=place, limit=limit)
        seen = [after, *(change.cursor for change in found[-1:])]
        if len(found) < limit:
            # Also past the changes of other places, whose cursors are kept for longer.
            seen.append(newest)
        behind = max(seen, key=lambda one: one.sequence)
        return Page(tuple(map(change_json, found)), str(behind))

    def newest_changes(
        self,
        cursor: str | None = None,
        *,
        registry: str | None = None,
        repository: str | None = None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """Return what changed before a change, in one place if one is named; newest first.

        Without a cursor it begins with the newest. :class:`CursorExpiredError` where the cursor is
        not kept any more.
        """
        place = self._change_place(registry, repository)
        behind = ChangeCursor.parse(cursor) if cursor else None
        found = self._store.changes.before(behind, place=place, limit=limit + 1)
        page = make_page(found, limit=limit, place=lambda change: str(change.cursor))
        return page.map(change_json)

    def newest_change(self) -> str:
        """Return the cursor behind everything that changed: for who takes a listing next."""
        return str(self._store.changes.newest())

    def _change_place(self, registry: str | None, repository: str | None) -> ChangePlace:
        # A repository may be gone, and its changes are kept.
        if registry:
            self.registry(registry)
        return ChangePlace(registry or None, repository or None)
