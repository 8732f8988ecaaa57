"""The tables of the store, as migrations: each step runs once, in order, in a transaction.

Times are RFC 3339 text in UTC, bodies are zlib-compressed. What only events can tell (tag moves,
actors, push times) lives in ``tag_moves`` and is never derived again from anything.
"""

from collections.abc import Callable

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from indexer.store.attachments import fill_subjects
from indexer.store.parts import mark_parts
from indexer.store.visible import count_tags

STORE_FILE = "store.db"

migrations = Migrations("store")

_REGISTRIES = """
CREATE TABLE registries (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    registry_host TEXT NOT NULL,
    newest_event_applied_at TEXT,
    error TEXT,
    error_at TEXT,
    source TEXT NOT NULL DEFAULT '',
    restarted_at TEXT,
    requests INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE crawls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    registry_id INTEGER NOT NULL REFERENCES registries,
    started_at TEXT NOT NULL,
    resume TEXT NOT NULL DEFAULT '',
    catalog_read INTEGER NOT NULL DEFAULT 0,
    repositories INTEGER NOT NULL DEFAULT 0,
    refreshes INTEGER NOT NULL DEFAULT 0,
    set_aside INTEGER NOT NULL DEFAULT 0,
    finished_at TEXT,
    complete INTEGER
);
CREATE INDEX crawls_registry ON crawls (registry_id, id);
"""

_CONTENT = """
CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    registry_id INTEGER NOT NULL REFERENCES registries,
    name TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    UNIQUE (registry_id, name)
);
CREATE TABLE tags (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    confirmed_at TEXT NOT NULL,
    hidden_at TEXT,
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
CREATE INDEX tags_digest ON tags (repository_id, digest);
CREATE TABLE tag_moves (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    tag TEXT NOT NULL,
    tagged_at TEXT NOT NULL,
    digest TEXT NOT NULL,
    actor TEXT NOT NULL DEFAULT '',
    from_event INTEGER NOT NULL,
    PRIMARY KEY (repository_id, tag, tagged_at, digest)
) WITHOUT ROWID;
CREATE INDEX tag_moves_digest ON tag_moves (repository_id, digest);
CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,
    config_digest TEXT,
    first_seen_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE repository_manifests (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    digest TEXT NOT NULL REFERENCES manifests,
    first_seen_at TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE TABLE configs (
    digest TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE index_children (
    digest TEXT NOT NULL,
    position INTEGER NOT NULL,
    child_digest TEXT NOT NULL,
    PRIMARY KEY (digest, position)
) WITHOUT ROWID;
CREATE INDEX index_children_child ON index_children (child_digest);
CREATE TABLE layers (
    digest TEXT NOT NULL,
    position INTEGER NOT NULL,
    layer_digest TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (digest, position)
) WITHOUT ROWID;
CREATE INDEX layers_layer ON layers (layer_digest);
"""

_WORK = """
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    registry_id INTEGER NOT NULL REFERENCES registries,
    kind TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    priority INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    set_aside INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    newest_event_at TEXT,
    expected_digest TEXT,
    crawl_id INTEGER REFERENCES crawls,
    UNIQUE (registry_id, kind, repository, reference)
);
CREATE INDEX queue_due ON queue (registry_id, priority, due_at, id) WHERE set_aside = 0;
CREATE INDEX queue_crawl ON queue (crawl_id, set_aside) WHERE crawl_id IS NOT NULL;
CREATE TABLE stale_documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories,
    digest TEXT NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE TABLE search_index (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation TEXT NOT NULL,
    engine TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    extractor_version INTEGER NOT NULL,
    complete INTEGER NOT NULL
);
CREATE TABLE rebuild (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    done INTEGER NOT NULL,
    total INTEGER NOT NULL
);
CREATE TABLE positions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
"""

_ABSENCES = """
CREATE TABLE absences (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    tag TEXT NOT NULL,
    crawl_id INTEGER REFERENCES crawls,
    seen_at TEXT NOT NULL,
    held_at TEXT,
    PRIMARY KEY (repository_id, tag)
) WITHOUT ROWID;
ALTER TABLE crawls ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0;
"""

_PULLS = """
CREATE TABLE pulls (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    digest TEXT NOT NULL,
    pulls INTEGER NOT NULL,
    last_pulled_at TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID
"""

_RETENTION = """
ALTER TABLE repository_manifests ADD COLUMN untagged_at TEXT;
CREATE INDEX repository_manifests_digest ON repository_manifests (digest)
"""

_LINEAGE = """
CREATE TABLE manifest_chains (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    is_image INTEGER NOT NULL,
    has_labels INTEGER NOT NULL,
    diff_chain INTEGER,
    blob_chain INTEGER NOT NULL
);
CREATE INDEX manifest_chains_diff ON manifest_chains (diff_chain) WHERE diff_chain IS NOT NULL;
CREATE INDEX manifest_chains_blob ON manifest_chains (blob_chain);
CREATE INDEX manifest_chains_bare ON manifest_chains (blob_chain)
    WHERE is_image AND diff_chain IS NULL;
CREATE TABLE changed_bases (
    chain INTEGER PRIMARY KEY,
    reached INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE derivation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    reached TEXT,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0
);
INSERT INTO derivation (one, version) VALUES (1, 0);
DROP TABLE layers
"""

