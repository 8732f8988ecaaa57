"""Recognising: which kind a manifest is, out of a table of kinds."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from indexer.extract.kinds.attachments import ATTACHMENTS
from indexer.extract.kinds.images import IMAGES
from indexer.extract.kinds.kind import Kind, Material
from indexer.extract.kinds.models import MODELS
from indexer.extract.kinds.packages import PACKAGES
from indexer.extract.kinds.wasm import WASM

_Ranked = tuple[int, Kind]


class KindTable:
    """Kinds in the order in which they are asked; a value, shared by all who extract.

    :class:`ValueError` where two kinds have one name.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = tuple(kinds)
        self.by_name = {kind.name: kind for kind in self.kinds}
        if len(self.by_name) < len(self.kinds):
            names = [kind.name for kind in self.kinds]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"kinds of the same name: {', '.join(twice)}")
        self.json_configs = frozenset(one for kind in self.kinds for one in kind.json_configs)
        named = [(rank, kind) for rank, kind in enumerate(self.kinds) if not kind.generic]
        self._types = _Keys((kind.types, (rank, kind)) for rank, kind in named)
        self._annotations = _Keys((kind.annotations, (rank, kind)) for rank, kind in named)
        self._layers = _Keys((kind.layers, (rank, kind)) for rank, kind in named)
        self._labels = _Keys((kind.labels, (rank, kind)) for rank, kind in named)
        self._layer_annotations = _Keys(
            (kind.layer_annotations, (rank, kind)) for rank, kind in named
        )
        self._platforms = _Keys((kind.platforms, (rank, kind)) for rank, kind in named)
        self._tags = [(re.compile(kind.tags), kind) for _, kind in named if kind.tags]
        self._generic = _Keys(
            (kind.types, (rank, kind)) for rank, kind in enumerate(self.kinds) if kind.generic
        )

    def extended(self, others: Iterable[Kind]) -> "KindTable":
        """Return a table that asks ``others`` first, so that they can be more particular."""
        return KindTable((*others, *self.kinds))

    def recognise(self, material: Material) -> Kind | None:
        """Return the kind of ``material``, None where no kind is recognised.

        The kinds are asked by artifact type, then annotations, layers, labels, annotations of
        layers, platform and tags; the generic ones last.
        """
        return next(self._found(material), None)

    def is_named_by(self, tags: Sequence[str]) -> bool:
        """Tell whether the tags of something alone may tell its kind."""
        return bool(tags) and any(all(map(one.fullmatch, tags)) for one, _ in self._tags)

    def _found(self, material: Material) -> Iterator[Kind]:
        for ranked in (
            self._types.match_values([material.artifact_type]),
            *map(self._annotations.match_pairs, material.annotations),
            self._layers.match_values(one.media_type for one in material.layers),
            self._labels.match_pairs(material.labels),
        ):
            yield from _agreeing(ranked, material)
        on_layers = [
            self._layer_annotations.match_pairs(one.annotations) for one in material.layers
        ]
        yield from _agreeing([one for found in on_layers for one in found], material)
        if material.platform is not None:
            name = f"{material.platform.os}/{material.platform.architecture}"
            yield from _agreeing(self._platforms.match_values([name]), material)
        for pattern, kind in self._tags:
            if material.tags and all(map(pattern.fullmatch, material.tags)):
                yield kind
        yield from _agreeing(self._generic.match_values([material.artifact_type]), material)


class _Keys:
    """Kinds by one sort of key: ``key``, ``key=value``, or ``beginning*``."""

    def __init__(self, kinds: Iterable[tuple[Sequence[str], _Ranked]]) -> None:
        self._exact: dict[str, list[_Ranked]] = {}
        self._beginnings: list[tuple[str, _Ranked]] = []
        for keys, ranked in kinds:
            for key in keys:
                if key.endswith("*"):
                    self._beginnings.append((key[:-1], ranked))
                else:
                    self._exact.setdefault(key, []).append(ranked)

    def match_values(self, values: Iterable[str]) -> list[_Ranked]:
        found: list[_Ranked] = []
        for value in values:
            essence = value.partition(";")[0].strip().lower()
            found += self._exact.get(essence, ())
            found += [ranked for start, ranked in self._beginnings if essence.startswith(start)]
        return found

    def match_pairs(self, pairs: Mapping[str, str]) -> list[_Ranked]:
        if not self._exact and not self._beginnings:
            return []
        found: list[_Ranked] = []
        for key, value in pairs.items():
            found += self._exact.get(key, ())
            found += self._exact.get(f"{key}={value}", ()) if len(value) <= 256 else ()
            found += [ranked for start, ranked in self._beginnings if key.startswith(start)]
        return found


def _agreeing(found: Iterable[_Ranked], material: Material) -> Iterator[Kind]:
    # Each kind is asked once, though a thousand layers may be of it.
    kinds = dict(found)
    for _, kind in sorted(kinds.items(), key=lambda ranked: ranked[0]):
        if kind.only is None or kind.only(material):
            yield kind


BUILT_IN = KindTable((*ATTACHMENTS, *PACKAGES, *WASM, *MODELS, *IMAGES))
"""All the kinds that come with regsearch."""
