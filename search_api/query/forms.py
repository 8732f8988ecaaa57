"""Other forms of English words: plural, -ing, -ed and -er.

Forms are made from the word that somebody typed, and looked for as they are. So the search index
keeps words as texts have them, and a word of another language loses nothing: the forms that were
made of it are in no text. Which forms belong together is decided by the Snowball stemmer for
English (Porter2, https://snowballstem.org/algorithms/english/stemmer.html). It keeps -er apart, so
a rule of our own adds that.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from Stemmer import Stemmer

WORD_MIN = 3
WORD_MAX = 20
"""Characters of a word that has forms."""
_KEPT = 1024
_ENGLISH = re.compile(r"[a-z]+")
_VOWELS = frozenset("aeiou")
_HISSING = ("s", "x", "z", "ch", "sh")
_FINISHED = ("ing", "ed", "ion", "ers")
_BASE_MIN = 3
"""Characters of a base form."""
_ENDINGS = (
    *(("ies", "y"), ("ied", "y"), ("ier", "y"), ("iers", "y"), ("ying", "ie")),
    *((ending, end) for ending in ("s", "es", "ing", "ings") for end in ("", "e")),
    *(
        (ending, end)
        for ending in ("ed", "er", "ers", "ion", "ions", "ation", "ations")
        for end in ("", "e")
    ),
)
"""What an inflected word ends with, and what its base form has there."""
_OWN_SUBJECTS = {
    "center",
    "cluster",
    "computer",
    "container",
    "counter",
    "docker",
    "driver",
    "header",
    "helper",
    "layer",
    "letter",
    "master",
    "matter",
    "member",
    "meter",
    "number",
    "order",
    "other",
    "paper",
    "parameter",
    "power",
    "register",
    "router",
    "runner",
    "server",
    "timer",
    "tier",
    "user",
    "water",
    "worker",
}
"""Words on -er that are more than somebody or something that does: the verb is another subject."""
# Its own cache would be a second one.
_stem: Callable[[str], str] = Stemmer("english", 0).stemWord


@lru_cache(_KEPT)
def other_forms(word: str) -> tuple[str, ...]:
    """Return the other forms of a folded word, in order; none for what is no English word."""
    if not WORD_MIN <= len(word) <= WORD_MAX or not _ENGLISH.fullmatch(word):
        return ()
    bases = {word, *(base for base in _bases(word) if word in _inflected(base))}
    related = {base for base in bases if _is_form(base, word)}
    made = {form for base in related for form in _inflected(base) if _is_form(form, word)}
    return tuple(sorted((related | made) - {word}))


def _bases(word: str) -> Iterator[str]:
    """Yield the words that ``word`` may be a form of."""
    for ending, end in _ENDINGS:
        start = word.removesuffix(ending)
        if start != word and len(start) >= _BASE_MIN - len(end):
            yield start + end
            if not end and _is_doubled(start):
                yield start[:-1]


def _inflected(base: str) -> set[str]:
    """Return the forms that a word would have if it were a base form."""
    if base.endswith("s") and not base.endswith("ss"):
        return set()
    if base.endswith(_FINISHED):
        return {f"{base}s"}
    if base.endswith("e"):
        stem = base[:-1]
        forms = {f"{base}s", f"{stem}ing", f"{stem}ed", f"{stem}er", f"{stem}ers"}
        ion = "ion" if stem[-1] == "t" else "ation"
        return forms | {stem + ion, f"{stem}{ion}s"}
    starts, plural = {base}, f"{base}s"
    if base.endswith(_HISSING):
        plural = f"{base}es"
    elif base.endswith("y") and base[-2] not in _VOWELS:
        plural = f"{base[:-1]}ies"
        starts = {f"{base[:-1]}i"}
    elif base[-1] not in _VOWELS | {"w", "y"} and base[-2] in _VOWELS:
        starts.add(base + base[-1])
    forms = {plural, f"{base}ing"} | {f"{start}ing" for start in starts if start[-1] != "i"}
    endings = ("ed",) if base.endswith("er") else ("ed", "er", "ers")
    forms |= {start + ending for start in starts for ending in endings}
    ion = "ion" if base.endswith("t") else "ation"
    return forms | {base + ion, f"{base}{ion}s"}


def _is_form(form: str, word: str) -> bool:
    """Tell whether a made form belongs to ``word``."""
    return not _stems(form).isdisjoint(_stems(word))


def _stems(word: str) -> set[str]:
    """Return the stem of a word, and of what is done by somebody or something called so."""
    single = word.removesuffix("s")
    if single in _OWN_SUBJECTS:
        return {single}
    stems = {word}
    if single.endswith("er"):
        start = single[:-2]
        stems |= {start, f"{start}e"} | ({start[:-1]} if _is_doubled(start) else set())
    found = {_stem(one) for one in stems if len(one) >= _BASE_MIN}
    # The stemmer keeps "queue" and "queuing" apart.
    return {one[:-1] if one.endswith("ue") else one for one in found}


def _is_doubled(start: str) -> bool:
    """Tell whether the last letter is there twice, as in "scann"."""
    return (
        len(start) > _BASE_MIN and start[-1] == start[-2] and start[-1] not in _VOWELS | set("ls")
    )
