"""What a search node asks an indexer node beside what everybody may ask: address and rights."""

from collections.abc import Sequence
from typing import Any

from indexer.model import ALL_RIGHTS, Rights, make_rights

LINEAGE_PATH = "/nodes/lineage"
"""Where an indexer node tells what conditions about layers mean."""


def rights_json(rights: Rights, registries: Sequence[str]) -> dict[str, Any]:
    """Return the part of rights that is about some registries."""
    return {
        "registries": [name for name in registries if rights.sees_all_of(name)],
        "repositories": {
            name: sorted(rights.repositories[name])
            for name in registries
            if name in rights.repositories and not rights.sees_all_of(name)
        },
    }


def read_rights(sent: Any, registries: Sequence[str]) -> Rights:
    """Return the rights that a search node sent to the node with these registries.

    :class:`ValueError`, :class:`KeyError` or :class:`TypeError` if it sent none.
    """
    whole = [str(name) for name in sent["registries"]]
    if set(registries) <= set(whole):
        return ALL_RIGHTS
    single = {str(name): map(str, names) for name, names in sent["repositories"].items()}
    return make_rights(whole, single)
