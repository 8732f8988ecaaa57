"""Deciding when a registry is crawled, and when every tag of it is asked for."""

from datetime import datetime, timedelta
from math import ceil

from indexer.clock import parse_rfc3339
from indexer.store import Crawl, FullCrawl

INCOMPLETE_RETRY = timedelta(minutes=10)
"""The pause after a crawl that could read nothing."""
RESTART_PAUSE = timedelta(seconds=10)
"""The shortest pause after a crawl before a restart of the registry causes another one."""
RESTART_PAUSE_CRAWLS = 10
"""The same pause as a multiple of the duration of that crawl: registries may restart often."""
FULL_EVERY = timedelta(days=1)
"""The longest time between two full crawls, if crawls are more frequent."""
FULL_OF_CRAWLS = 4
"""One of so many crawls is full at least."""


def crawls_of_one_full(interval: timedelta) -> int:
    """Return of how many crawls one is full, where what moves is learned; 1 if each is."""
    return max(1, min(FULL_OF_CRAWLS, ceil(FULL_EVERY / interval) - 1))


def is_full_due(
    full: FullCrawl | None,
    *,
    interval: timedelta,
    now: datetime,
    events_lost_at: datetime | None = None,
) -> bool:
    """Tell whether the crawl that is due now asks for every tag, given the latest that did.

    The others ask for tags that are new or no longer listed, and leave their requests to
    :class:`indexer.refresh.looks.Looks`.
    """
    if full is None or (events_lost_at is not None and full.started_at <= events_lost_at <= now):
        return True
    is_last_before = now + interval > full.started_at + FULL_EVERY
    return is_last_before or full.later + 1 >= FULL_OF_CRAWLS


def is_crawl_due(
    latest: Crawl | None,
    *,
    interval: timedelta,
    now: datetime,
    is_start: bool = False,
    events_lost_at: datetime | None = None,
) -> bool:
    """Tell whether to crawl a registry now, given its latest crawl.

    The first crawl is due at once, and an interrupted one continues. At the start of the indexer
    an incomplete crawl is repeated, because its problem may be solved. ``events_lost_at`` is the
    time of the last known loss of events, such as a restart of the registry, which forgets what it
    has not sent. Only a later crawl finds the changes. With an ``interval`` of zero there are no
    other crawls.
    """
    if latest is None:
        return True
    if latest.finished_at is None:
        return not (latest.catalog_read or latest.catalog_error)
    started, finished = parse_rfc3339(latest.started_at), parse_rfc3339(latest.finished_at)
    # A loss in the future was written before the clock was set back.
    if events_lost_at is not None and started <= events_lost_at <= now:
        pause = max(RESTART_PAUSE, RESTART_PAUSE_CRAWLS * (finished - started))
        if now - finished >= pause:
            return True
    if not interval:
        return False
    if is_start and not latest.complete:
        return True
    # A catalog that is always denied must not cause crawl after crawl.
    has_read = latest.catalog_read or latest.catalog_error
    pause = interval if has_read else min(interval, INCOMPLETE_RETRY)
    return now - finished >= pause
