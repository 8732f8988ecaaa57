"""Ranking, the same for every engine: the plan, impacts, names, patterns and order."""

from indexer.engines.ranking.names import NameMatch, NormalizedName, name_matches, normalize
from indexer.engines.ranking.order import (
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
    Where,
    WholeName,
    make_plan,
)
from indexer.engines.ranking.scoring import IMPACT_MAX, Line, impacts, scored_lines
from indexer.engines.ranking.text_parts import TextPart, part_text

__all__ = [
    "IMPACT_MAX",
    "Key",
    "Line",
    "NameMatch",
    "NormalizedName",
    "PageWindow",
    "Pattern",
    "RankedHit",
    "RankedPart",
    "RankingPlan",
    "TextPart",
    "Tier",
    "Where",
    "WholeName",
    "impacts",
    "make_plan",
    "name_matches",
    "normalize",
    "page_window",
    "part_text",
    "pattern",
    "prominence_score",
    "score",
    "scored_lines",
    "scored_prominence",
]
