"""The classes of queries of the search benchmarks, drawn from a corpus by a seed.

Each query is one of a user who knows a part of the content: a word of a name or a description, its
beginning, a part of its middle, or a typing mistake.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from indexer.model.document import Document, DocumentType
from indexer.model.text import words

SEED = 20
_COMMON = 40
"""The number of most frequent words that count as common."""
_FILTERS = ("arch", "os", "kind", "license")


@dataclass(frozen=True, slots=True)
class Ask:
    """One search: the parameters of ``/api/v1/search``."""

    q: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words and values for queries."""

    names: Sequence[str]
    name_words: Sequence[str]
    words: Sequence[str]
    """Words of names and texts, including rare ones."""
    common: Sequence[str]
    filters: Sequence[str]


def make_vocabulary(corpus: Iterable[Document]) -> Vocabulary:
    """Return the vocabulary of a corpus's documents."""
    counts: Counter[str] = Counter()
    names: dict[str, None] = {}
    filters: Counter[tuple[str, str]] = Counter()
    for document in corpus:
        counts.update(_collect_words(document))
        names[document.name] = None
        filters.update(pair for pair in sorted(document.keywords) if pair[0] in _FILTERS)
    name_words = {word for name in names for word in words(name) if len(word) > 3}
    ordered = [word for word, _ in counts.most_common() if len(word) > 3 and word.isalpha()]
    return Vocabulary(
        names=list(names),
        name_words=sorted(name_words),
        words=ordered,
        common=ordered[:_COMMON],
        filters=[f'{name}:"{value}"' for (name, value), _ in filters.most_common(_COMMON)],
    )


def _collect_words(document: Document) -> set[str]:
    found = set(words(document.name))
    for text in document.texts:
        found.update(words(text.text))
    return found


def asks(vocabulary: Vocabulary, *, number: int) -> dict[str, list[Ask]]:
    """Return ``number`` searches of every class, the same for the same seed."""
    made: dict[str, list[Ask]] = {}
    for name, make in _CLASSES.items():
        random = Random(f"{SEED} {name}")  # noqa: S311 - the same each time
        made[name] = [make(vocabulary, random) for _ in range(number)]
    return made


def _typo(vocabulary: Vocabulary, random: Random) -> Ask:
    long_words = [word for word in vocabulary.name_words if len(word) > 5]
    word = random.choice(long_words)
    place = random.randrange(1, len(word) - 1)
    swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return Ask(swapped if swapped != word else word[:place] + word[place + 1 :])


def _substring(vocabulary: Vocabulary, random: Random) -> Ask:
    word = random.choice([word for word in vocabulary.name_words if len(word) > 5])
    return Ask(word[1:-1])


def _prefix(vocabulary: Vocabulary, random: Random) -> Ask:
    return Ask(f"{random.choice(vocabulary.words)[: random.choice([2, 3, 4])]}*")


def _two_words(vocabulary: Vocabulary, random: Random) -> Ask:
    return Ask(f"{random.choice(vocabulary.name_words)} {random.choice(vocabulary.common)}")


def _filter(vocabulary: Vocabulary, random: Random) -> Ask:
    return Ask(f"{random.choice(vocabulary.common)} {random.choice(vocabulary.filters)}")


def _facets(vocabulary: Vocabulary, random: Random) -> Ask:
    return Ask(random.choice(vocabulary.common), {"facets": "kind,platform,license,vendor"})


_CLASSES: Mapping[str, Callable[[Vocabulary, Random], Ask]] = {
    "exact name": lambda v, r: Ask(r.choice(v.names)),
    "common word": lambda v, r: Ask(r.choice(v.common)),
    "two words": _two_words,
    "prefix": _prefix,
    "substring": _substring,
    "wildcard": lambda v, r: Ask(f"*{r.choice(v.name_words)[1:]}"),
    "typo": _typo,
    "filter": _filter,
    "facets": _facets,
    "range": lambda v, r: Ask(f"{r.choice(v.common)} size:>{r.randrange(1, 200)}MB"),
    "sorted": lambda v, r: Ask(r.choice(v.common), {"sort": r.choice(["size", "name", "created"])}),
    "everything": lambda v, r: Ask(""),
}
CLASSES = tuple(_CLASSES)
TYPES = (DocumentType.REPOSITORY, DocumentType.IMAGE)
