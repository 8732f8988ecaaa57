"""Make a corpus: ``python -m bench.corpus serve|store|documents|skew small|primary|stress``.

- ``serve`` serves it as a registry, on a port of 127.0.0.1;
- ``store`` makes a data directory as it is just after a crawl;
- ``documents`` makes all documents and prints the speed;
- ``skew`` prints the figures of the corpus beside the wanted ones, and makes nothing.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.corpus.corpus import SEED, Corpus
from bench.corpus.documents import REGISTRY, REGISTRY_HOST, documents
from bench.corpus.fill import fill, read_manifest
from bench.corpus.measures import Measured
from bench.corpus.serve import serve
from bench.corpus.sizes import SIZES, Size

_MB = 1_000_000


def main(arguments: Sequence[str] | None = None, *, sizes: Mapping[str, Size] = SIZES) -> None:
    """Carry out the command line with one of ``sizes``."""
    given = _parser(sizes).parse_args(arguments)
    corpus = Corpus(sizes[given.size], seed=given.seed)
    started = time.perf_counter()
    match given.form:
        case "serve":
            serve(corpus, port=given.port)
        case "store":
            measured = fill(
                corpus,
                given.out,
                registry=given.registry,
                url=given.url,
                registry_host=given.registry_host,
            )
            seconds = time.perf_counter() - started
            size = sum(file.stat().st_size for file in given.out.glob("store.db*"))
            _print(corpus, measured, f"store.db of {size / _MB:,.0f} MB in {seconds:.0f} s")
        case "documents":
            made = sum(1 for _ in documents(corpus))
            seconds = time.perf_counter() - started
            text = f"{made:,} documents in {seconds:.0f} s, {made / seconds:,.0f} a second"
            Console().print(text)
        case _:
            measured = _measure(corpus)
            _print(corpus, measured, f"made in {time.perf_counter() - started:.0f} s")


def _measure(corpus: Corpus) -> Measured:
    measured = Measured(corpus)
    for plan in corpus.repositories:
        for tagged in corpus.content(plan):
            measured.add(plan, tagged, tuple(map(read_manifest, tagged.manifest.all())))
    return measured


def _print(corpus: Corpus, measured: Measured, caption: str) -> None:
    table = Table("figure", "asked", "made", title=f"corpus {corpus.size.name}", caption=caption)
    for line in measured.lines():
        table.add_row(line.name, line.asked, line.made)
    Console().print(table)


def _parser(sizes: Mapping[str, Size]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("size", choices=sorted(sizes))
    common.add_argument("--seed", default=SEED, help="another seed makes another corpus")
    forms = parser.add_subparsers(dest="form", required=True)
    serving = forms.add_parser("serve", parents=[common], help="serve it as a registry")
    serving.add_argument("--port", type=int, required=True)
    store = forms.add_parser("store", parents=[common], help="fill a data directory with it")
    store.add_argument("--out", type=Path, required=True, help="the data directory")
    store.add_argument("--registry", default=REGISTRY, help="its name in the settings")
    store.add_argument("--url", default=f"http://{REGISTRY_HOST}", help="its URL")
    store.add_argument("--registry-host", default=REGISTRY_HOST, help="what clients type")
    forms.add_parser("documents", parents=[common], help="make its documents")
    forms.add_parser("skew", parents=[common], help="print what is asked for and what is made")
    return parser


if __name__ == "__main__":
    main()