_CHAINS = """
CREATE TABLE {kind}_chains (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER NOT NULL,
    length INTEGER NOT NULL,
    is_empty INTEGER NOT NULL,
    is_base INTEGER NOT NULL DEFAULT 0,
    chain_id BLOB NOT NULL UNIQUE,
    layer BLOB NOT NULL
);
CREATE INDEX {kind}_chains_layer ON {kind}_chains (layer);
CREATE INDEX {kind}_chains_base ON {kind}_chains (id) WHERE is_base;
CREATE TABLE {kind}_prefixes (
    prefix INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    PRIMARY KEY (prefix, chain)
) WITHOUT ROWID
"""

_ATTACHMENTS = """
CREATE TABLE subjects (
    digest TEXT NOT NULL,
    subject TEXT NOT NULL,
    index_digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (digest, subject, index_digest)
) WITHOUT ROWID;
CREATE INDEX subjects_subject ON subjects (subject);
CREATE INDEX subjects_index ON subjects (index_digest) WHERE index_digest <> '';
ALTER TABLE repository_manifests ADD COLUMN left_at TEXT;
ALTER TABLE repository_manifests ADD COLUMN confirmed_at TEXT;
ALTER TABLE repository_manifests ADD COLUMN missing_at TEXT;
ALTER TABLE repository_manifests ADD COLUMN absent_at TEXT;
CREATE INDEX repository_manifests_missing ON repository_manifests (repository_id)
    WHERE missing_at IS NOT NULL;
CREATE INDEX repository_manifests_untagged ON repository_manifests (repository_id)
    WHERE left_at IS NOT NULL OR untagged_at IS NOT NULL;
ALTER TABLE repositories ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registries ADD COLUMN has_referrers INTEGER;
ALTER TABLE registries ADD COLUMN referrers_asked_at TEXT
"""

_CHANGES = """
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    mark INTEGER NOT NULL DEFAULT (random()),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    registry_id INTEGER NOT NULL REFERENCES registries,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT,
    previous_digest TEXT
);
CREATE TABLE changes_start (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    mark INTEGER NOT NULL
);
INSERT INTO changes_start VALUES (1, 0, random());
ALTER TABLE repositories ADD COLUMN tag_count INTEGER NOT NULL DEFAULT 0
"""

_EXTRACTED = """
ALTER TABLE derivation RENAME TO extraction;
CREATE TABLE extracted (
    digest TEXT NOT NULL,
    form TEXT NOT NULL,
    version INTEGER NOT NULL,
    found BLOB NOT NULL,
    PRIMARY KEY (digest, form)
) WITHOUT ROWID
"""

_PULLED = """
CREATE TABLE pulled (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    digest TEXT NOT NULL,
    is_blob INTEGER NOT NULL,
    cached_at TEXT NOT NULL,
    readable_from TEXT NOT NULL,
    pulled_at TEXT NOT NULL,
    is_doubtful INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE INDEX pulled_time ON pulled (pulled_at)
"""


_FRESHNESS = """
ALTER TABLE registries ADD COLUMN notifies INTEGER NOT NULL DEFAULT 1;
ALTER TABLE registries ADD COLUMN untold_at TEXT;
ALTER TABLE registries ADD COLUMN lost_at TEXT;
CREATE TABLE alive (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at TEXT NOT NULL
)
"""

# What is said of a repository, as its document says it.
_SUMMARIES = """
ALTER TABLE repositories ADD COLUMN size_bytes INTEGER;
ALTER TABLE repositories ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE repositories ADD COLUMN description TEXT NOT NULL DEFAULT ''
"""

_CONFIG_USERS = (
    "CREATE INDEX manifests_config ON manifests (config_digest) WHERE config_digest IS NOT NULL"
)
# A registry may have several sources.
_SOURCES = "UPDATE registries SET source = json_array(source) WHERE source <> ''"
_REMOVED_REGISTRIES = "ALTER TABLE registries ADD COLUMN removed INTEGER NOT NULL DEFAULT 0"
_UNLISTED = """
ALTER TABLE repositories ADD COLUMN listed_in INTEGER;
ALTER TABLE crawls ADD COLUMN unlisted INTEGER
"""
_CATALOG_ERROR = "ALTER TABLE crawls ADD COLUMN catalog_error TEXT"
_REALMS = "ALTER TABLE registries ADD COLUMN token_origin TEXT NOT NULL DEFAULT ''"

