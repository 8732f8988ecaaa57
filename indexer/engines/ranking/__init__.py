"""Ranking, the same for every engine: the plan, impacts, fields, patterns and order."""

from indexer.engines.ranking.fields import (
    FACET_FIELDS,
    INT64,
    KEYWORD,
    NAME_WORD,
    NAMED,
    PROMINENCE,
    SORT_FIELDS,
    TEXT,
    encoding_errors,
    exact_terms,
    facet_location,
    most_frequent,
    name_terms,
    range_numbers,
    sort_numbers,
    stored_result,
    stored_texts,
)
from indexer.engines.ranking.matcher import EXPANDED_TERMS_MAX, Matcher, few
from indexer.engines.ranking.order import (
    Address,
    Key,
    PageWindow,
    RankedHit,
    prominence_score,
    score,
    scored_prominence,
)
from indexer.engines.ranking.patterns import Pattern, pattern
from indexer.engines.ranking.plan import RankedPart, RankingPlan, Tier, make_plan
from indexer.engines.ranking.scoring import IMPACT_MAX, Line, impacts, scored_lines
from indexer.engines.ranking.texts import part_text
from indexer.engines.ranking.vocabulary import Vocabulary

__all__ = [
    "EXPANDED_TERMS_MAX",
    "FACET_FIELDS",
    "IMPACT_MAX",
    "INT64",
    "KEYWORD",
    "NAMED",
    "NAME_WORD",
    "PROMINENCE",
    "SORT_FIELDS",
    "TEXT",
    "Address",
    "Key",
    "Line",
    "Matcher",
    "PageWindow",
    "Pattern",
    "RankedHit",
    "RankedPart",
    "RankingPlan",
    "Tier",
    "Vocabulary",
    "encoding_errors",
    "exact_terms",
    "facet_location",
    "few",
    "impacts",
    "make_plan",
    "most_frequent",
    "name_terms",
    "part_text",
    "pattern",
    "prominence_score",
    "range_numbers",
    "score",
    "scored_lines",
    "scored_prominence",
    "sort_numbers",
    "stored_result",
    "stored_texts",
]
