"""Through indexes, up and down: the recursive tables that queries begin with.

An index has a manifest only as far as the repository has both; so each step stays in its
repository. Indexes may be nested, to any depth.
"""

_TABLE = """
WITH RECURSIVE {name} (repository_id, digest) AS (
    {start}
    UNION SELECT {name}.repository_id, index_children.{to} FROM {name}
    CROSS JOIN index_children ON index_children.{by} = {name}.digest
    CROSS JOIN repository_manifests AS linked
        ON linked.repository_id = {name}.repository_id AND linked.digest = index_children.{to})
"""

# Without a repository: what an index lists is a part of it, whoever has it, if anybody does.
_PARTS = """
WITH RECURSIVE {name} (digest) AS (
    {start}
    UNION SELECT child_digest FROM {name} CROSS JOIN index_children USING (digest)
    WHERE EXISTS (SELECT 1 FROM repository_manifests AS known WHERE known.digest = {name}.digest))
"""


def indexes_above(start: str, *, name: str = "above") -> str:
    """Return the table ``name (repository_id, digest)`` of some manifests and the indexes above.

    ``start`` selects the repository and the digest of each manifest.
    """
    return _TABLE.format(name=name, start=start, to="digest", by="child_digest")


def manifests_below(start: str, *, name: str = "below") -> str:
    """Return the table ``name (repository_id, digest)`` of some manifests and those below."""
    return _TABLE.format(name=name, start=start, to="child_digest", by="digest")


def parts_below(start: str, *, name: str = "below") -> str:
    """Return the table ``name (digest)`` of some manifests and those below, in any repository.

    ``start`` selects the digest of each.
    """
    return _PARTS.format(name=name, start=start)