_PAUSES = """
ALTER TABLE registries ADD COLUMN paused_until TEXT;
ALTER TABLE registries ADD COLUMN pause_reason TEXT;
CREATE INDEX queue_failed ON queue (due_at) WHERE set_aside = 0 AND reason IS NOT NULL
"""
# Rows that could not be read, for whoever asks why something is missing.
_DAMAGE = """
CREATE TABLE damaged_rows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    found_at TEXT NOT NULL,
    of_table TEXT NOT NULL,
    row TEXT NOT NULL,
    reason TEXT NOT NULL
)
"""
# What documents say, for lists of tags and repositories; and the changes of one repository.
_LISTS = """
ALTER TABLE repositories ADD COLUMN summary TEXT NOT NULL DEFAULT '{}';
ALTER TABLE repository_manifests ADD COLUMN size_bytes INTEGER;
ALTER TABLE repository_manifests ADD COLUMN summary TEXT;
CREATE INDEX changes_registry ON changes (registry_id);
CREATE INDEX changes_repository ON changes (repository, registry_id)
"""

# Up to where the changes of a repository are forgotten, and in the first row those of all.
_FORGOTTEN_CHANGES = """
CREATE TABLE forgotten_changes (
    registry_id INTEGER NOT NULL,
    repository TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    PRIMARY KEY (registry_id, repository)
) WITHOUT ROWID;
CREATE INDEX forgotten_changes_sequence ON forgotten_changes (sequence);
INSERT INTO forgotten_changes SELECT 0, '', sequence, mark FROM changes_start
"""

# What is measured for the metrics, and events whose effect is not searchable yet.
_MEASURES = """
CREATE TABLE measures (
    registry_id INTEGER NOT NULL REFERENCES registries,
    name TEXT NOT NULL,
    part TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (registry_id, name, part)
) WITHOUT ROWID;
CREATE TABLE arrivals (
    id INTEGER PRIMARY KEY,
    registry_id INTEGER NOT NULL REFERENCES registries,
    repository_id INTEGER NOT NULL REFERENCES repositories,
    received_at TEXT NOT NULL,
    last_sequence INTEGER NOT NULL
);
ALTER TABLE queue ADD COLUMN received_at TEXT
"""

# Crawls that asked for every tag, as all did before there were others.
_FULL_CRAWLS = "ALTER TABLE crawls ADD COLUMN is_full INTEGER NOT NULL DEFAULT 1"

# What the documents of large repositories are made of, while it is right.
_PARTS = """
CREATE TABLE repository_parts (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    found BLOB,
    blobs TEXT,
    UNIQUE (repository_id, name)
);
CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories,
    blob TEXT NOT NULL,
    parts INTEGER NOT NULL,
    PRIMARY KEY (repository_id, blob)
) WITHOUT ROWID;
CREATE TABLE repository_sizes (
    repository_id INTEGER PRIMARY KEY REFERENCES repositories,
    bytes TEXT NOT NULL,
    unknown INTEGER NOT NULL
)
"""

# The newest tags of a repository are found without its other ones.
_NEWEST_MOVES = """
CREATE INDEX tag_moves_newest ON tag_moves (repository_id, tagged_at DESC, tag, from_event)
"""

# Parts are kept in another form; those that are there are made again when they are needed.
_DATED_TAGS = """
DELETE FROM repository_parts;
DELETE FROM repository_blobs;
DELETE FROM repository_sizes
"""

_STEPS: dict[str, str] = {
    "m001_registries": _REGISTRIES,
    "m002_content": _CONTENT,
    "m003_work": _WORK,
    "m004_config_users": _CONFIG_USERS,
    "m005_sources": _SOURCES,
    "m006_removed_registries": _REMOVED_REGISTRIES,
    "m007_absences": _ABSENCES,
    "m008_unlisted": _UNLISTED,
    "m009_pulls": _PULLS,
    "m010_retention": _RETENTION,
    "m011_catalog_error": _CATALOG_ERROR,
    "m012_lineage": ";".join([_CHAINS.format(kind="diff"), _CHAINS.format(kind="blob"), _LINEAGE]),
    "m013_attachments": _ATTACHMENTS,
    "m014_changes": _CHANGES,
    "m015_extracted": _EXTRACTED,
    "m016_pulled": _PULLED,
    "m017_freshness": _FRESHNESS,
    "m018_summaries": _SUMMARIES,
    "m019_pauses": _PAUSES,
    "m020_token_origin": _REALMS,
    "m021_damage": _DAMAGE,
    "m022_lists": _LISTS,
    "m023_forgotten_changes": _FORGOTTEN_CHANGES,
    "m024_measures": _MEASURES,
    "m025_full_crawls": _FULL_CRAWLS,
    "m026_parts": _PARTS,
    "m027_newest_moves": _NEWEST_MOVES,
    "m028_dated_tags": _DATED_TAGS,
}
"""The statements of each step by its name, which a store remembers. A new step is a new line."""
_FILL: dict[str, Callable[[Database], object]] = {
    "m013_attachments": fill_subjects,
    "m014_changes": count_tags,
    "m026_parts": mark_parts,
}
"""What fills the tables of a step from those that were there before, or makes a trigger."""


def _add_step(name: str, script: str) -> None:
    @migrations(name=name)
    def run(database: Database) -> None:
        # Not executescript: that would commit the transaction the migration runs in.
        for statement in filter(str.strip, script.split(";")):
            database.execute(statement)
        if name in _FILL:
            _FILL[name](database)


for _name, _script in _STEPS.items():
    _add_step(_name, _script)
