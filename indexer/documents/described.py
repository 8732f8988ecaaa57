"""An image as its documents see it: what is kept of its bytes, and what its repository says."""

from dataclasses import dataclass
from datetime import datetime

from indexer.clock import parse_rfc3339
from indexer.documents.attachments import Attached
from indexer.documents.extracted import ExtractedImage
from indexer.extract import version_of_tags
from indexer.model import Digest, Pulls, TagName


@dataclass(frozen=True, slots=True)
class DescribedImage:
    """An image: what the store tells of it, and what its content says, without the bytes.

    Those of all images of a large repository would take hundreds of megabytes.
    """

    digest: Digest
    tags: tuple[TagName, ...]
    """Newest first."""
    pushed_at: str | None
    """RFC 3339, as an event said; None when no event did."""
    pulls: Pulls
    extracted: ExtractedImage
    created_at: datetime | None
    """When its builder says it was made."""
    attached: tuple[Attached, ...] = ()

    @property
    def created(self) -> int:
        """When its builder says it was made: seconds since 1970, 0 for unknown."""
        return seconds(self.created_at)

    @property
    def pushed(self) -> int:
        """When it was pushed: seconds since 1970, 0 for unknown."""
        return parse_seconds(self.pushed_at)

    @property
    def is_dated_for_good(self) -> bool:
        """Whether no later time makes another moment of it one that can be believed."""
        moments = self.extracted.moments
        return not moments or self.created_at == parse_rfc3339(moments[0])

    @property
    def tag_version(self) -> str:
        """The version that only its tags tell; "" where it says one itself or no tag does."""
        return "" if self.extracted.result["version"] else version_of_tags(self.tags)


def seconds(moment: datetime | None) -> int:
    """Return seconds since 1970, 0 for unknown."""
    return max(0, int(moment.timestamp())) if moment else 0


def parse_seconds(moment: str | None) -> int:
    """Return the seconds since 1970 of a time that the store wrote, 0 for unknown."""
    return seconds(parse_rfc3339(moment)) if moment else 0
