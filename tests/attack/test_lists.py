"""Lists of a hostile registry cost little memory, and the other registry is read meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack import IS_FULL
from tests.attack.pair import Pair, started_pair
from tests.attack.stub_registry import Reply, as_json

MIB = 1_024 * 1_024
JSON = {"Content-Type": "application/json"}
MEMORY_MAX = 400
"""Megabytes; a service that reads two small registries has 100."""
LISTS = (
    ("empty lists", b"[],"),
    # The others are of the full size only.
    *((("empty names", b'"",'), ("names", b'"' + b"v" * 120 + b'",')) if IS_FULL else ()),
)
FOUND_WITHIN = 30.0
"""Seconds from push to found, on a machine that does other things too; 52 when it was bad."""


def filled(start: bytes, unit: bytes, size: int) -> bytes:
    """Return JSON of this size at most, that is closed."""
    count = (size - len(start) - len(b"]}")) // len(unit)
    return (start + unit * count).rstrip(b",") + b"]}"


def attack(pair: Pair, path: str, *, seconds: float) -> None:
    """Read the hostile registry, and push to the good one for so long."""
    pair.crawl(path)
    pair.push_for(seconds)


@pytest.mark.parametrize(("name", "unit"), LISTS, ids=[name for name, _ in LISTS])
def test_a_large_list_of_tags(
    tmp_path: Path, is_full: bool, figure: Callable[[str], None], name: str, unit: bytes
) -> None:
    size = (64 if is_full else 16) * MIB - 1
    with started_pair(tmp_path) as pair:
        pair.hostile.answer("/v2/_catalog", as_json({"repositories": ["evil/tags"]}))
        body = filled(b'{"name":"evil/tags","tags":[', unit, size)
        pair.hostile.answer("/v2/evil/tags/tags/list", Reply(body=body, headers=JSON))
        attack(pair, "/v2/evil/tags/tags/list", seconds=8 if is_full else 2)
        memory = pair.memory_peak()
        figure(f"tags of {len(body) // MIB + 1} MB of {name}: indexer {memory} MB; {pair.said()}")
        assert max(pair.seconds) < FOUND_WITHIN
        assert memory < MEMORY_MAX


def test_a_large_catalog(tmp_path: Path, is_full: bool, figure: Callable[[str], None]) -> None:
    size = (16 if is_full else 8) * MIB - 1
    with started_pair(tmp_path) as pair:
        body = filled(b'{"repositories":[', b"[],", size)
        pair.hostile.answer("/v2/_catalog", Reply(body=body, headers=JSON))
        attack(pair, "/v2/_catalog", seconds=6 if is_full else 1)
        memory = pair.memory_peak()
        figure(f"catalog of {len(body) // MIB + 1} MB: indexer {memory} MB; {pair.said()}")
        assert max(pair.seconds) < FOUND_WITHIN
        assert memory < MEMORY_MAX
        pair.service.wait_until(
            lambda: "more than 1000000 names" in str(pair.status()), 30, "the status says the limit"
        )
