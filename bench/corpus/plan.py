"""The plan of a repository, before any of its content is made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from indexer.model.names import RepositoryName

NEWEST_BUILD_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
CRAWLED_AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""The time of the crawl, in a store of the corpus."""
_OLDEST = timedelta(days=5 * 365)


class Role(Enum):
    """The role of a repository: images build on one another from base to leaf."""

    BASE = "base"
    MIDDLE = "middle"
    LEAF = "leaf"
    ARTIFACT = "artifact"


class Style(Enum):
    """The style of a repository's tags."""

    RELEASES = "releases"
    PIPELINES = "pipelines"
    DAYS = "days"


class Attached(Enum):
    """The kind of attachments of a repository's tagged manifests."""

    NOTHING = "nothing"
    COSIGN = "cosign"
    REFERRERS = "referrers"


@dataclass(frozen=True, slots=True)
class PlatformName:
    """A platform as configs and descriptors write it."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""


PLATFORMS = (
    PlatformName("linux", "amd64"),
    PlatformName("linux", "arm64", "v8"),
    PlatformName("linux", "arm", "v7"),
    PlatformName("linux", "ppc64le"),
    PlatformName("linux", "s390x"),
    PlatformName("linux", "386"),
    PlatformName("linux", "riscv64"),
    PlatformName("linux", "arm", "v6"),
)
WINDOWS = (
    PlatformName("windows", "amd64", os_version="10.0.20348.2762"),
    PlatformName("windows", "amd64", os_version="10.0.26100.2314"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One repository to be made.

    All chance in it comes from ``key``. ``builds`` is the number of tagged digests, numbered from
    the newest, which is 0. Each image adds ``own_layers`` to those of its base, a
    build of the repository ``parent``. More than one platform makes an index. ``kind`` is the
    number of an artifact's kind. ``offset`` is a small number that makes repositories differ.
    """

    key: str
    number: int
    name: RepositoryName
    role: Role
    tags: int
    builds: int
    style: Style
    title: str
    description: str
    vendor: str
    license: str
    port: int
    variants: int
    offset: int
    own_layers: int = 1
    parent: int | None = None
    platforms: tuple[PlatformName, ...] = PLATFORMS[:1]
    is_docker: bool = False
    is_attested: bool = False
    is_annotated: bool = False
    attached: Attached = Attached.NOTHING
    kind: int = 0

    @property
    def is_index(self) -> bool:
        """Whether its builds are indexes."""
        return len(self.platforms) > 1

    def built_at(self, build: int) -> datetime:
        """Return the time of a build; older ones are earlier, in even steps."""
        turn = build // self.variants
        step = min(timedelta(days=1 + self.offset), _OLDEST / (self.builds // self.variants + 1))
        first = NEWEST_BUILD_AT - timedelta(hours=self.number % 720)
        return (first - turn * step).replace(microsecond=0)
