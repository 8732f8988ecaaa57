"""A corpus as a registry: the fake one, with content that is made when it is needed."""

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass

import uvicorn

from bench.corpus.corpus import Corpus
from indexer.model.names import RepositoryName
from tests.fakes.content import Content, Repository, StoredManifest, in_catalog_order
from tests.fakes.registry import FakeRegistry

KEPT_MANIFESTS_MAX = 60_000
"""Manifests that are kept for the next request, about 10 KB each with its config."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A repository that was made, and the bodies of its configs."""

    repository: Repository
    blobs: dict[str, bytes]


class CorpusContent(Content):
    """The content of a registry, made repository by repository; nothing can be pushed.

    The last requested repositories are kept, because a client reads one after another. The only
    blobs are configs.
    """

    def __init__(self, corpus: Corpus, *, kept_max: int = KEPT_MANIFESTS_MAX) -> None:
        super().__init__()
        self._corpus = corpus
        self._kept_max = kept_max
        self._names = sorted((str(name) for name in corpus.by_name), key=in_catalog_order)
        self._keys = [in_catalog_order(name) for name in self._names]
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_manifests = 0

    def get(self, name: str) -> Repository:
        """Return a repository; an empty one if it does not exist."""
        return self._made(name).repository

    def blob(self, name: str, digest: str) -> bytes | None:
        """Return a config of a repository."""
        return self._made(name).blobs.get(digest)

    def names(self, *, after: str = "", with_empty: bool) -> list[str]:
        """Return the names behind ``after``, in the catalog's order; none is empty."""
        return self._names[bisect_right(self._keys, in_catalog_order(after)) :]

    def _made(self, name: str) -> _Kept:
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        plan = self._corpus.by_name.get(RepositoryName(name))
        if plan is None:
            return _Kept(Repository(), {})
        made = _Kept(Repository(), {})
        for tagged in self._corpus.content(plan):
            for manifest in tagged.manifest.all():
                made.repository.put(
                    StoredManifest(manifest.digest, manifest.media_type, manifest.body)
                )
                if manifest.config:
                    made.blobs.update([manifest.config])
            made.repository.tags.update(dict.fromkeys(tagged.tags, tagged.manifest.digest))
        made.repository.blobs.update(made.blobs)
        self._keep(name, made)
        return made

    def _keep(self, name: str, made: _Kept) -> None:
        """Keep a repository, and forget those that were not used for the longest time."""
        self._kept[name] = made
        self._kept_manifests += len(made.repository.manifests)
        while self._kept_manifests > self._kept_max and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._kept_manifests -= len(oldest.repository.manifests)


def make_registry(corpus: Corpus, *, kept_max: int = KEPT_MANIFESTS_MAX) -> FakeRegistry:
    """Return a registry with a corpus; ``kept_max`` manifests of it are in memory at a time."""
    return FakeRegistry(content=CorpusContent(corpus, kept_max=kept_max))


def serve(corpus: Corpus, *, port: int) -> None:
    """Serve a corpus on a port of 127.0.0.1 until stopped."""
    uvicorn.run(make_registry(corpus).app, port=port, log_level="error", access_log=False)
