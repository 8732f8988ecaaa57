"""Compare what fifty callers are told of 1,000 repositories: ``python -m … --engine whoosh``."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.search_api.access.proof.test_callers import ENGINES, compare_callers


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how much was compared; end with the first differences if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="whoosh")
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--repositories", type=int, default=1_000)
    parser.add_argument("--asked", action="store_true", help="one registry decides by itself")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="regsearch-proof-") as folder:
        compared = asyncio.run(
            compare_callers(
                Path(folder),
                engine=given.engine,
                repositories=given.repositories,
                callers=given.callers,
                parts=7,
                things=3,
                step=3,
                is_asked=given.asked,
            )
        )
    print(f"{given.engine}: {compared}")
    if compared.differences:
        sys.exit("\n".join(map(str, compared.differences[:20])))


if __name__ == "__main__":
    main()
