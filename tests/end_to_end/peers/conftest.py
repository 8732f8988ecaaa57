"""Tests beside other registries, which take minutes to install: only ``make test-peers`` runs them.

``PEERS`` is the folder of the environment that has them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.end_to_end.peers.pulp import Pulp, find_postgres
from tests.programs import NeedsProgram

if "PEERS" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def pulp(needs_program: NeedsProgram) -> Iterator[Pulp]:
    """Give a running Pulp without repositories and without users but its administrator."""
    nginx = needs_program("nginx")
    postgres = find_postgres()
    if postgres is None:
        needs_program("initdb", package="postgresql")
    assert postgres is not None
    programs = Path(os.environ["PEERS"]).absolute()
    with (
        # Short, for the socket of the database.
        TemporaryDirectory(prefix="rs-", dir="/tmp") as folder,
        Pulp(Path(folder), programs=programs, postgres=postgres, nginx=nginx) as own,
    ):
        own.start()
        yield own
