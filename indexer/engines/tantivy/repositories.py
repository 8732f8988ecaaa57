"""The repositories of a tantivy index, each with a number of its own.

What somebody may see are thousands of repositories. tantivy makes an automaton of a set of terms
in every search. Of a thousand names that takes 3 ms, of numbers without gaps less than 1 ms. So
whoever writes numbers the repositories, and each document has its repository with the number. A
reader takes both from the index, so nothing but the index says which number means which repository.
"""

from collections import defaultdict
from collections.abc import Mapping

from tantivy import Document as Row
from tantivy import Searcher

from indexer.engines.tantivy.schema import REPOSITORY, REPOSITORY_NUMBER
from indexer.model import DocumentKey

Numbers = Mapping[str, Mapping[str, int]]
"""The number of each repository, by registry and repository."""


def read_numbers(searcher: Searcher) -> Numbers:
    """Return the numbers of all repositories; of some, perhaps all documents are deleted."""
    found = defaultdict[str, dict[str, int]](dict)
    for term, _ in searcher.terms_with_prefix(REPOSITORY, ""):
        place, _, number = term.rpartition("\n")
        registry, _, repository = place.rpartition("\n")
        found[registry][repository] = int(number)
    return found


class RepositoryNumbers:
    """Numbers the repositories of the documents that a writer adds."""

    def __init__(self, searcher: Searcher) -> None:
        self._known = {
            (registry, repository): number
            for registry, numbers in read_numbers(searcher).items()
            for repository, number in numbers.items()
        }
        self._next = max(self._known.values(), default=-1) + 1

    def add(self, row: Row, key: DocumentKey) -> None:
        """Add the repository of a document to its row, numbered if it is new."""
        number = self._known.setdefault((key.registry, key.repository), self._next)
        # A number that a failed batch took stays with its repository.
        self._next = max(self._next, number + 1)
        row.add_text(REPOSITORY, f"{key.registry}\n{key.repository}\n{number}")
        row.add_integer(REPOSITORY_NUMBER, number)
