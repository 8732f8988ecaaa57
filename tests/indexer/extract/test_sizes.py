"""What content takes: known sizes, unknown ones, and claims that differ."""

import itertools
import json

import pytest

from indexer.extract import read_blob_sizes, sum_sizes, weigh
from indexer.model import Digest, Manifest, media_types, parse_manifest
from tests.builders import digest_of

A, B = (Digest(digest_of(name)) for name in (b"a", b"b"))


def manifest(**sizes: int | None) -> Manifest:
    """Return an image with these layers; None is a descriptor without a size."""
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST}
    layers = [
        {"digest": digest_of(name.encode()), **({} if size is None else {"size": size})}
        for name, size in sizes.items()
    ]
    return parse_manifest(json.dumps({**body, "layers": layers}).encode())


def schema1(*names: str) -> Manifest:
    layers = [{"blobSum": digest_of(name.encode())} for name in names]
    return parse_manifest(json.dumps({"schemaVersion": 1, "fsLayers": layers}).encode())


def test_each_blob_counts_once() -> None:
    assert weigh([manifest(a=10, b=5), manifest(a=10)]) == 15


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_known_size_wins_and_of_two_claims_the_greater(order: tuple[int, ...]) -> None:
    all_three = [manifest(a=10, b=1), schema1("a", "b"), manifest(a=None, b=7)]
    assert read_blob_sizes(all_three[n] for n in order) == {A: 10, B: 7}


@pytest.mark.parametrize(
    "manifests",
    [
        [schema1("a")],
        [manifest(a=10, b=None)],
        [manifest(a=10), parse_manifest(b"not JSON")],
        [None],
    ],
)
def test_a_sum_with_an_unknown_part_is_unknown(manifests: list[Manifest | None]) -> None:
    assert weigh(manifests) is None


def test_what_is_not_there_takes_nothing_beside_what_is() -> None:
    assert weigh([None, manifest(a=10)]) == 10
    assert weigh([]) == 0


def test_a_sum_stays_within_what_a_database_holds() -> None:
    assert sum_sizes([2**63 - 1, 2**63 - 1]) == 2**63 - 1
