"""The three sizes of corpora, with figures that were measured at real registries.

The tags of repositories have the shape of Docker's official images (*small*) or of a large GitLab
group (*primary* and *stress*), whose long tail is scaled down to the number of tags wanted.
"""

from dataclasses import dataclass

from bench.corpus.skew import Skew

OFFICIAL_IMAGES = Skew(((0.50, 19), (0.75, 66), (0.90, 186), (0.99, 652)), largest=1_120)
GITLAB_GROUP = Skew(((0.932, 100), (0.975, 1_000), (0.996, 10_000)), largest=34_000, scaled=True)
TAGS_PER_DIGEST = 4.64
PLATFORMS_PER_INDEX = 3.74
ARTIFACT_SHARE = 0.075
"""Of the digests that are tagged, system tags aside."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a corpus.

    ``tags`` are the shown ones, without system tags. ``manifests`` counts manifests and indexes
    with all attachments. BuildKit's attestations do not count if every possible index has them.
    ``layers`` are the median and the 90th percentile of an image. As rebuilds of unchanged sources
    do, ``builds_per_config`` consecutive builds share configs and layers and differ by their
    annotations. That keeps a huge store small.
    """

    name: str
    repositories: int
    tags: int
    manifests: int
    skew: Skew
    layers: tuple[float, float]
    attested_all: bool = False
    builds_per_config: int = 1


SIZES = {
    size.name: size
    for size in (
        Size("small", 150, 10_000, 10_000, OFFICIAL_IMAGES, (8, 18), attested_all=True),
        Size("primary", 1_600, 90_000, 120_000, GITLAB_GROUP, (14, 30)),
        Size(
            "stress",
            10_000,
            700_000,
            1_000_000,
            GITLAB_GROUP.add_exception(100_000),
            (6, 13),
            builds_per_config=4,
        ),
    )
}
