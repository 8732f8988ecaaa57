"""A corpus of any number of documents: copies of one, each with names and words of its own.

To make so many from manifests would take hours. A copy has other names, namespaces, digests and
descriptions. Its tags, labels, sizes and platforms are those of the first one, so that what is
common stays as common.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from random import Random

from bench.corpus.words import SYLLABLES
from indexer.model import Document, RepositoryName, Text, TextField, fold

_WORDS = 50_000
"""Invented words; few of them are in many documents."""
_SENTENCE_WORDS = 10
_DIGESTS = ("digest", "chain", "revision")
"""The keywords with hexadecimal digits of the content."""


def scaled(documents: Sequence[Document], number: int) -> Iterator[Document]:
    """Yield ``number`` documents, the same each time: the given ones first, then copies."""
    every = (
        _varied(document, copy) if copy else document for copy in count() for document in documents
    )
    yield from islice(every, number)


def _varied(document: Document, copy: int) -> Document:
    # All documents of a repository have the same name and description.
    random = Random(f"{copy} {document.name}")  # noqa: S311 - the same each time
    namespace, slash, last = document.name.rpartition("/")
    if namespace:
        namespace = f"{namespace}-{_word(random)}"
    # The number makes it different from all others.
    last = f"{last}-{_word(random)}{copy}"
    name = RepositoryName(f"{namespace}{slash}{last}")
    sentence = " ".join(_word(random) for _ in range(_SENTENCE_WORDS))
    return replace(
        document,
        key=replace(document.key, repository=name),
        name=name,
        texts=(*document.texts, Text(TextField.DESCRIPTION, sentence)),
        keywords=frozenset(_keywords(document, copy, namespace, name)),
        facets=frozenset(
            (facet, namespace if facet == "namespace" else value)
            for facet, value in document.facets
        ),
        result={**document.result, "repository": name, "description": sentence},
    )


def _keywords(
    document: Document, copy: int, namespace: str, name: str
) -> Iterator[tuple[str, str]]:
    for field, value in document.keywords:
        if field in _DIGESTS:
            yield field, f"{value[:-8]}{copy:08x}"
        elif field not in {"name", "namespace", "repo"}:
            yield field, value
    folded = fold(name)
    yield "repo", folded
    yield "namespace", fold(namespace)
    yield from (("name", part) for part in (folded, *folded.split("/")))


def _word(random: Random) -> str:
    """Return an invented word, mostly one of the first."""
    rank = min(int(random.paretovariate(0.6)), _WORDS)
    word = ""
    while rank or len(word) < 4:
        rank, digit = divmod(rank, len(SYLLABLES))
        word += SYLLABLES[digit]
    return word
