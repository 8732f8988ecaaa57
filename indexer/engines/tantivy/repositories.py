"""The repositories of a tantivy index, each with a number of its own.

What somebody may see are thousands of repositories. tantivy makes an automaton of a set of terms
in every search. Of a thousand names that takes 3 ms, of numbers without gaps 1 ms. So whoever
writes numbers the repositories, and each document has its repository with the number. A reader
takes both from the index, so nothing but the index says which number means which repository.

The automaton of a regular expression is made once. So each document has a code too: its number in a
few letters. The expression for thousands of codes has few states, because all have the same length.
"""

import string
from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson
from tantivy import Searcher

from indexer.engines.tantivy.schema import REPOSITORY, REPOSITORY_CODE, REPOSITORY_NUMBER
from indexer.model import DocumentKey

Numbers = Mapping[str, Mapping[str, int]]
"""The number of each repository, by registry and repository."""


_DIGITS = string.digits + string.ascii_letters
_CODE_DIGITS = 5
"""The length of each code, enough for 916 million repositories."""


def repository_code(number: int) -> str:
    """Return the code of the repository with a number."""
    code = ""
    for _ in range(_CODE_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        code = _DIGITS[digit] + code
    return code


def codes_expression(codes: Sequence[str]) -> str:
    """Return a regular expression for some codes and nothing else; there is at least one.

    What codes with the same beginning end in is said once, and codes with the same end share it.
    """
    if not codes[0]:
        return ""
    ends, starts = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for code in codes:
        ends[code[0]].append(code[1:])
    for start, some in ends.items():
        starts[codes_expression(some)].append(start)
    choices = (f"[{''.join(some)}]{end}" for end, some in starts.items())
    return f"(?:{'|'.join(choices)})"


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

    def add(self, row: str, key: DocumentKey) -> str:
        """Return the JSON of a document with its repository, numbered if it is new."""
        number = self._known.setdefault((key.registry, key.repository), self._next)
        # A number that a failed batch took stays with its repository.
        self._next = max(self._next, number + 1)
        fields = {
            REPOSITORY: f"{key.registry}\n{key.repository}\n{number}",
            REPOSITORY_CODE: repository_code(number),
            REPOSITORY_NUMBER: number,
        }
        return f"{orjson.dumps(fields).decode()[:-1]},{row[1:]}"
