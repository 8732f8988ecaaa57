"""How much the engine asks tantivy for at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers that decide how fast an answer is made, and never the answer.

    But for ``expanded_terms``: what stands for more of them may be refused.
    """

    sorted_documents: int = 100
    """So many documents are read at once and then sorted."""
    first_hits: int = 500
    """How many hits are asked for first, beside those of the page."""
    more_hits: int = 8
    """How many times as many are asked for next."""
    facet_values: int = 65_000
    """How many values of a facet are counted in one pass; tantivy counts no more."""
    single_terms: int = 30
    """So many terms are found faster one by one than as a set."""
    expanded_terms: int = 10_000
    """How many terms a pattern may stand for when they are sought one by one."""
    kept: int = 64
    """How many vocabularies, patterns and close spellings are kept for a commit."""


LIMITS = Limits()
