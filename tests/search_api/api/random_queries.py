"""Random queries to the real service: ``python -m tests.search_api.api.random_queries``.

Starts the web process over a filled data directory and sends it query strings of every kind of
character and every parameter. Ends with 1 where an answer is 500 or more, and prints the seed and
the address that make it again.
"""

import argparse
import asyncio
import http.client
import json
import random
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

from search_api.processes.supervisor import own_command
from tests.children import Children
from tests.end_to_end.ports import free_port
from tests.search_api.filling import REGISTRIES, fill
from tests.search_api.sample_content import CONTENT

REPORT_EVERY = 1_000
STARTING_SECONDS = 30
PARTS = (
    *("nginx", "postgers", "team/web", "web:1.4", "café", "한국어", "AND", "OR", "NOT", "a", "_"),
    *("(", ")", '"', "-", "~", "*", "?", ":", "/", "@", "=", "<", ">", "..", "\\", "%", "\0", "\n"),
    *("label:", "annotation:team=", "size:>", "created:<", "tag:", "is:", "has:", "layer:sha256:"),
    *(
        "base:",
        "baseof:",
        "digest:",
        "port:",
        "env:A=",
        "platform:linux/",
        "1" * 50,
        "9e99",
        "2026-",
    ),
    *("docker pull ", "https://", "registry.example/", "sha256:" + "0" * 64, "😀", "\u202e", "İ"),
)
GOOD = (
    *("nginx", "ngin*", "*gress", "w?b", "postgers~", '"front proxy"', "(a OR b)", "-beta", "café"),
    *("team/web", "web:1.4", "label:team", "label:team=pay*", "arch:arm64", "size:>1", "x~ y"),
    *("created:<7d", "is:multiarch", "-has:sbom", "base:alpine", "platform:linux/*", "pulls:0.."),
)
"""Pieces that are right, also beside each other."""
NAMES = ("type", "registry", "facets", "sort", "limit", "cursor", "x")
VALUES = (
    *("", "image", "repository", "main", "second", "kind", "label:team", "kind,platform,license"),
    *("name", "-size", "pulls", "created", "0", "1", "7", "1000", "1001", "e30=", "%00"),
)
RANGES = ((0, 0x7F), (0, 0xFF), (0x100, 0x24FF), (0x3000, 0xD7FF), (0xD800, 0xDFFF), (0, 0x10FFFF))


@dataclass(frozen=True, slots=True)
class Slowest:
    """The request that took longest."""

    seconds: float = 0.0
    target: str = ""


def target(seed: int) -> str:
    """Return the path and query of a request."""
    random_ = random.Random(seed)
    pairs = [("q", _text(random_))]
    for _ in range(random_.choice((0, 0, 1, 2))):
        value = random_.choice(VALUES) if random_.random() < 0.8 else _text(random_)
        pairs.append((random_.choice(NAMES), value))
    return "/api/v1/search?" + "&".join(f"{name}={_encoded(value)}" for name, value in pairs)


def _text(random_: random.Random) -> str:
    """Return some characters, some pieces of the language, or both."""
    length = random_.choice((1, 2, 3, 5, 8, 20)) if random_.random() < 0.99 else 2_000
    if random_.random() < 0.5:
        return " ".join(random_.choice(GOOD) for _ in range(length))
    return "".join(_piece(random_) for _ in range(length))


def _piece(random_: random.Random) -> str:
    kind = random_.random()
    if kind < 0.5:
        return random_.choice(PARTS) + random_.choice(("", " "))
    if kind < 0.7:
        return random_.choice(string.printable)
    return chr(random_.randint(*random_.choice(RANGES)))


def _encoded(text: str) -> str:
    """Return a value for a query; lone surrogates become bytes that are not UTF-8."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


def ask(address: tuple[str, int], targets: Sequence[str]) -> Iterator[tuple[str, int, float]]:
    """Send requests over one connection; yield each with its status and the seconds it took."""
    with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        for one in targets:
            started = time.perf_counter()
            connection.request("GET", one)
            response = connection.getresponse()
            body = response.read()
            took = time.perf_counter() - started
            assert json.loads(body), one
            yield one, response.status, took


def run(queries: int, *, seed: int, folder: Path) -> tuple[Counter[int], Slowest, list[str]]:
    """Ask so many queries of a service; return the statuses, the slowest, and what failed."""
    asyncio.run(fill(folder, CONTENT))
    port = free_port()
    statuses, slowest, failed = Counter[int](), Slowest(), list[str]()
    with Children(folder) as children:
        environment = {
            "REGSEARCH_DATA_DIR": str(folder),
            "REGSEARCH_LISTEN": f"127.0.0.1:{port}",
            "REGSEARCH_REGISTRY": f"http://{REGISTRIES['main']}",
            "REGSEARCH_CALLER_REQUESTS_PER_SECOND": "0",
        }
        children.start("web", own_command("web"), environment=environment)
        children.wait_for("readiness", lambda: _is_ready(port), seconds=STARTING_SECONDS)
        targets = [target(seed + number) for number in range(queries)]
        for number, (one, status, took) in enumerate(ask(("127.0.0.1", port), targets), start=1):
            statuses[status] += 1
            slowest = max(slowest, Slowest(took, one), key=lambda each: each.seconds)
            if status >= 500:
                failed.append(f"seed {seed + number - 1}: {status} {one[:2_000]}")
            if number % REPORT_EVERY == 0:
                print(f"{number} asked, {len(failed)} answers of 500 or more", flush=True)
    return statuses, slowest, failed


def _is_ready(port: int) -> bool:
    try:
        [(_, status, _)] = ask(("127.0.0.1", port), ["/readyz"])
    except OSError:
        return False
    return status == 200


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        statuses, slowest, failed = run(options.queries, seed=options.seed, folder=Path(folder))
    print(f"answers: {dict(sorted(statuses.items()))}")
    print(f"answers of 500 or more: {len(failed)}")
    print(f"slowest: {slowest.seconds * 1_000:.0f} ms for {slowest.target[:300]}")
    for one in failed[:20]:
        print(one, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
