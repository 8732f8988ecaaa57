"""Check that an answer is whole: hits, total and facets are those of one step."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from indexer.model.document import DocumentType, SearchPage, Sort
from indexer.model.query import Everything, Query, Word
from tests.indexer.engines.kills.content import FACE, expected, mark, step_of_tag

ALL = 1_000
"""More than there ever are."""
SOME = 7
TYPES = (DocumentType.REPOSITORY, DocumentType.IMAGE)


class Asked(Protocol):
    """The arguments of a search."""

    def __call__(
        self, query: Query, *, document_type: DocumentType, limit: int, sort: Sort
    ) -> SearchPage:
        """Return the page, with the facet ``FACE``."""


def find_steps(page: SearchPage) -> set[int]:
    """Return the steps that the hits of a page are of; there is to be one."""
    tags = {tag for hit in page.hits for tag in _tags(hit.result)}
    return {step for step in map(step_of_tag, tags) if step is not None}


def mixed(page: SearchPage, document_type: DocumentType) -> Iterator[str]:
    """Yield what shows that a page of everything, or the first of it by name, is not of one step.

    Marked images come first by name, so that each page has some of them.
    """
    steps = find_steps(page)
    if len(steps) != 1:
        yield f"{document_type}: hits of steps {sorted(steps)}"
        return
    [step] = steps
    there = expected(step, document_type)
    if page.total != there.total:
        yield f"{document_type}: a total of {page.total} at step {step} instead of {there.total}"
    faces = {count.value: count.count for count in page.facets[FACE].values}
    if faces != there.faces:
        yield f"{document_type}: facets {faces} at step {step} instead of {there.faces}"
    if page.has_more:
        return
    tags = [(hit.result["repository"], tag) for hit in page.hits for tag in _tags(hit.result)]
    if len(page.hits) != page.total or sorted(tags) != sorted(there.tags):
        odd = set(tags) ^ there.tags
        yield f"{document_type}: at step {step} {len(page.hits)} hits, of which differ {odd}"


def look(ask: Asked, document_type: DocumentType) -> tuple[int, list[str]]:
    """Return the step that searches of one commit tell of, and what is wrong with them."""
    page = ask(Everything(), document_type=document_type, limit=ALL, sort=Sort.RELEVANCE)
    wrong = list(mixed(page, document_type))
    if wrong:
        return -1, wrong
    [step] = find_steps(page)
    first = ask(Everything(), document_type=document_type, limit=SOME, sort=Sort.NAME)
    wrong += mixed(first, document_type)
    if find_steps(first) != {step}:
        wrong.append(f"{document_type}: step {step}, and then {sorted(find_steps(first))}")
    # Image by image what stands in the inverted index, and not only what is stored with it.
    for word, total in ((mark(step), expected(step, document_type).marked), (mark(step - 1), 0)):
        found = ask(Word(word), document_type=document_type, limit=ALL, sort=Sort.RELEVANCE)
        if (found.total, len(found.hits)) != (total, total):
            wrong.append(f"{document_type}: {word} found {found.total} times instead of {total}")
    return step, wrong


def _tags(result: Mapping[str, Any]) -> list[str]:
    tags = result["tags"] if "tags" in result else result["newest_tags"]
    return [str(tag) for tag in tags]
