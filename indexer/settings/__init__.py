"""The settings: one table, read once at start from ``regsearch.toml`` and the environment."""

from indexer.settings.access import AccessSettings, OidcSettings, RuleSettings
from indexer.settings.environment import NESTED, PREFIX
from indexer.settings.nodes import NodeSettings
from indexer.settings.registry import STORED_ANYWHERE, RegistrySettings, short_secret
from indexer.settings.secret_files import read_secret_file
from indexer.settings.settings import (
    CONFIG_FILE,
    OFFICIAL,
    Settings,
    config_file,
    load_settings,
)
from indexer.settings.values import parse_duration

__all__ = [
    "CONFIG_FILE",
    "NESTED",
    "OFFICIAL",
    "PREFIX",
    "STORED_ANYWHERE",
    "AccessSettings",
    "NodeSettings",
    "OidcSettings",
    "RegistrySettings",
    "RuleSettings",
    "Settings",
    "config_file",
    "load_settings",
    "parse_duration",
    "read_secret_file",
    "short_secret",
]
