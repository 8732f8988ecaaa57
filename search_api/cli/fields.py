"""The fields of results and changes, as ``--format``, ``--columns`` and ``--csv`` name them."""

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from indexer.errors import InvalidValueError
from indexer.model import one_line, size_text, version_key
from search_api.cli.output import Output
from search_api.cli.times import age_text

CELL_MAX = 300
COLUMN_MIN = 12
"""Columns to which a long column of a table may shrink."""
_GAP = 2
_PLACE = re.compile(r"\{\{-?\s*(json\s+)?\.(\w*)\s*-?\}\}")
_TABLE = "table "
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name, its value in JSON, and that value as people read it."""

    name: str
    read: Callable[[Json], Any]
    show: Callable[[Any], str] | None = None
    is_long: bool = False
    """Whether a table on a narrow terminal may cut it."""

    def raw(self, one: Json) -> str:
        """Return the value for programs: times and sizes as the API has them."""
        value = self.read(one)
        if isinstance(value, list):
            return " ".join(map(str, value))
        return "" if value is None else str(value)

    def text(self, one: Json) -> str:
        """Return the value for people."""
        value = self.read(one)
        if self.show is None or value is None:
            return self.raw(one)
        return self.show(value)


class Fields:
    """The fields of one kind of object, by name in any case."""

    def __init__(self, *fields: Field) -> None:
        self._fields = {one.name.lower(): one for one in fields}
        self.names = [one.name for one in fields]

    def find(self, name: str) -> Field:
        """Return the field with a name; :class:`InvalidValueError` tells those that there are."""
        try:
            return self._fields[name.lower()]
        except KeyError:
            near = difflib.get_close_matches(name.lower(), self._fields, n=1)
            guess = f"did you mean {self._fields[near[0]].name}? " if near else ""
            known = ", ".join(self.names)
            message = f"unknown field {name[:100]!r}: {guess}known are {known}"
            raise InvalidValueError(message) from None

    def listed(self, names: str) -> list[Field]:
        """Return the fields of a list with commas."""
        return [self.find(name.strip()) for name in names.split(",") if name.strip()]


def _age(moment: str) -> str:
    return age_text(moment, now=datetime.now(UTC))


def _name(one: Json) -> str:
    """Return the host and the repository of a reference."""
    repository = one["repository"]
    host, found, _ = (one.get("reference") or "").rpartition(f"/{repository}")
    return f"{host}/{repository}" if found else str(repository)


def tags_of(one: Json) -> list[str]:
    """Return the tags of a result or a resource by version, the newest first."""
    tags = one.get("tags") if one.get("tags") is not None else one.get("newest_tags")
    return sorted(tags or [], key=version_key)


def platforms_of(one: Json) -> list[str]:
    """Return the platforms of a result, or of the details of an image."""
    return [
        str(each.get("platform") or "") if isinstance(each, Mapping) else str(each)
        for each in one.get("platforms") or []
    ]


RESULT_FIELDS = Fields(
    Field("Reference", lambda one: one.get("reference")),
    Field("Name", _name),
    Field("Registry", lambda one: one.get("registry")),
    Field("Repository", lambda one: one.get("repository")),
    Field("Tags", tags_of, is_long=True),
    Field("Digest", lambda one: one.get("digest")),
    Field("Kind", lambda one: one.get("kind")),
    Field("Title", lambda one: one.get("title"), is_long=True),
    Field("Description", lambda one: one.get("description"), is_long=True),
    Field("Version", lambda one: one.get("version")),
    Field("Platforms", platforms_of, is_long=True),
    Field("Size", lambda one: one.get("size_bytes"), size_text),
    Field("Created", lambda one: one.get("created_at"), _age),
    Field("Pushed", lambda one: one.get("pushed_at"), _age),
    Field("Pulls", lambda one: one.get("pulls")),
    Field("Pulled", lambda one: one.get("last_pulled_at"), _age),
    Field("Licenses", lambda one: one.get("licenses")),
    Field("Vendor", lambda one: one.get("vendor"), is_long=True),
)
"""Of what a search finds; the name is without a tag, and the reference is what can be pulled."""
RESULT_COLUMNS = "reference,kind,description,platforms,size,tags,created,pushed"
CHANGE_FIELDS = Fields(
    Field("At", lambda one: one["at"], _age),
    Field("Kind", lambda one: one["kind"]),
    Field("Reference", lambda one: one["reference"]),
    Field("Registry", lambda one: one["registry"]),
    Field("Repository", lambda one: one["repository"]),
    Field("Tag", lambda one: one["tag"]),
    Field("Digest", lambda one: one["digest"]),
    Field("Previous", lambda one: one["previous_digest"]),
    Field("Pushed", lambda one: one["pushed_at"], _age),
    Field("Actor", lambda one: one["actor"]),
)
"""Of a change."""
CHANGE_COLUMNS = "at,kind,reference,digest,previous,actor"


class Template:
    """A template as docker has them: ``{{.Reference}}``, ``{{json .}}``, ``table {{.Name}}``."""

    def __init__(self, text: str, fields: Fields) -> None:
        """Read a template; :class:`InvalidValueError` says what is not understood."""
        text = text.replace("\\t", "\t").replace("\\n", "\n")
        self.is_table = text.startswith(_TABLE)
        self._text = "{{json .}}" if text == "json" else text.removeprefix(_TABLE)
        self._fields = fields
        self.columns: list[Field] = []
        """The fields of a table, in order."""
        for has_json, name in _PLACE.findall(self._text):
            if name:
                self.columns.append(fields.find(name))
            elif not has_json:
                raise InvalidValueError("--format: a field follows the point, as in {{.Reference}}")
        if "{{" in (rest := _PLACE.sub("", self._text)):
            shown = rest[rest.index("{{") :][:50]
            raise InvalidValueError(
                f"--format: {shown!r} is not understood: write {{{{.Reference}}}}, {{{{json .}}}}"
                f" or {{{{json .Reference}}}}; fields are {', '.join(fields.names)}"
            )

    def line(self, one: Json) -> str:
        """Return the line of an object."""

        def value(place: re.Match[str]) -> str:
            has_json, name = place.groups()
            if not name:
                return json.dumps(one)
            field = self._fields.find(name)
            return json.dumps(field.read(one)) if has_json else _cell(field.text(one))

        return _PLACE.sub(value, self._text)


def _cell(text: str) -> str:
    return one_line(text, limit=CELL_MAX)


def csv_lines(fields: Sequence[Field], ones: Iterable[Json], *, has_head: bool) -> Iterator[str]:
    """Yield lines of CSV (RFC 4180), with the names of the fields first."""
    if has_head:
        yield _csv(field.name for field in fields)
    for one in ones:
        yield _csv(one_line(field.raw(one), limit=10 * CELL_MAX) for field in fields)


def _csv(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def print_columns(output: Output, fields: Sequence[Field], ones: Sequence[Json]) -> None:
    """Print a table; what is too wide for the terminal has its other columns beneath the first."""
    rows = [[_cell(field.text(one)) for field in fields] for one in ones]
    heads = [field.name.upper() for field in fields]
    widths = [max(map(cell_len, column), default=0) for column in zip(heads, *rows, strict=True)]
    if output.width is not None and not _shrink(widths, fields, output.width):
        for row in rows:
            output.whole(row[0], is_bold=True)
            for head, cell in zip(heads[1:], row[1:], strict=True):
                if cell:
                    output.text(f"{head.lower()}: {cell}", indent=2)
        return
    for row in (heads, *rows) if ones else ():
        cells = [
            cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
            for cell, width in zip(row, widths, strict=True)
        ]
        line = (" " * _GAP).join(map(set_cell_size, cells, widths))
        output.row(line, is_bold=row is heads)


def _shrink(widths: list[int], fields: Sequence[Field], room: int) -> bool:
    """Make long columns narrower until a table fits; tell whether it does."""
    while (over := sum(widths) + _GAP * (len(widths) - 1) - room) > 0:
        long = [n for n, field in enumerate(fields) if field.is_long and widths[n] > COLUMN_MIN]
        if not long:
            return False
        widest = max(long, key=widths.__getitem__)
        widths[widest] = max(COLUMN_MIN, widths[widest] - max(1, over // len(long)))
    return True
