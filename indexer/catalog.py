"""What a catalog leaves out: never a reason to remove anything, but to be told where it is much."""

import structlog

from indexer.brake import is_too_much
from indexer.store import RegistryRow, Store

log = structlog.get_logger()


def is_doubtful(*, known: int, unlisted: int) -> bool:
    """Tell whether a catalog leaves out so much of what we know that it is hardly true."""
    return 0 < known == unlisted or is_too_much(unlisted, visible=known)


def doubt_catalog(store: Store, registry: RegistryRow, *, crawl_id: int) -> None:
    """Keep how much the whole catalog of a crawl left out, and say so where it is doubtful.

    Belongs into the transaction that keeps its last page.
    """
    listed = store.registries.count_unlisted(crawl_id)
    if is_doubtful(known=listed.known, unlisted=listed.unlisted):
        log.warning(
            "catalog_not_believed",
            registry=registry.name,
            known=listed.known,
            unlisted=listed.unlisted,
        )
