"""Pages over HTTP, each beside the same of the API: times and bytes.

``python -m bench.pages`` runs the real service over a corpus, as :mod:`bench.search` does. A page
is made whole on the server, so the time to its first byte is that of the answer. Each kind is asked
beside its reference in turn, so that both see the same machine:

- *results*: searches of all classes mixed, beside ``/api/v1/search`` with the facets of the page;
- *results alone*: what the script asks for while somebody types;
- *repository* and *image*: of the first results, beside what the API says of the same;
- the start, the status and the help.

Bytes are compressed, as a browser gets them. A first visit has the files of the page too.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from bench.corpus.sizes import SIZES
from bench.engine_material import material
from bench.engine_measures import LOCAL_ENGINES
from bench.search_rows import mixed_paths
from bench.search_service import rebuild, service_over, start
from search_api.pages.search import FACETS
from tests.end_to_end.measures import percentile
from tests.end_to_end.ports import free_port

API = "/api/v1"
HTML = {"Accept": "text/html", "Accept-Encoding": "gzip"}
RESOURCES = 100
"""Repositories and images that are looked at."""


@dataclass(frozen=True, slots=True)
class PageRow:
    """The times of a kind of page beside those of the API, in milliseconds, and its bytes."""

    page: str
    asked: int
    p50: float
    p95: float
    api_p50: float
    api_p95: float
    bytes_p50: int
    bytes_longest: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON on demand."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--corpus", choices=sorted(SIZES), default="small")
    parser.add_argument("--engine", choices=LOCAL_ENGINES, default=next(iter(LOCAL_ENGINES)))
    parser.add_argument("--number", type=int, default=40, help="searches of each class")
    parser.add_argument("--store", type=Path, metavar="DIR", help="a data directory to copy")
    parser.add_argument("--material", type=Path, metavar="DIR", help="made queries, kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    given = parser.parse_args(arguments)
    registry = f"http://127.0.0.1:{free_port()}"
    with (
        material(given.corpus, number=given.number, folder=given.material) as made,
        tempfile.TemporaryDirectory(prefix="bench-pages-") as name,
        service_over(
            given.corpus, Path(name), engine=given.engine, registry=registry, store=given.store
        ) as service,
    ):
        service.configure(REGSEARCH_CALLER_REQUESTS_PER_SECOND="0")
        rebuild(service)
        start(service)
        with httpx2.Client(base_url=service.url, headers=HTML, trust_env=False) as client:
            rows = list(measure(client, mixed_paths(made.asks())))
            visit = first_visit(client)
    print_rows(rows, visit, title=f"pages, {given.corpus}, {given.engine}")
    if given.json:
        body = {"rows": [asdict(one) for one in rows], "first_visit_bytes": visit}
        given.json.write_text(json.dumps(body, indent=2) + "\n")


def measure(client: httpx2.Client, searches: Sequence[str]) -> Iterator[PageRow]:
    """Give a row for each kind of page; ``searches`` are addresses of the API."""
    pages = [
        (one.removeprefix(API), _with_facets(one)) for one in searches if _is_readable(client, one)
    ]
    yield _row(client, "results", pages)
    yield _row(client, "results alone", pages, {"X-Fragment": "results"})
    found = client.get(f"{API}/search?limit={RESOURCES}").json()["results"]
    places = [f"{one['registry']}/{one['repository']}" for one in found]
    yield _row(client, "repository", [(f"/r/{one}", f"{API}/repositories/{one}") for one in places])
    images = client.get(f"{API}/search?type=image&limit={RESOURCES}").json()["results"]
    within = [f"?registry={one['registry']}&repository={one['repository']}" for one in images]
    yield _row(
        client,
        "image",
        [
            (f"/i/{one['digest']}{place}", f"{API}/images/{one['digest']}{place}")
            for one, place in zip(images, within, strict=True)
        ],
    )
    for name, page, twin in (
        ("start", "/", f"{API}/search?limit=10"),
        ("changes", "/changes", f"{API}/changes?order=newest"),
        ("status", "/status", f"{API}/status"),
        ("help", "/help", "/healthz"),
    ):
        yield _row(client, name, [(page, twin)] * 50)


def first_visit(client: httpx2.Client) -> int:
    """Return the bytes of the first page of results with all files that it names."""
    page = client.get("/search")
    files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text))
    return sum(_bytes(one) for one in (page, *map(client.get, sorted(files))))


def _row(
    client: httpx2.Client,
    name: str,
    addresses: Sequence[tuple[str, str]],
    headers: Mapping[str, str] | None = None,
) -> PageRow:
    taken: dict[int, list[float]] = {0: [], 1: []}
    sizes = []
    for pair in addresses:
        for which, address in enumerate(pair):
            begun = time.perf_counter()
            answer = client.get(address, headers=headers if which == 0 else None)
            taken[which].append((time.perf_counter() - begun) * 1_000)
            answer.raise_for_status()
            if which == 0:
                sizes.append(_bytes(answer))
    return PageRow(
        page=name,
        asked=len(addresses),
        p50=percentile(taken[0], 50),
        p95=percentile(taken[0], 95),
        api_p50=percentile(taken[1], 50),
        api_p95=percentile(taken[1], 95),
        bytes_p50=int(percentile(sizes, 50)),
        bytes_longest=max(sizes),
    )


def _with_facets(address: str) -> str:
    return f"{address}&facets={','.join(FACETS)}" if "facets=" not in address else address


def _is_readable(client: httpx2.Client, address: str) -> bool:
    return client.get(address).status_code == httpx2.codes.OK


def _bytes(answer: httpx2.Response) -> int:
    """Return the bytes of an answer on the way, with its head."""
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return answer.num_bytes_downloaded + head


def print_rows(rows: Sequence[PageRow], visit: int, *, title: str) -> None:
    """Print the rows, and the bytes of a first visit."""
    table = Table("page", "asked", "p50", "p95", "API p50", "API p95", "bytes", "most", title=title)
    for one in rows:
        table.add_row(
            one.page,
            f"{one.asked}",
            *(f"{value:.1f}" for value in (one.p50, one.p95, one.api_p50, one.api_p95)),
            *(f"{value:,}" for value in (one.bytes_p50, one.bytes_longest)),
        )
    console = Console()
    console.print(table)
    console.print(f"first visit: {visit:,} bytes over the wire")


if __name__ == "__main__":
    main()
