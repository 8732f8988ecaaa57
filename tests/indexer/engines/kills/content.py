"""What the store holds at each step: one transaction leads from a step to the next one.

Every step renews the tags of all *marked* images, adds an image in a repository of its own and
removes another one. So any answer tells by its tags of which step it is, and is whole only when it
is exactly what there is at that step.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from indexer.extract import BUILT_IN
from indexer.model.document import DocumentType
from indexer.model.names import RepositoryName, TagName, parse_digest
from indexer.store import Store
from tests.builders import BuiltManifest, image
from tests.indexer.store.stored import read_content

REGISTRY = "main"
FACE = "label:face"
"""A facet whose values follow from the step."""
BATCH = 64
"""Documents in one commit: no step makes more stale, and a rebuild always takes several."""

_MARKED = tuple(f"a/marked-{number}" for number in range(6))
_OTHERS = 60
_FACES = 4
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer to a search for all documents of one type, at one step."""

    tags: frozenset[tuple[str, str]]
    """All (repository, tag)."""
    total: int
    faces: dict[str, int]
    """How many documents have each value of the facet."""
    marked: int
    """How many documents the mark is found in."""


def put_step(store: Store, step: int, *, now: datetime) -> None:
    """Go from the step before to ``step``, inside the caller's transaction; 0 is the first."""
    row = store.registries.put(REGISTRY, url="http://registry.example", registry_host="r.example")
    if step:
        _remove(store, row.id, _tags(step - 1) - _tags(step), now=now)
    for repository, tag in sorted(_tags(step) - (_tags(step - 1) if step else frozenset())):
        repository_id = store.repositories.put(row.id, RepositoryName(repository), seen_at=now)
        built = _image(_face(repository, step), tag.partition("-")[0])
        store.content.put_content(repository_id, read_content(built), seen_at=now, kinds=BUILT_IN)
        digest = parse_digest(built.digest)
        store.content.put_tag(repository_id, TagName(tag), digest, seen_at=now)
    if not step:
        crawl = store.registries.start_crawl(row.id, at=now)
        store.registries.save_catalog_page(crawl, resume="", repositories=1)
        store.registries.finish_crawls(row.id, at=now)


def _remove(
    store: Store, registry_id: int, tags: frozenset[tuple[str, str]], *, now: datetime
) -> None:
    for repository, tag in sorted(tags):
        repository_id = store.repositories.find(registry_id, RepositoryName(repository))
        assert repository_id is not None
        store.content.hide_tag(repository_id, TagName(tag), seen_at=now)


def step_of_store(store: Store) -> int:
    """Return the step that the store is at."""
    registry_id = store.registries.registry_id(REGISTRY)
    assert registry_id is not None
    repository_id = store.repositories.find(registry_id, RepositoryName(_MARKED[0]))
    assert repository_id is not None
    [step] = {step_of_tag(tag) for tag in store.content.tags(repository_id)}
    assert step is not None
    return step


def step_of_tag(tag: str) -> int | None:
    """Return the step that a tag marks; None if it marks none."""
    _, _, mark = tag.partition("-s")
    return int(mark) if mark else None


def mark(step: int) -> str:
    """Return the word that all marked images of a step are found by."""
    return f"s{step}"


@cache
def expected(step: int, document_type: DocumentType) -> Expected:
    """Return what there is at a step; not for images without a tag."""
    tags = _tags(step)
    places = list(tags)
    if document_type is DocumentType.REPOSITORY:
        places = list({repository: (repository, tag) for repository, tag in tags}.values())
    marked = sum(1 for repository, _ in places if repository in _MARKED)
    return Expected(
        tags,
        total=len(places),
        faces={str(step % _FACES): marked, _OTHER: _OTHERS},
        marked=marked,
    )


@cache
def _tags(step: int) -> frozenset[tuple[str, str]]:
    marked = {
        (repository, f"{slot}-{mark(step)}")
        for number, repository in enumerate(_MARKED)
        for slot in range(2 + (step + number * number) % 3)
    }
    others = {(f"z/other-{number:04}", "latest") for number in range(step, step + _OTHERS)}
    return frozenset(marked | others)


def _face(repository: str, step: int) -> str:
    return str(step % _FACES) if repository in _MARKED else _OTHER


@cache
def _image(face: str, slot: str) -> BuiltManifest:
    return image(seed=f"{face}/{slot}", labels={"face": face})
