"""When a whole registry is read again."""

from datetime import datetime, timedelta

from indexer.clock import parse_rfc3339
from indexer.store import Crawl

INCOMPLETE_RETRY = timedelta(minutes=10)
"""How long after a crawl that could not read anything the next one begins."""
RESTART_PAUSE = timedelta(seconds=10)
"""How long after a crawl, at the least, one begins because the registry restarted."""
RESTART_PAUSE_CRAWLS = 10
"""And how many times as long as that crawl took: a registry may restart again and again."""


def is_crawl_due(
    latest: Crawl | None,
    *,
    interval: timedelta,
    now: datetime,
    is_start: bool = False,
    restarted_at: datetime | None = None,
) -> bool:
    """Tell whether a registry is to be crawled now, given its latest crawl.

    The first is due at once and one that was interrupted goes on. At the start of the indexer one
    that was not complete is done over: what was in its way may have been mended. ``restarted_at``
    is when the registry was last seen to have restarted; what it had not told of by then is lost,
    and only a crawl that begins after that finds it. An ``interval`` of zero asks for no others.
    """
    if latest is None:
        return True
    if latest.finished_at is None:
        return not (latest.catalog_read or latest.catalog_error)
    started, finished = parse_rfc3339(latest.started_at), parse_rfc3339(latest.finished_at)
    # A restart that is yet to come was written by a clock that was set back since.
    if restarted_at is not None and started <= restarted_at <= now:
        pause = max(RESTART_PAUSE, RESTART_PAUSE_CRAWLS * (finished - started))
        if now - finished >= pause:
            return True
    if not interval:
        return False
    if is_start and not latest.complete:
        return True
    # What is denied for good must not have everything else read again and again.
    has_read = latest.catalog_read or latest.catalog_error
    pause = interval if has_read else min(interval, INCOMPLETE_RETRY)
    return now - finished >= pause
