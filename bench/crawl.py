"""Crawls: how fast all of a real registry becomes searchable, beside what `hey` asks of it.

``python -m bench.crawl`` writes repositories of one image each to the disk of a registry, starts
the registry and then ``regsearch serve`` with an empty data directory. It waits until all is
searchable. The processor's time of each process is counted. `hey` asks the same registry for the
same three things in turn (tags, manifest, config) over 8 and 32 connections, and the better result
is the reference.

``--before`` names another checkout: its service is measured in turns with this one, over the same
registry.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.content import TAG, built, repository_name
from bench.engine_measures import LOCAL_ENGINES
from tests.builders import BuiltManifest
from tests.end_to_end.measures import (
    hey_requests_a_second,
    memory_megabytes,
    processor_seconds,
)
from tests.end_to_end.real_registry import DISTRIBUTION_2, DISTRIBUTION_3, RealRegistry
from tests.end_to_end.service import PROJECT, Service
from tests.programs import find_program

PROGRAMS = {"2.8": DISTRIBUTION_2, "3.1": DISTRIBUTION_3}
HEY_REQUESTS = 4_000
HEY_CONNECTIONS = (8, 32)
CRAWL_SECONDS = 1_800
LOOK_SECONDS = 0.25
"""How often the service is asked how far it is: each time costs a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl. ``processor`` has the milliseconds an image of each process, by its name."""

    code: str
    registry: str
    engine: str
    repositories: int
    requests: int
    seconds: float
    hey: float
    processor: dict[str, float]
    peak_megabytes: float

    @property
    def images_per_second(self) -> float:
        """The images that became searchable in a second; each repository has one."""
        return self.repositories / self.seconds

    @property
    def share_of_hey(self) -> float:
        """The requests a second, as a share of those of hey."""
        return self.requests / self.seconds / self.hey


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.crawl", description=__doc__)
    parser.add_argument("--repositories", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--registry", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--engine", nargs="+", choices=list(LOCAL_ENGINES), default=["tantivy"])
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout to measure")
    parser.add_argument("--rounds", type=int, default=1, help="measure everything so many times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    checkouts = {"before": given.before.resolve()} if given.before else {}
    rows: list[Crawl] = []
    for repositories in given.repositories:
        with tempfile.TemporaryDirectory(prefix="regsearch-bench-") as name:
            write_repositories(Path(name) / "data", repositories)
            for version in given.registry:
                with _registry(Path(name), version) as registry:
                    hey = _hey(registry.url)
                    for _ in range(given.rounds):
                        for engine in given.engine:
                            for code, checkout in {**checkouts, "now": PROJECT}.items():
                                row = _crawl(
                                    registry,
                                    version=version,
                                    engine=engine,
                                    repositories=repositories,
                                    hey=hey,
                                    code=code,
                                    checkout=checkout,
                                )
                                print_rows([row])
                                rows.append(row)
    print_rows(rows)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def write_repositories(data: Path, number: int) -> None:
    """Write repositories of one image to the disk of a registry that does not run yet."""
    root = data / "docker/registry/v2"
    for one in range(number):
        _write_repository(root, repository_name(one), built(one))


def _write_repository(root: Path, name: str, image: BuiltManifest) -> None:
    repository = root / "repositories" / name
    manifest = image.digest.replace(":", "/")
    for digest, body in [(image.digest, image.body), *((b.digest, b.body) for b in image.blobs)]:
        algorithm, _, hexadecimal = digest.partition(":")
        folder = root / "blobs" / algorithm / hexadecimal[:2] / hexadecimal
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "data").write_bytes(body)
    links = {
        f"_manifests/revisions/{manifest}/link": image.digest,
        f"_manifests/tags/{TAG}/current/link": image.digest,
        f"_manifests/tags/{TAG}/index/{manifest}/link": image.digest,
    }
    for blob in image.blobs:
        links[f"_layers/{blob.digest.replace(':', '/')}/link"] = blob.digest
    for path, digest in links.items():
        (repository / path).parent.mkdir(parents=True)
        (repository / path).write_text(digest)


@contextmanager
def _registry(folder: Path, version: str) -> Iterator[RealRegistry]:
    program = find_program(PROGRAMS[version])
    if program is None:
        raise SystemExit(f"needs {PROGRAMS[version]}: docs/performance.md names what to install")
    registry = RealRegistry(folder, program=program)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def _hey(url: str) -> float:
    """Return the requests a second of hey for the same mix, at the better number of connections."""
    name, image = repository_name(0), built(0)
    paths = ("tags/list", f"manifests/{TAG}", f"blobs/{image.blobs[0].digest}")
    rates = []
    for connections in HEY_CONNECTIONS:
        each = [
            hey_requests_a_second(
                f"{url}/v2/{name}/{path}", requests=HEY_REQUESTS, connections=connections
            )
            for path in paths
        ]
        rates.append(len(each) / sum(1 / rate for rate in each))
    return max(rates)


def _crawl(
    registry: RealRegistry,
    *,
    version: str,
    engine: str,
    repositories: int,
    hey: float,
    code: str,
    checkout: Path,
) -> Crawl:
    with tempfile.TemporaryDirectory(prefix="regsearch-bench-") as name:
        service = Service(Path(name))
        settings = Path(name) / "regsearch.toml"
        settings.write_text(
            f'engine = "{engine}"\n[[registry]]\nurl = "{registry.url}"\n'
            f'registry_host = "{registry.host}"\n',
            "utf-8",
        )
        service.configure(REGSEARCH_CONFIG=str(settings), PYTHONPATH=str(checkout))
        try:
            registry_before = processor_seconds(registry.pid)
            started = time.monotonic()
            service.start()
            usage = Usage(service)
            service.wait_until(
                lambda: usage.look() and _is_searchable(service, repositories),
                CRAWL_SECONDS,
                "all is searchable",
                every=LOOK_SECONDS,
            )
            seconds = time.monotonic() - started
            usage.look()
            used = {
                **usage.seconds(),
                "registry": processor_seconds(registry.pid) - registry_before,
            }
            return Crawl(
                code=code,
                registry=version,
                engine=engine,
                repositories=repositories,
                requests=service.requests_made(),
                seconds=seconds,
                hey=hey,
                processor={name: 1_000 * spent / repositories for name, spent in used.items()},
                peak_megabytes=memory_megabytes(service.child_pid("indexer"))[1],
            )
        finally:
            service.close()


def _is_searchable(service: Service, repositories: int) -> bool:
    freshness = service.freshness()
    if not freshness.idle:
        return False
    return service.search("", "image", limit=1).total >= repositories


class Usage:
    """The processor's time of the processes of a service, also of those that have ended."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._found: dict[int, tuple[str, float]] = {}

    def look(self) -> bool:
        """Read the times anew; always True."""
        names = {self._service.supervisor_pid: "supervisor"}
        names |= {self._service.child_pid(name): name for name in ("indexer", "web")}
        for pid in self._service.processes():
            try:
                used = processor_seconds(pid)
            except OSError:
                continue
            self._found[pid] = (names.get(pid, "others"), used)
        return True

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each kind of process."""
        found: dict[str, float] = {}
        for name, used in self._found.values():
            found[name] = found.get(name, 0.0) + used
        return found


def print_rows(rows: Sequence[Crawl]) -> None:
    """Print the figures as a table."""
    table = Table(
        *("code", "registry", "engine", "images", "requests", "s", "images/s", "requests/s"),
        *("hey", "share of hey", "processor, ms an image", "indexer's peak, MB"),
        title="first crawls",
    )
    for row in rows:
        table.add_row(
            *(row.code, row.registry, row.engine, str(row.repositories), str(row.requests)),
            *(f"{row.seconds:.1f}", f"{row.images_per_second:.0f}"),
            *(f"{row.requests / row.seconds:.0f}", f"{row.hey:.0f}", f"{row.share_of_hey:.0%}"),
            ", ".join(f"{name} {spent:.2f}" for name, spent in sorted(row.processor.items())),
            f"{row.peak_megabytes:.0f}",
        )
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
