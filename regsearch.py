"""The command ``regsearch``: it looks whether our packages are ours, and runs the command line.

Other distributions have packages with the names of ours. In one environment the files of one are
in the place of the other's, or one is found first. The import then fails with words that help
nobody, so the other one is named here, and what to do.
"""

import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("indexer", "search_api", "webhooks")
OWN = "regsearch"
USAGE_ERROR = 2
_REMEDY = (
    "install regsearch in an environment of its own: `pipx install regsearch` or"
    " `uv tool install regsearch`"
)


def main() -> None:
    """Run the command line, or end with 2 if packages of others are in its place."""
    if problem := find_displaced():
        _end(problem)
    try:
        from search_api.cli.main import main as run  # noqa: PLC0415

        run()
    except (ImportError, AttributeError):
        # Looking through all distributions takes long, so it is done only now.
        if problem := find_mixed():
            _end(problem)
        raise


def find_displaced() -> str | None:
    """Return what is wrong if one of our packages is found in another folder than this file."""
    folder = Path(__file__).resolve().parent
    for name in PACKAGES:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        if [Path(place).resolve() for place in places] != [folder / name]:
            found = places[0] if places else (spec.origin if spec else "nowhere")
            return (
                f"the package {name!r} of regsearch is in {folder / name}, but Python finds"
                f" {found}, which belongs to another program: {_REMEDY}, or take that folder out"
                " of PYTHONPATH"
            )
    return None


def find_mixed() -> str | None:
    """Return what is wrong if other distributions have put files into our packages."""
    owners = packages_distributions()
    for name in PACKAGES:
        others = sorted(set(owners.get(name, ())) - {OWN})
        if others:
            return (
                f"the package {name!r} of regsearch has files of {', '.join(others)}, which is"
                f" installed in the same environment: {_REMEDY}"
            )
    return None


def _end(problem: str) -> None:
    sys.stderr.write(f"regsearch: {problem}\n")
    sys.exit(USAGE_ERROR)
