"""What a query is worth, the same for every engine: scores, names, parts of texts, patterns."""

from indexer.engines.ranking.names import (
    BEGINS_END,
    ENDS_NAME,
    IS_NAME,
    SPELLS_END,
    Spelt,
    spelt,
    whole_texts,
    worth,
)
from indexer.engines.ranking.patterns import Pattern, pattern
from indexer.engines.ranking.scoring import (
    IMPACT_MAX,
    INSIDE_NAME,
    NAME_START,
    NAME_WORDS,
    POINTS,
    PROMINENCE_POINTS,
    TEXT_WORDS,
    Line,
    impacts,
    scored_lines,
)
from indexer.engines.ranking.text_parts import TextPart, asked_words, part_text, text_parts

__all__ = [
    "BEGINS_END",
    "ENDS_NAME",
    "IMPACT_MAX",
    "INSIDE_NAME",
    "IS_NAME",
    "NAME_START",
    "NAME_WORDS",
    "POINTS",
    "PROMINENCE_POINTS",
    "SPELLS_END",
    "TEXT_WORDS",
    "Line",
    "Pattern",
    "Spelt",
    "TextPart",
    "asked_words",
    "impacts",
    "part_text",
    "pattern",
    "scored_lines",
    "spelt",
    "text_parts",
    "whole_texts",
    "worth",
]
