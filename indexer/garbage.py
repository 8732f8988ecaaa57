"""How often a process looks for garbage: for all processes that run for long."""

import gc

GARBAGE_OBJECTS = 50_000
"""New objects between two looks for garbage; Python's own number is 700."""


def collect_seldom() -> None:
    """Look for garbage seldom from now on, and never in what is there by now: that stays.

    The texts of a page, of a document or of a manifest are thousands of objects without a cycle,
    and all go together. To look through them took a fifth of the making of a large document.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
