"""Random rights over the documents that there are, in queries of every form."""

from collections import defaultdict
from collections.abc import Iterable
from random import Random

from indexer.model import (
    ALL_RIGHTS,
    NO_RIGHTS,
    And,
    AtLeast,
    Document,
    Not,
    Or,
    Query,
    Rights,
    Visible,
    make_rights,
)

MANY = 3000
"""How many names rights may have that no document has."""
_FORMS = ["and", "and", "and", "before", "alone", "not", "or", "at least"]


def random_rights(random: Random, documents: Iterable[Document]) -> Rights:
    """Rights to nothing, all, whole registries, single repositories, and names that are not there.

    Names of other spellings are among them, which folded would be those of documents.
    """
    kind = random.choice(["nothing", "all", "whole", *["single"] * 5])
    if kind in ("nothing", "all"):
        return NO_RIGHTS if kind == "nothing" else ALL_RIGHTS
    known = defaultdict[str, set[str]](set)
    for document in documents:
        known[document.key.registry].add(document.key.repository)
    registries = ["unknown.example", *sorted(known)]
    whole = random.sample(registries, random.choice([0, 0, 1, 2]) if kind == "single" else 1)
    single = {registry: _some(random, sorted(known[registry])) for registry in registries}
    return make_rights(whole, single if kind == "single" else {})


def _some(random: Random, names: list[str]) -> list[str]:
    """Some names, few, half or nearly all; perhaps with others."""
    share = random.choice([0, 0.02, 0.5, 0.95, 1])
    some = [name for name in names if random.random() < share]
    if random.random() < 0.3:
        some += [name.swapcase() for name in names]
    if random.random() < 0.1:
        some += [f"web/{random.randrange(10 * MANY)}" for _ in range(MANY)]
    return some


def restricted(random: Random, query: Query, documents: Iterable[Document]) -> Query:
    """A query and random rights: as searches have them, or anywhere else in it."""
    visible = Visible(random_rights(random, documents))
    match random.choice(_FORMS):
        case "and":
            return And((query, visible))
        case "before":
            return And((visible, query))
        case "not":
            return And((query, Not(visible)))
        case "or":
            return Or((query, visible))
        case "at least":
            return AtLeast(random.randint(1, 3), (query, visible, query), (1, 2, 1))
        case _:
            return visible
