"""When a whole registry is read again."""

from datetime import datetime, timedelta

from indexer.clock import parse_rfc3339
from indexer.store import Crawl

INCOMPLETE_RETRY = timedelta(minutes=10)
"""How long after a crawl that could not read everything the next one begins."""


def is_crawl_due(latest: Crawl | None, *, interval: timedelta, now: datetime) -> bool:
    """Tell whether a registry is to be crawled now, given its latest crawl.

    The first is due at once and one that was interrupted goes on. An ``interval`` of zero asks for
    no others.
    """
    if latest is None:
        return True
    if latest.finished_at is None:
        return not latest.catalog_read
    if not interval:
        return False
    pause = interval if latest.complete else min(interval, INCOMPLETE_RETRY)
    return now - parse_rfc3339(latest.finished_at) >= pause
