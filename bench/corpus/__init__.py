"""Corpora: whole registries made out of a seed, the same each time, in the sizes of benchmarks.

A corpus has three forms: served by a fake registry (:mod:`bench.corpus.serve`), as a store
(:mod:`bench.corpus.fill`) and as documents (:mod:`bench.corpus.documents`). All are made
from :class:`Corpus`, which makes a repository when it is needed.
"""

from bench.corpus.corpus import Corpus, Made, Tagged
from bench.corpus.documents import documents
from bench.corpus.sizes import SIZES, Size

__all__ = ["SIZES", "Corpus", "Made", "Size", "Tagged", "documents"]
