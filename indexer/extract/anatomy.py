"""What an image is made of: its parts, and for who looks at one, how each was built.

The facts that are searched are made of this too (:mod:`indexer.extract.facts`). Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.extract.classification import Classified, classify
from indexer.extract.history import HistoryEntry, read_history
from indexer.extract.kinds import KindTable
from indexer.extract.lineage import is_empty_layer, read_layers
from indexer.extract.parts import Part, list_parts
from indexer.extract.secrets import masked_pairs
from indexer.model import Content, Descriptor, Digest, Manifest, ManifestKind

_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A manifest and its parts: itself, or the platforms of an index; and what sort it is.

    ``tags`` are those that point to it, newest first.
    """

    manifest: Manifest
    parts: tuple[Part, ...]
    found: Classified
    tags: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def shown(self) -> Part:
        """The part that speaks for it."""
        return self.found.part

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.manifest.kind is ManifestKind.INDEX


@dataclass(frozen=True, slots=True)
class BuildStep:
    """A layer with what made it, or a step in between that made none (``layer`` is None).

    ``is_empty`` is also true of a layer that has nothing in it. ``step`` is None where the history
    does not tell which step made the layer. ``title`` is the name of the file in it, of artifacts.
    """

    layer: Descriptor | None
    diff_id: Digest | None
    step: HistoryEntry | None
    is_empty: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """The layers and steps of one part, base first.

    ``unplaced`` is the history where it does not fit the layers, so that nothing can be said.
    """

    steps: tuple[BuildStep, ...]
    unplaced: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A pair, and what has it: an ``index``, the ``descriptor`` in one, or the ``manifest``."""

    key: str
    value: str
    source: str


def take_apart(content: Content, *, kinds: KindTable, tags: Sequence[str] = ()) -> Anatomy:
    """Return what ``content`` is made of; never raises, whatever the bytes are."""
    manifest = content.manifest
    warnings = list(manifest.warnings)
    parts = list_parts(content, warnings, kinds=kinds)
    found = classify(manifest, parts, tags=tags, kinds=kinds)
    return Anatomy(manifest, tuple(parts), found, tuple(tags), tuple(warnings))


def read_build(part: Part) -> Build:
    """Return the layers of a part with the steps that made them."""
    if part.manifest is None:
        return Build((), ())
    layers = part.manifest.layers
    known = read_layers(part.manifest, part.config.raw)
    diff_ids = known.diff_ids if known else ()
    placed = [
        _step(layer, diff_ids[n] if n < len(diff_ids) else None) for n, layer in enumerate(layers)
    ]
    history = read_history(part.config.history)
    if sum(not entry.is_empty for entry in history) != len(layers):
        return Build(tuple(placed), history)
    remaining = iter(placed)
    return Build(
        tuple(
            BuildStep(None, None, entry, is_empty=True)
            if entry.is_empty
            else _made_by(next(remaining), entry)
            for entry in history
        ),
        (),
    )


def list_annotations(part: Part) -> list[Annotation]:
    """Return every annotation of a part and of the indexes around it, the outermost first.

    Secrets are masked.
    """
    last = len(part.annotations) - 1 if part.manifest is not None else -1
    found = []
    for place, pairs in enumerate(part.annotations):
        source = "manifest" if place == last else ("index", "descriptor")[place % 2]
        found += [Annotation(key, value, source) for key, value in masked_pairs(pairs).items()]
    return found


def _step(layer: Descriptor, diff_id: Digest | None) -> BuildStep:
    is_empty = is_empty_layer(layer.digest) or (diff_id is not None and is_empty_layer(diff_id))
    return BuildStep(
        layer, diff_id, None, is_empty=is_empty, title=layer.annotations.get(_TITLE, "")
    )


def _made_by(step: BuildStep, entry: HistoryEntry) -> BuildStep:
    return replace(step, step=entry)
