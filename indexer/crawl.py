"""When a whole registry is read again."""

from datetime import datetime, timedelta

from indexer.clock import parse_rfc3339
from indexer.store import Crawl

INCOMPLETE_RETRY = timedelta(minutes=10)
"""How long after a crawl that could not read the catalog the next one begins."""


def is_crawl_due(
    latest: Crawl | None, *, interval: timedelta, now: datetime, is_start: bool = False
) -> bool:
    """Tell whether a registry is to be crawled now, given its latest crawl.

    The first is due at once and one that was interrupted goes on. At the start of the indexer one
    that was not complete is done over: what was in its way may have been mended. An ``interval`` of
    zero asks for no others.
    """
    if latest is None:
        return True
    if latest.finished_at is None:
        return not latest.catalog_read
    if not interval:
        return False
    if is_start and not latest.complete:
        return True
    # A place that is denied for good must not have everything else read again and again.
    pause = interval if latest.catalog_read else min(interval, INCOMPLETE_RETRY)
    return now - parse_rfc3339(latest.finished_at) >= pause
