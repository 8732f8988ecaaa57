"""The lists of terms in a segment, read back as they were written."""

from array import array
from io import BytesIO
from random import Random

import pytest
from whoosh.filedb.structfile import StructFile

from indexer.engines.whoosh.postings import Postings, TermsReader, number_code, write_terms

Written = dict[str, tuple[list[int], list[int]]]


def made(size: int, *, terms: int, has_impacts: bool) -> Written:
    random = Random(terms)
    found: Written = {}
    for _ in range(terms):
        term = "".join(random.choices('ab\n"é\U0001f600', k=random.randint(1, 6)))
        documents = sorted({random.randrange(size) for _ in range(random.choice([1, 1, 3, 40]))})
        impacts = [random.randint(1, 2200) for _ in documents] if has_impacts else []
        found[term] = documents, impacts
    return found


def reader(written: Written, size: int, *, has_impacts: bool) -> TermsReader:
    file = BytesIO()
    code = number_code(size)
    write_terms(
        file,
        (
            (term, Postings(array(code, documents), array("H", impacts)))
            for term, (documents, impacts) in sorted(written.items())
        ),
    )
    length = len(file.getvalue())
    return TermsReader(StructFile(file), length, size=size, has_impacts=has_impacts)


def plain(postings: Postings) -> tuple[list[int], list[int]]:
    return list(postings.documents), list(postings.impacts)


@pytest.mark.parametrize("has_impacts", [False, True])
@pytest.mark.parametrize("terms", [0, 1, 64, 65, 3000])
@pytest.mark.parametrize("size", [1, 65_536, 65_537])
def test_terms_are_found_alone_in_order_and_by_their_beginning(
    size: int, terms: int, has_impacts: bool
) -> None:
    written = made(size, terms=terms, has_impacts=has_impacts)
    read = reader(written, size, has_impacts=has_impacts)
    assert {term: plain(read.find(term)) for term in written} == written
    for prefix in ("", "a", "ab", "aé\n", "\U0001f600", "z"):
        expected = [term for term in sorted(written) if term.startswith(prefix)]
        assert list(read.terms(prefix)) == expected
        found = [(term, plain(postings)) for term, postings in read.items(prefix)]
        assert found == [(term, written[term]) for term in expected]


def test_a_term_that_is_not_there_has_no_documents() -> None:
    written = made(9, terms=500, has_impacts=False)
    read = reader(written, 9, has_impacts=False)
    for term in ("", "a" * 9, "c", "\U0001f601"):
        assert term not in written
        assert plain(read.find(term)) == ([], [])


def test_the_order_of_terms_is_that_of_their_characters_beyond_the_first_plane() -> None:
    """As UTF-8 has it, and UTF-16 would not."""
    written: Written = {"\uff5a": ([0], []), "\U0001f600": ([1], [])}
    assert list(reader(written, 2, has_impacts=False).terms()) == ["\uff5a", "\U0001f600"]
