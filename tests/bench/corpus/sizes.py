"""A corpus small enough for tests, with some of everything."""

from bench.corpus.sizes import Size
from bench.corpus.skew import Skew

TINY = Size("tiny", 40, 400, 600, Skew(((0.5, 4), (0.9, 20)), largest=80), (7, 14))
FEW_SHARING = Size(
    "few-sharing",
    20,
    200,
    300,
    Skew(((0.5, 4), (0.9, 20)), largest=40),
    (7, 14),
    builds_per_config=4,
)
SHARING = Size(
    "sharing", 40, 400, 600, Skew(((0.5, 4), (0.9, 20)), largest=80), (7, 14), builds_per_config=4
)
