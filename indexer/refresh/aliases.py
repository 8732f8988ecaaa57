"""Aliases: several tags of one digest, and the cheapest request that tells where a tag points.

HEAD tells the digest, and a GET must follow if the digest is new. GET tells digest and body at
once, but reads the body of an alias again. So a tag that is probably an alias is asked for with
HEAD, and any other with GET. Requests never decide what is true, only what they cost.
"""

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge

from indexer.model import Digest, RepositoryName, TagName

HEADS_IN_VAIN_MAX = 8
"""HEAD requests in a row without an alias, before the tags of a repository are read with GET."""
SORTED_AT_ONCE = 10_000
"""Tags that are sorted without a turn for another thread."""
LIKELY_ALIASES_MAX = 200_000
"""Tags that are remembered as likely aliases, of all repositories of a registry together."""
REPOSITORIES_MAX = 1_000
"""Repositories that are remembered; one that is forgotten costs a few more reads."""


@dataclass(slots=True)
class RepositoryTags:
    """What the tags of one repository were so far."""

    likely_aliases: Collection[TagName] = ()
    newest: Digest | None = None
    """The digest that was read last, which the next tag may have too."""
    has_aliases: bool = False
    heads_in_vain: int = 0
    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held during the first read, so that the others know its digest."""
    gets: set[asyncio.Event] = field(default_factory=set)
    """One for each GET of a tag that runs, set at its end."""

    def prefers_head(self, tag: TagName) -> bool:
        """Tell whether HEAD is the cheaper first request for a tag."""
        is_likely = self.has_aliases or tag in self.likely_aliases
        return is_likely and self.heads_in_vain < HEADS_IN_VAIN_MAX

    @contextmanager
    def getting(self) -> Iterator[None]:
        """Note a GET of a tag while it runs."""
        ended = asyncio.Event()
        self.gets.add(ended)
        try:
            yield
        finally:
            self.gets.discard(ended)
            ended.set()

    async def wait_for_gets(self) -> None:
        """Return when every GET of a tag that runs now has told a digest."""
        for ended in list(self.gets):
            await ended.wait()

    def learn(self, digest: Digest, *, is_alias: bool, by_head: bool) -> None:
        """Remember what a tag was."""
        self.newest = digest
        if is_alias:
            self.has_aliases, self.heads_in_vain = True, 0
        elif by_head:
            self.heads_in_vain += 1


class TagEvidence:
    """What the tags of the repositories of one registry were, those of late."""

    def __init__(
        self,
        repositories_max: int = REPOSITORIES_MAX,
        likely_aliases_max: int = LIKELY_ALIASES_MAX,
    ) -> None:
        self._repositories_max = repositories_max
        self._likely_aliases_max = likely_aliases_max
        self._seen: OrderedDict[RepositoryName, RepositoryTags] = OrderedDict()
        self._held = 0
        """The likely aliases of all repositories together."""

    def find(self, repository: RepositoryName) -> RepositoryTags:
        """Return what is known of the tags of a repository."""
        tags = self._seen.setdefault(repository, RepositoryTags())
        self._seen.move_to_end(repository)
        if len(self._seen) > self._repositories_max:
            self._forget_oldest()
        return tags

    def expect(self, repository: RepositoryName, likely_aliases: Sequence[TagName]) -> None:
        """Remember which tags of a repository are probably aliases, if that is not too much."""
        tags = self.find(repository)
        self._held -= len(tags.likely_aliases)
        tags.likely_aliases = frozenset(likely_aliases[: self._likely_aliases_max])
        self._held += len(tags.likely_aliases)
        while self._held > self._likely_aliases_max:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, tags = self._seen.popitem(last=False)
        self._held -= len(tags.likely_aliases)


def split_likely_aliases(
    tags: Collection[TagName],
) -> tuple[Sequence[TagName], Sequence[TagName]]:
    """Return the tags that probably have a digest of their own, and those that are aliases.

    ``1.27`` is one beside ``1.27.3``, and so is a tag without a number, such as ``latest``.
    """
    every = list(tags)
    starts = range(0, len(every), SORTED_AT_ONCE)
    ordered = list(merge(*(sorted(every[start : start + SORTED_AT_ONCE]) for start in starts)))

    def is_continued(tag: TagName, sign: str) -> bool:
        place = bisect_left(ordered, tag + sign)
        return place < len(ordered) and ordered[place].startswith(tag + sign)

    likely = {
        tag
        for tag in ordered
        if not any(character.isdecimal() for character in tag)
        or is_continued(tag, ".")
        or is_continued(tag, "-")
    }
    own = [tag for tag in ordered if tag not in likely]
    return own, [tag for tag in ordered if tag in likely]
