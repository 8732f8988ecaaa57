"""Settings in the environment: which variables there are, and the registries that they describe."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from indexer.errors import SettingsError
from indexer.settings.access import AccessSettings, OidcSettings
from indexer.settings.registry import RegistrySettings
from indexer.settings.values import listed

PREFIX = "REGSEARCH_"
NESTED = "__"
"""What is between the parts of a name in the environment: REGSEARCH_ACCESS__HTPASSWD_FILE."""
CONFIG_VARIABLE = "REGSEARCH_CONFIG"
_URL_VARIABLE = "REGSEARCH_URL"
"""For commands that ask a service: its address."""
REGISTRY_VARIABLE = "REGSEARCH_REGISTRY"
_LISTS = frozenset(
    name
    for name, field in RegistrySettings.model_fields.items()
    if get_origin(field.annotation) is tuple
)
# What Kubernetes sets in every container for a service named regsearch, or regsearch-web.
_OF_SERVICE = re.compile(
    r"REGSEARCH(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT_OF_SERVICE = re.compile(r"REGSEARCH(_[A-Z0-9]+)*_PORT")
_PORT_VALUE = re.compile(r"(tcp|udp|sctp)://.*")


def registry_tables(
    environment: Mapping[str, str], in_file: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the tables of the registries: those of the file, with what the environment sets.

    ``REGSEARCH_REGISTRY`` takes the place of all of the file. ``REGSEARCH_REGISTRY__MAIN__URL`` is
    the ``url`` of the registry ``main``, which need not be in the file. In the name, an underscore
    also stands for a dot or a hyphen of the file's. Lists have commas, or are JSON.
    """
    url = environment.get(REGISTRY_VARIABLE)
    tables: list[dict[str, Any]] = [{"url": url}] if url else [dict(table) for table in in_file]
    by_name = {variable_name(table): table for table in tables}
    for variable, text in sorted(environment.items()):
        if text and (found := _split(variable)):
            name, key = found
            if name not in by_name:
                by_name[name] = {"name": name.lower()}
                tables.append(by_name[name])
            by_name[name][key] = _value(key, text)
    return tables


def variable_name(table: Mapping[str, Any]) -> str:
    """Return how variables call the registry of a table: ``TEAM_A`` for ``team-a``."""
    return re.sub(r"[.-]", "_", str(table.get("name", "default"))).upper()


def find_variable(path: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the variable that sets the setting at a path, None if none does."""
    wanted = PREFIX + NESTED.join(path).upper()
    return next((name for name in environment if name.upper() == wanted), None)


def refuse_unknown_variables(environment: Mapping[str, str], *, settings: set[str]) -> None:
    """Raise :class:`SettingsError` for a variable that is of no setting, and of nobody else.

    ``settings`` are the names of those that are not in a table.
    """
    known = {name.upper() for name in settings} - {"ACCESS"}
    known |= {f"ACCESS{NESTED}{name.upper()}" for name in AccessSettings.model_fields} - {
        f"ACCESS{NESTED}OIDC"
    }
    known |= {f"ACCESS{NESTED}OIDC{NESTED}{name.upper()}" for name in OidcSettings.model_fields}
    known |= {name.removeprefix(PREFIX) for name in (CONFIG_VARIABLE, _URL_VARIABLE)}
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known or _split(variable):
            continue
        if not is_of_kubernetes(variable, environment[variable]):
            candidates = known | _keys_of(name)
            raise SettingsError(
                f"unknown environment variable {variable}{nearest(name, candidates, prefix=PREFIX)}"
            )


def is_of_kubernetes(variable: str, value: str) -> bool:
    """Tell whether Kubernetes set a variable because of a service whose name begins as ours do."""
    if _OF_SERVICE.fullmatch(variable):
        return True
    # Not somebody's own REGSEARCH_PORT=8080, which would have no effect.
    return bool(_PORT_OF_SERVICE.fullmatch(variable) and _PORT_VALUE.fullmatch(value))


def nearest(name: str, known: set[str], *, prefix: str = "") -> str:
    """Return which known name is meant, or all of them, as the end of a message."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if found:
        return f"; did you mean {prefix}{found[0]}?"
    return f"; known are {', '.join(prefix + each for each in sorted(known))}"


def _split(variable: str) -> tuple[str, str] | None:
    """Return the registry and the setting that a variable names; None for any other variable."""
    parts = variable.upper().split(NESTED)
    if len(parts) != 3 or parts[0] != REGISTRY_VARIABLE or not parts[1]:
        return None
    key = parts[2].lower()
    return (parts[1], key) if key in RegistrySettings.model_fields else None


def _keys_of(name: str) -> set[str]:
    """Return what a variable of a registry could be called, if it looks like one."""
    parts = name.split(NESTED)
    if parts[0] != "REGISTRY" or len(parts) < 2:
        return set()
    return {f"REGISTRY{NESTED}{parts[1]}{NESTED}{key.upper()}" for key in _KEYS}


_KEYS = sorted(RegistrySettings.model_fields)


def _value(key: str, text: str) -> object:
    if key not in _LISTS:
        return text
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return listed(text)
