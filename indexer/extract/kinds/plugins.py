"""Kinds of content that other Python packages bring along.

A package names them in its entry points, group ``regsearch.kinds``; ``docs/kinds.md`` shows how. A
plugin that does not load, or a kind that fails on some content, is named in a warning; the content
is extracted without it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from indexer.extract.kinds.kind import Kind, Material, Where
from indexer.extract.kinds.table import BUILT_IN, KindTable

log = structlog.get_logger()

GROUP = "regsearch.kinds"


def load_kinds(plugins: Iterable[EntryPoint] | None = None) -> KindTable:
    """Return the built-in kinds and, asked before them, those of the plugins.

    ``plugins`` are those of the installed packages unless they are given. Each is a kind or a
    list of kinds; one that is not, or raises, or has the name of another kind, is left out.
    """
    table = BUILT_IN
    found = entry_points(group=GROUP) if plugins is None else plugins
    for plugin in sorted(found, key=lambda one: one.name):
        try:
            loaded = plugin.load()
            kinds = [loaded] if isinstance(loaded, Kind) else list(loaded)
            table = table.extended([guarded(kind, plugin.name) for kind in kinds])
        except Exception as error:
            log.warning("kind_plugin_broken", plugin=plugin.name, reason=repr(error)[:500])
    return table


def guarded(kind: Kind, plugin: str) -> Kind:
    """Return a kind whose functions never raise; the first failure of the kind is logged."""
    if not isinstance(kind, Kind):
        raise TypeError(f"a {type(kind).__name__} instead of a kind")
    report = _Report(plugin, kind.name)

    def safe(place: Where) -> Where:
        def look(material: Material) -> Iterator[Any]:
            try:
                yield from place(material)
            except Exception as error:
                report(error)

        return look

    def safe_only(material: Material) -> bool:
        try:
            return kind.only is None or kind.only(material)
        except Exception as error:
            report(error)
            return False

    def safe_places(places: Mapping[str, Where | tuple[Where, ...]]) -> dict[str, Any]:
        return {
            name: tuple(map(safe, one)) if isinstance(one, tuple) else safe(one)
            for name, one in places.items()
        }

    return replace(
        kind,
        only=safe_only if kind.only else None,
        fields=safe_places(kind.fields),
        properties=safe_places(kind.properties),
        contents=tuple(map(safe, kind.contents)),
    )


class _Report:
    """Logs the first failure of a kind; the next million would be the same."""

    def __init__(self, plugin: str, kind: str) -> None:
        self._plugin = plugin
        self._kind = kind
        self._said = False

    def __call__(self, error: Exception) -> None:
        if not self._said:
            self._said = True
            log.warning(
                "kind_broken", plugin=self._plugin, kind=self._kind, reason=repr(error)[:500]
            )
