"""The tables of ``docs/settings.md``, from the settings: ``python -m tests.settings_reference``.

A test finds out whether they are up to date.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from indexer.settings import (
    NESTED,
    PREFIX,
    AccessSettings,
    NodeSettings,
    OidcSettings,
    RegistrySettings,
    RuleSettings,
    Settings,
)

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_TABLES = (Settings, RegistrySettings, RuleSettings, NodeSettings, AccessSettings, OidcSettings)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def with_reference(page: str) -> str:
    """Return the page with its tables as the settings are now."""
    parts = {
        "settings": _table(Settings, PREFIX),
        "registry": _table(RegistrySettings),
        "rule": _table(RuleSettings),
        "node": _table(NodeSettings),
        "access": _table(AccessSettings, f"{PREFIX}ACCESS{NESTED}"),
        "oidc": _table(OidcSettings, f"{PREFIX}ACCESS{NESTED}OIDC{NESTED}"),
    }
    for name, lines in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        found = pattern.search(page)
        assert found, f"no part {name}"
        text = "\n".join(lines)
        page = f"{page[: found.start()]}{begin}\n{text}\n\n{end}{page[found.end() :]}"
    return page


def _table(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield a table of the settings of a model, with their variables if they have any."""
    variable, line = ("environment | ", "--- | ") if prefix else ("", "")
    yield f"| setting | {variable}value | default | meaning |"
    yield f"| --- | {line}--- | --- | --- |"
    for name, field in model.model_fields.items():
        if _is_table(field.annotation) and name != "registry":
            continue
        named = f"`{prefix}{name.upper()}` | " if prefix else ""
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        kind = _kind(field.annotation)
        if kind == "list" and prefix:
            kind = f"list; as a variable {'with commas' if NoDecode in field.metadata else 'JSON'}"
        value = "; ".join(filter(None, (kind, _bounds(field))))
        yield f"| `{name}` | {named}{value} | {_default(field)} | {meaning} |"


def _parts(annotation: Any) -> list[Any]:
    """Return the types that an annotation names, without those around them."""
    if get_origin(annotation) in {Union, UnionType}:
        return [part for each in get_args(annotation) for part in _parts(each)]
    return [annotation]


def _is_table(annotation: Any) -> bool:
    """Tell whether a setting is a table, or a list of tables, which have a part of their own."""
    inner = [part for each in _parts(annotation) for part in (each, *get_args(each))]
    return any(isinstance(part, type) and issubclass(part, _TABLES) for part in inner)


def _kind(annotation: Any) -> str:
    (kind,) = [part for part in _parts(annotation) if part is not NoneType][:1]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind) if choice)
    if get_origin(kind) is tuple:
        return "tables" if _is_table(kind) else "list"
    names = {bool: "`true`, `false`", int: "number", timedelta: "duration", Path: "file"}
    return names.get(kind, "text")


def _bounds(field: FieldInfo) -> str:
    """Return the least and the greatest value, as they are written in the settings."""
    least, most = (
        next((getattr(one, name) for one in field.metadata if hasattr(one, name)), None)
        for name in ("ge", "le")
    )
    if least is None:
        return ""
    return f"`{_written(least)}` to `{_written(most)}`" if most else f"`{_written(least)}` or more"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    return "none" if value in (None, "", (), []) else f"`{_written(value)}`"


def _written(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next(each for each in _UNITS if seconds % each[0] == 0)
        return f"{seconds // size}{unit}"
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text()))
