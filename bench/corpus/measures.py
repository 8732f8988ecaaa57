"""The figures of a made corpus, beside the wanted ones."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.corpus.corpus import Corpus, Tagged
from bench.corpus.plan import Plan, Role
from bench.corpus.sizes import ARTIFACT_SHARE, PLATFORMS_PER_INDEX, TAGS_PER_DIGEST
from indexer.model import Content
from indexer.model.media_types import IMAGE_CONFIGS
from indexer.model.names import is_system_tag

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: the wanted value, if there is one, and the made value."""

    name: str
    asked: str
    made: str


class Measured:
    """Counts content while it is made."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._counts: Counter[str] = Counter()
        self._layers: Counter[int] = Counter()
        self._configs: set[str] = set()

    @property
    def all_tags(self) -> int:
        """The number of tags, including those of attachments."""
        return self._counts["tags"] + self._counts["system tags"]

    @property
    def manifests(self) -> int:
        """The number of manifests and indexes."""
        return self._counts["manifests"]

    @property
    def requests(self) -> int:
        """The rough number of requests of a crawl."""
        counts = self._counts
        return len(self._corpus.repositories) + self.all_tags + counts["below"] + len(self._configs)

    def add(self, plan: Plan, tagged: Tagged, manifests: Sequence[Content]) -> None:
        """Count the target of tags of a repository; ``manifests`` are the target and all below."""
        counts = self._counts
        if is_system_tag(tagged.tags[0]):
            counts["system tags"] += len(tagged.tags)
            counts["attached"] += len(manifests)
        else:
            counts["tags"] += len(tagged.tags)
            counts["digests"] += 1
            counts["artifacts"] += plan.role is Role.ARTIFACT
            if plan.is_index:
                counts["indexes"] += 1
                counts["platforms"] += len(plan.platforms)
                counts["attestations"] += len(plan.platforms) * plan.is_attested
        counts["below"] += len(manifests) - 1
        self._count_bodies(tagged, manifests)

    def _count_bodies(self, tagged: Tagged, manifests: Iterable[Content]) -> None:
        counts = self._counts
        for made, read in zip(tagged.manifest.all(), manifests, strict=True):
            manifest = read.manifest
            counts["manifests"] += 1
            counts["bytes"] += len(made.body)
            counts["blobs"] += len(manifest.layers) + (manifest.config is not None)
            if made.config and made.config[0] not in self._configs:
                self._configs.add(made.config[0])
                counts["bytes"] += len(made.config[1])
            is_image = manifest.config and manifest.config.media_type in IMAGE_CONFIGS
            if is_image and b"in-toto" not in made.body and b"cosign" not in made.body:
                self._layers[len(manifest.layers)] += 1

    def lines(self) -> list[Line]:
        """Return all figures."""
        size, counts = self._corpus.size, self._counts
        rest = counts["attestations"] if size.attested_all else 0
        aside = ", attestations aside" if rest else ""
        return [
            Line("repositories", f"{size.repositories:,}", f"{len(self._corpus.repositories):,}"),
            Line("tags", f"{size.tags:,}", f"{counts['tags']:,}"),
            *(Line(*row) for row in self._corpus.fitted.report()),
            Line(
                "tags per distinct digest",
                f"{TAGS_PER_DIGEST}",
                f"{counts['tags'] / counts['digests']:.2f}",
            ),
            Line(
                "platforms per index",
                f"{PLATFORMS_PER_INDEX}",
                f"{counts['platforms'] / max(1, counts['indexes']):.2f}",
            ),
            Line(
                "artifacts among tagged digests",
                f"{ARTIFACT_SHARE:.1%}",
                f"{counts['artifacts'] / counts['digests']:.1%}",
            ),
            Line(
                f"manifests and indexes{aside}",
                f"{size.manifests:,}",
                f"{counts['manifests'] - rest:,}",
            ),
            Line("BuildKit attestations", "", f"{counts['attestations']:,}"),
            Line("signatures and other attachments", "", f"{counts['attached']:,}"),
            *(
                Line(
                    f"layers of an image, p{share * 100:.0f}", f"{asked:g}", str(self._layer(share))
                )
                for share, asked in zip((0.5, 0.9), size.layers, strict=True)
            ),
            Line("references to blobs", "", f"{counts['blobs']:,}"),
            Line("distinct configs", "", f"{len(self._configs):,}"),
            Line("JSON, MB", "", f"{counts['bytes'] / _MB:,.0f}"),
        ]

    def _layer(self, share: float) -> int:
        return sorted(self._layers.elements())[int(share * (self._layers.total() - 1))]
