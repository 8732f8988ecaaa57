"""A corpus: all repositories of a registry, each made when it is needed."""

from collections.abc import Iterator
from functools import cached_property

from bench.corpus.artifacts import artifact
from bench.corpus.attachments import attachments
from bench.corpus.images import Images
from bench.corpus.made import Made, Tagged
from bench.corpus.plan import Plan, Role
from bench.corpus.planning import plan_corpus
from bench.corpus.sizes import SIZES, Size
from bench.corpus.tags import tag_builds
from indexer.model.names import RepositoryName, TagName

SEED = "1"

__all__ = ["SEED", "Corpus", "Made", "Tagged"]


class Corpus:
    """The content of a registry of one size; the same for the same seed."""

    def __init__(self, size: Size | str, *, seed: str = SEED) -> None:
        """Plan the repositories, which takes a second for the largest; KeyError for no size."""
        self.size = SIZES[size] if isinstance(size, str) else size
        planned = plan_corpus(self.size, seed)
        self.fitted = planned.fitted
        self.repositories = planned.repositories
        self._images = Images(self.repositories, builds_per_config=self.size.builds_per_config)

    @cached_property
    def by_name(self) -> dict[RepositoryName, Plan]:
        """The repositories by their names."""
        return {plan.name: plan for plan in self.repositories}

    def content(self, plan: Plan) -> Iterator[Tagged]:
        """Make the content of a repository, tag by tag: each build, then its attachments."""
        for build, tags in enumerate(tag_builds(plan)):
            manifest = self.build(plan, build)
            yield Tagged(tuple(map(TagName, tags)), manifest)
            yield from attachments(plan.attached, manifest)

    def build(self, plan: Plan, build: int) -> Made:
        """Make one build of a repository; the newest is 0."""
        if plan.role is Role.ARTIFACT:
            return artifact(plan, build)
        return self._images.build(plan, build)
