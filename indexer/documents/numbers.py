"""The numbers of a document: what ranges ask for, and how prominent it is."""

from collections.abc import Iterable, Mapping
from math import log2, log10

from indexer.documents.described import DescribedImage, parse_seconds
from indexer.model import NUMBERS, Pulls, fold, words

Numbers = Mapping[str, tuple[int, ...]]

PULLS_POINTS = 60
"""Of prominence: ten for each power of ten, a million pulls and more have them all."""
TAGS_POINTS = 10
"""Of prominence: one for each doubling of a repository's tags."""
RECENT_POINTS = 30
"""Of prominence: two for each year from 2015 on, so that it does not change with the clock."""
MADE_FOR_POINTS = 10
"""Of prominence, taken from what is made for something else: as much as a tenth of the pulls."""
_PARTS = frozenset(
    {"adapter", "binding", "client", "connector", "driver", "exporter", "extension", "module"}
    | {"plugin"}
)
_BESIDE = frozenset(
    {"backup", "cli", "demo", "dev", "doc", "example", "mod", "operator", "sdk", "sidecar"}
    | {"test", "tool", "ui", "util", "webhook"}
)
_SAID = _PARTS | {f"{word}s" for word in _PARTS}
"""A description with one of these words is that of something made for something else."""
_NAMED = _SAID | _BESIDE | {f"{word}s" for word in _BESIDE}
"""So is a name with one of these."""
_YEAR_SECONDS = 31_556_952
_FIRST_YEAR = 2015
_YEAR_POINTS = 2


def image_numbers(described: DescribedImage) -> Numbers:
    """Return the numbers of an image; an index has the number of layers of each platform.

    An unknown size is no number, so that no range holds it.
    """
    extracted = described.extracted
    size = extracted.size_bytes
    return _numbers(
        created=[described.created],
        pushed=[described.pushed],
        pulled=[parse_seconds(described.pulls.last_at)],
        size=[] if size is None else [size],
        layers=extracted.layer_counts,
        pulls=[described.pulls.count],
    )


def repository_numbers(images: Iterable[Numbers], pulls: Pulls) -> Numbers:
    """Return the numbers of a repository: those of all its images, and its own pulls.

    So a range of sizes holds a repository if one of its images weighs that.
    """
    own = _numbers(pulled=[parse_seconds(pulls.last_at)], pulls=[pulls.count])
    found: dict[str, set[int]] = {}
    for numbers in (own, *images):
        for name, values in numbers.items():
            found.setdefault(name, set()).update(values)
    return {name: tuple(sorted(found[name])) for name in NUMBERS if name in found}


def is_made_for_another(name: str, description: str) -> bool:
    """Tell whether the last component of a name, or a description, tells of a client or the like.

    Such an image is made for something else, which is found by the same words.
    """
    named = words(fold(name.rpartition("/")[2]))
    return not (_NAMED.isdisjoint(named) and _SAID.isdisjoint(words(fold(description))))


def prominence(*, pulls: int, newest: int, tags: int = 0, is_made_for_another: bool = False) -> int:
    """Return from 0 to 100 how popular and recent something is; more is never less.

    ``newest`` are the seconds since 1970 of the newest push or creation, 0 for unknown.
    """
    years = newest / _YEAR_SECONDS + 1970 - _FIRST_YEAR
    popular = min(PULLS_POINTS, PULLS_POINTS / 6 * log10(1 + pulls))
    tagged = min(TAGS_POINTS, log2(1 + tags))
    recent = min(RECENT_POINTS, max(0.0, _YEAR_POINTS * years))
    taken = MADE_FOR_POINTS if is_made_for_another else 0
    return max(0, int(popular + tagged + recent - taken))


def _numbers(**found: Iterable[int]) -> Numbers:
    """Return what is known: zero is a number of bytes, pulls and layers, but no time."""
    known = {
        name: {value for value in values if value or name in ("size", "layers", "pulls")}
        for name, values in found.items()
    }
    return {name: tuple(sorted(values)) for name, values in known.items() if values}
