"""The second catalogue: Debian's packages as repositories, with the texts of their maintainers.

Only the names are kept here. The texts come from the machine's apt lists when they are needed.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.relevance.catalogue import DATA, Entry

FOLDER = DATA / "debian"
MISSING_SHARE_MAX = 0.25
"""The share of packages that a machine may lack; with more, the figures are of another set."""
_PUSHED = datetime(2026, 2, 1, tzinfo=UTC)
_OCI = "org.opencontainers.image."


class PackagesError(Exception):
    """The machine cannot tell what Debian's packages say of themselves."""


@dataclass(frozen=True, slots=True)
class PackageCatalogue:
    """The packages that apt knows, as repositories by package name, and the names it lacks."""

    repositories: Mapping[str, Entry]
    missing: tuple[str, ...]


def package_names() -> tuple[str, ...]:
    """Return the names of the chosen packages."""
    return tuple((FOLDER / "packages.txt").read_text(encoding="utf-8").split())


def read_catalogue() -> PackageCatalogue:
    """Return the chosen packages as the machine's apt lists describe them."""
    names = package_names()
    found = make_catalogue(names, read_apt(names))
    if len(found.missing) > MISSING_SHARE_MAX * len(names):
        raise PackagesError(
            f"apt's lists lack {len(found.missing)} of {len(names)} packages;"
            " fill them with 'apt-get update' on a Debian system"
        )
    return found


def read_apt(names: Iterable[str]) -> str:
    """Return apt's records of packages, in English; it passes over those that it lacks."""
    command = ("apt-cache", "show", "--no-all-versions", *names)
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - names of this folder
            command, env=environment, capture_output=True, check=False, encoding="utf-8"
        )
    except OSError as error:
        raise PackagesError(f"apt-cache cannot be run: {error}") from error
    return done.stdout


def make_catalogue(names: Iterable[str], records: str) -> PackageCatalogue:
    """Return a repository for each named package that has a record."""
    fields = [_read_fields(record) for record in records.split("\n\n") if record.strip()]
    known = {one["Package"]: _entry(one) for one in fields}
    repositories = {name: known[name] for name in names if name in known}
    return PackageCatalogue(repositories, tuple(n for n in names if n not in known))


def _read_fields(record: str) -> dict[str, str]:
    """Return the first line of each field; a description's first line is the short one."""
    lines = (line.partition(":") for line in record.splitlines() if not line.startswith(" "))
    return {key.removesuffix("-en"): value.strip() for key, _, value in lines}


def _entry(fields: Mapping[str, str]) -> Entry:
    name, homepage = fields["Package"], fields.get("Homepage", "")
    section = fields.get("Section", "misc").rpartition("/")[2]
    return Entry(
        name=f"{section}/{name}",
        kind="image",
        tags=("latest",),
        pulls=0,
        pushed=_PUSHED,
        title=name,
        description=fields.get("Description", ""),
        labels={f"{_OCI}url": homepage} if homepage else {},
        platforms=("linux/amd64",),
    )
