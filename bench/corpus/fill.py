"""A corpus as a store: a data directory just after a crawl.

The store's own methods write everything, so the rows are those of a crawl in any version of the
schema. Only the pragmas are unsafe, because filling can begin again. There is no search index: an
indexer that starts there makes it from the whole store.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.corpus.corpus import Corpus, Made, Tagged
from bench.corpus.documents import REGISTRY, REGISTRY_HOST
from bench.corpus.measures import Measured
from bench.corpus.plan import CRAWLED_AT, Plan
from indexer.extract import BUILT_IN, config_descriptor
from indexer.model import Content
from indexer.store import ReadContent, Store

CACHE_KIB = 3 * 1_024 * 1_024
"""Pages of a huge store are written in any order; those beyond this cache more than once."""
TAGGED_PER_TRANSACTION = 2_000


class BulkStore(Store):
    """A store with fast but unsafe writes; a broken one is thrown away."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        for pragma in (
            "journal_mode = MEMORY",
            "locking_mode = EXCLUSIVE",
            "synchronous = OFF",
            f"cache_size = -{CACHE_KIB}",
        ):
            self._database.execute(f"PRAGMA {pragma}").fetchall()

    def forget_stale(self) -> None:
        """Forget the stale documents: all must be made, because there is no search index."""
        for table in ("stale_documents", "changed_bases"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of this line

    def close(self) -> None:
        """Give the file the modes that the service expects, and close it."""
        self._database.execute("PRAGMA locking_mode = NORMAL").fetchall()
        self._database.execute("PRAGMA journal_mode = WAL").fetchall()
        super().close()


@dataclass(frozen=True, slots=True)
class Filler:
    """Writes a corpus into a store under the number of a registry."""

    store: BulkStore
    corpus: Corpus
    registry_id: int
    measured: Measured

    def run(self) -> None:
        """Write all repositories, some at once."""
        batch: list[tuple[Plan, Tagged]] = []
        for plan in self.corpus.repositories:
            for tagged in self.corpus.content(plan):
                batch.append((plan, tagged))
                if len(batch) == TAGGED_PER_TRANSACTION:
                    self._write(batch)
                    batch.clear()
        self._write(batch)

    def _write(self, batch: list[tuple[Plan, Tagged]]) -> None:
        with self.store.transaction():
            for plan, tagged in batch:
                self._put(plan, tagged)
            self.store.forget_stale()

    def _put(self, plan: Plan, tagged: Tagged) -> None:
        content = self.store.content
        repository_id = self.store.repositories.put(self.registry_id, plan.name, seen_at=CRAWLED_AT)
        manifests = tuple(map(read_manifest, tagged.manifest.all()))
        configs = tuple(
            made.config
            for made, read in zip(tagged.manifest.all(), manifests, strict=True)
            if made.config and config_descriptor(read.manifest, kinds=BUILT_IN)
        )
        content.put_content(
            repository_id, ReadContent(manifests, configs), seen_at=CRAWLED_AT, kinds=BUILT_IN
        )
        for tag in tagged.tags:
            content.put_tag(repository_id, tag, tagged.manifest.digest, seen_at=CRAWLED_AT)
        self.measured.add(plan, tagged, manifests)


def read_manifest(made: Made) -> Content:
    """Return a manifest as a refresh reads it."""
    return Content(made.digest, made.media_type, made.body)


def fill(
    corpus: Corpus,
    directory: Path,
    *,
    registry: str = REGISTRY,
    url: str = f"http://{REGISTRY_HOST}",
    registry_host: str = REGISTRY_HOST,
) -> Measured:
    """Make ``store.db`` in a directory and return the figures of its content.

    FileExistsError if there is one already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.glob("store.db*")):
        raise FileExistsError(f"{directory} holds a store already")
    measured = Measured(corpus)
    store = BulkStore(directory)
    try:
        with store.transaction():
            row = store.registries.put(registry, url=url, registry_host=registry_host)
            crawl_id = store.registries.start_crawl(row.id, at=CRAWLED_AT - timedelta(minutes=10))
        Filler(store, corpus, row.id, measured).run()
        with store.transaction():
            _end_crawl(store, corpus, registry_id=row.id, crawl_id=crawl_id, measured=measured)
    finally:
        store.close()
    return measured


def _end_crawl(
    store: Store, corpus: Corpus, *, registry_id: int, crawl_id: int, measured: Measured
) -> None:
    """Write that the crawl read the whole catalog and everything in it."""
    registries = store.registries
    names = [plan.name for plan in corpus.repositories]
    registries.save_catalog_page(crawl_id, resume="", repositories=len(names))
    registries.mark_listed(crawl_id, names)
    registries.count_unlisted(crawl_id)
    registries.count_crawl_work(crawl_id, refreshes=1 + len(names) + measured.all_tags)
    registries.count_requests(registry_id, measured.requests)
    registries.set_answered(registry_id)
    registries.finish_crawls(registry_id, at=CRAWLED_AT)
