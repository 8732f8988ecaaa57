"""Which manifests a text means that somebody typed or a builder wrote: a name, a tag, a digest."""

from dataclasses import dataclass

from sqlite_utils import Database

from indexer.model import Reference, digest_range, match_reference
from indexer.store.index_tree import manifests_below, parts_below

# Tags and indexes lead to manifests, to any depth, as far as a repository has them.
_BELOW_DIGESTS = parts_below(
    "SELECT digest FROM manifest_chains WHERE digest BETWEEN ?1 AND ?2"
    " UNION SELECT digest FROM index_children WHERE digest BETWEEN ?1 AND ?2",
    name="named",
)
_TAGGED = """
SELECT repository_id, digest FROM tags CROSS JOIN repository_manifests USING (repository_id, digest)
WHERE """


@dataclass(frozen=True, slots=True)
class Named:
    """The manifests that a reference means, as a table ``named (digest)`` for a query.

    ``repositories`` are those of which it means everything that is visible.
    """

    table: str
    values: tuple[object, ...]
    repositories: tuple[int, ...] = ()


def named(database: Database, text: str, *, is_prefix: bool = False) -> Named | None:
    """Return what a reference means: None where nothing that we know is named so.

    A digest is any manifest or index that has it. A name is that of a repository, its last parts
    or with the host before it, and means what its visible tags point at, or one tag of them.
    ``is_prefix`` takes the name for the beginning of a repository's.
    """
    digests = digest_range(text)
    if digests is not None and (text.startswith("sha256:") or not is_prefix):
        return _below_digests(*digests)
    found = _read(text, is_prefix=is_prefix)
    if found is None:
        return None
    if found.digest:
        digests = digest_range(found.digest)
        return _below_digests(*digests) if digests else None
    repositories = _repositories(database, found.name.lower(), is_prefix=is_prefix)
    if not repositories:
        return None
    listed = ", ".join(map(str, repositories))
    visible = f"hidden_at IS NULL AND repository_id IN ({listed})"
    if found.tag:
        visible = _with_tag(database, visible, found.tag)
        return Named(_below_tags(visible), (found.tag,))
    return Named(_below_tags(visible), (), tuple(repositories))


def _read(text: str, *, is_prefix: bool) -> Reference | None:
    # The beginning of a name may end anywhere, where a whole one may not.
    return Reference(path=text) if is_prefix and ":" not in text else match_reference(text)


def _below_tags(visible: str) -> str:
    return manifests_below(f"{_TAGGED}{visible}", name="named")


def _below_digests(low: str, high: str) -> Named:
    return Named(_BELOW_DIGESTS, (low, high))


def _with_tag(database: Database, visible: str, tag: str) -> str:
    """Add a tag, in any case only where nothing has it as it is: that looks at all tags."""
    exact = f"{visible} AND name = ?1"
    query = f"SELECT 1 FROM tags WHERE {exact} LIMIT 1"  # noqa: S608 - numbers and our words
    return exact if database.execute(query, [tag]).fetchone() else f"{exact} COLLATE NOCASE"


def _repositories(database: Database, path: str, *, is_prefix: bool) -> list[int]:
    if is_prefix:
        rows = database.execute(
            "SELECT id FROM repositories WHERE substr(name, 1, length(?1)) = ?1", [path]
        )
    else:
        # Names hold nothing that a pattern gives a meaning.
        hosts = database.execute("SELECT DISTINCT registry_host FROM registries")
        names = [path, *(path.removeprefix(f"{host}/") for (host,) in hosts)]
        on_host = [name for name in names if name != path]
        rows = database.execute(
            "SELECT id FROM repositories WHERE name = ?1 OR name GLOB ?2"
            " UNION SELECT repositories.id FROM repositories"
            " JOIN registries ON registries.id = registry_id"
            " WHERE repositories.name = ?3 AND registry_host || '/' || ?3 = ?1",
            [path, f"*/{path}", on_host[0] if on_host else None],
        )
    return [row[0] for row in rows]
