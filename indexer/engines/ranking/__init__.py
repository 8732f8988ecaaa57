"""Ranking, the same for every engine: the plan, impacts, names, patterns and order."""

from indexer.engines.ranking.facets import facet_prefix, most_frequent
from indexer.engines.ranking.fields import (
    INT64,
    KEYWORD,
    NAME_WORD,
    NEWEST,
    PROMINENCE,
    SORT_COLUMNS,
    TEXT,
    encoding_errors,
    keyword_terms,
    range_numbers,
    sort_field,
    sort_numbers,
    stored_result,
    stored_texts,
)
from indexer.engines.ranking.matcher import (
    EXPANDED_TERMS_MAX,
    Matcher,
    few,
)
from indexer.engines.ranking.names import NameMatch, NormalizedName, name_matches, normalize
from indexer.engines.ranking.order import (
    Address,
    Key,
    PageWindow,
    RankedHit,
    page_window,
    prominence_score,
    score,
    scored_prominence,
)
from indexer.engines.ranking.patterns import Pattern, pattern
from indexer.engines.ranking.plan import (
    RankedPart,
    RankingPlan,
    Tier,
    WholeName,
    make_plan,
)
from indexer.engines.ranking.scoring import IMPACT_MAX, Line, impacts, scored_lines
from indexer.engines.ranking.text_parts import part_text
from indexer.engines.ranking.vocabulary import Vocabulary

__all__ = [
    "EXPANDED_TERMS_MAX",
    "IMPACT_MAX",
    "INT64",
    "KEYWORD",
    "NAME_WORD",
    "NEWEST",
    "PROMINENCE",
    "SORT_COLUMNS",
    "TEXT",
    "Address",
    "Key",
    "Line",
    "Matcher",
    "NameMatch",
    "NormalizedName",
    "PageWindow",
    "Pattern",
    "RankedHit",
    "RankedPart",
    "RankingPlan",
    "Tier",
    "Vocabulary",
    "WholeName",
    "encoding_errors",
    "facet_prefix",
    "few",
    "impacts",
    "keyword_terms",
    "make_plan",
    "most_frequent",
    "name_matches",
    "normalize",
    "page_window",
    "part_text",
    "pattern",
    "prominence_score",
    "range_numbers",
    "score",
    "scored_lines",
    "scored_prominence",
    "sort_field",
    "sort_numbers",
    "stored_result",
    "stored_texts",
]
