"""Which tags users see, as a condition for queries: shown, and not one that only tools look at."""

from sqlite_utils import Database

VISIBLE = """
tags.hidden_at IS NULL AND NOT (
    tags.name = 'artifacthub.io'
    OR length(tags.name) >= 71 AND substr(tags.name, 8, 64) NOT GLOB '*[^0-9a-f]*' AND (
        substr(tags.name, 1, 7) IN ('sha256-', 'sha512-', 'blake3-') AND length(tags.name) = 71
        OR substr(tags.name, 1, 7) = 'sha256-'
        AND substr(tags.name, 72) IN ('.sig', '.att', '.sbom')))"""
"""Of the table ``tags``; says the same as :func:`indexer.model.names.is_system_tag`.

Each repository has a count of these: another rule here needs a migration that counts anew.
"""


def count_tags(database: Database) -> None:
    """Count the tags of every repository that users see."""
    database.execute(
        "UPDATE repositories SET tag_count = (SELECT count(*) FROM tags"  # noqa: S608
        f" WHERE tags.repository_id = repositories.id AND {VISIBLE})"
    )
