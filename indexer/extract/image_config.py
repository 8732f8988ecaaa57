"""The image config: what an image runs and what its builder wrote about it.

Keys are read without regard to case, as container engines do, and the exact spelling wins. A
field of the wrong type is dropped and noted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.errors import InvalidValueError
from indexer.extract.secrets import MASK, is_secret_name, masked, masked_arguments
from indexer.model import (
    JSON_VALUES_MAX,
    Platform,
    count_json_values,
    parse_body,
    parse_json_object,
    read_platform,
    string_map,
)

STEP_MAX = 8 * 1_024
"""Characters of one command of the history."""
ENTRIES_MAX = 1_000
"""Entries of one list or map."""
VERSION_MAX = 256
"""Characters of a value of the environment."""
ENTRY_MAX = 4 * 1_024
"""Characters of one entry."""

_PORT = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:/[a-z]{1,8})?")
_ENV_NAME = re.compile(r"[^\s=]{1,256}")


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the history, as it is written; ``is_empty`` says that it made no layer."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The fields of an image config that are searched.

    ``versions`` are the environment values that name a version or a program and are known to hold
    no secret; ``history`` is oldest first. ``entrypoint`` and ``cmd`` have their secrets masked.
    ``raw`` is the whole config, for kinds of content that keep fields of their own in it.
    """

    platform: Platform | None = None
    author: str = ""
    created: str = ""
    history: tuple[Step, ...] = ()
    user: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env_names: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment; its value is masked where it looks like a secret."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What nobody searches for, but who looks at one image wants to see."""

    env: tuple[Variable, ...]
    working_dir: str
    stop_signal: str
    healthcheck: tuple[str, ...]


def read_schema1_config(body: bytes) -> ImageConfig:
    """Return the config inside a schema 1 manifest: the newest entry of its history.

    The platform is the manifest's own architecture, on linux where nothing else is said.
    """
    try:
        manifest = parse_body(body)
    except InvalidValueError as error:
        return ImageConfig(warnings=(f"schema 1: {error}",))
    entries, warnings = _compatibility_entries(manifest.get("history"))
    newest: dict[str, Any] = {
        "os": "linux",
        **(entries[0] if entries else {}),
        "history": entries[::-1],
    }
    if isinstance(manifest.get("architecture"), str):
        newest["architecture"] = manifest["architecture"]
    return read_image_config(newest, warnings)


def read_image_config(data: Mapping[str, Any], earlier: tuple[str, ...] = ()) -> ImageConfig:
    """Return what a parsed config says; ``earlier`` are warnings to go before its own."""
    reader = _Reader(data, "", list(earlier))
    run = _Reader(reader.mapping("config"), "config.", reader.warnings)
    env_names, versions = _environment(run.texts("Env"))
    return ImageConfig(
        platform=read_platform(
            {key: reader.text(key) for key in ("os", "architecture", "variant", "os.version")}
        ),
        author=reader.text("author"),
        created=reader.text("created"),
        history=_history(reader),
        user=run.text("User"),
        ports=_ports(run),
        volumes=run.keys("Volumes"),
        entrypoint=masked_arguments(run.texts("Entrypoint")),
        cmd=masked_arguments(run.texts("Cmd")),
        env_names=env_names,
        versions=versions,
        labels=string_map(run.get("Labels"), "config.Labels", reader.warnings),
        warnings=tuple(reader.warnings),
        raw=data,
    )


def run_settings(config: ImageConfig) -> RunSettings:
    """Return the rest of what a config that was read says about running it."""
    run = _Reader(_Reader(config.raw, "", []).mapping("config"), "config.", [])
    pairs = (entry.partition("=") for entry in run.texts("Env"))
    health = _Reader(run.mapping("Healthcheck"), "config.Healthcheck.", [])
    return RunSettings(
        env=tuple(Variable(name, _shown(name, value)) for name, _, value in pairs if name),
        working_dir=run.text("WorkingDir"),
        stop_signal=run.text("StopSignal"),
        healthcheck=masked_arguments(health.texts("Test")),
    )


def _shown(name: str, value: str) -> str:
    return MASK if value and is_secret_name(name) else masked(value)


class _Reader:
    """Typed access to one JSON object; what does not fit is noted in ``warnings``."""

    def __init__(self, data: Mapping[str, Any], path: str, warnings: list[str]) -> None:
        self._data = data
        self._path = path
        self.warnings = warnings
        self._spellings = {key.lower(): key for key in data} if data else {}

    def get(self, key: str) -> Any:
        if key in self._data:
            return self._data[key]
        spelling = self._spellings.get(key.lower())
        return None if spelling is None else self._data[spelling]

    def text(self, key: str) -> str:
        value = self.get(key)
        if isinstance(value, str):
            return value[:ENTRY_MAX]
        if value is not None:
            self._note(key, "a text")
        return ""

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.get(key)
        if isinstance(value, dict):
            return value
        if value is not None:
            self._note(key, "an object")
        return {}

    def keys(self, key: str) -> tuple[str, ...]:
        return tuple(name[:ENTRY_MAX] for name in list(self.mapping(key))[:ENTRIES_MAX] if name)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; very old images have one text instead of a list of one."""
        value = self.get(key)
        if isinstance(value, str):
            value = [value] if value else []
        if value is not None and not isinstance(value, list):
            self._note(key, "a list")
        values = value[:ENTRIES_MAX] if isinstance(value, list) else []
        found = tuple(item[:ENTRY_MAX] for item in values if isinstance(item, str))
        if len(found) < len(values):
            self._note(key, "a list of texts only")
        return found

    def _note(self, key: str, expected: str) -> None:
        self.warnings.append(f"{self._path}{key} is not {expected}")


def _ports(run: _Reader) -> tuple[str, ...]:
    names = run.keys("ExposedPorts")
    found = [name.lower() for name in names if _PORT.fullmatch(name.lower())]
    if len(found) < len(names):
        run.warnings.append("config.ExposedPorts has entries that are not ports")
    return tuple(dict.fromkeys(port if "/" in port else f"{port}/tcp" for port in found))


def _environment(entries: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of all variables, and the values of those that only ever name versions."""
    names: dict[str, None] = {}
    versions: dict[str, str] = {}
    for entry in entries:
        name, _, value = entry.partition("=")
        if not _ENV_NAME.fullmatch(name):
            continue
        names[name] = None
        is_harmless = name.endswith("_VERSION") or name == "BITNAMI_APP_NAME"
        if value and is_harmless and not is_secret_name(name):
            versions[name] = value[:VERSION_MAX]
    return tuple(names), versions


def _history(reader: _Reader) -> tuple[Step, ...]:
    history = reader.get("history")
    if history is not None and not isinstance(history, list):
        reader.warnings.append("history is not a list")
    entries = history[:ENTRIES_MAX] if isinstance(history, list) else []
    return tuple(_step(entry) for entry in entries)


def _step(entry: Any) -> Step:
    """Return a step of the history; schema 1 keeps the command beside ``container_config``."""
    if not isinstance(entry, dict):
        return Step()
    command = _cut(entry.get("created_by"), STEP_MAX)
    container = entry.get("container_config")
    words = container.get("Cmd") if isinstance(container, dict) else None
    if not command and isinstance(words, list):
        command = " ".join(_cut(word, STEP_MAX) for word in words[:10])[:STEP_MAX]
    return Step(
        created=_cut(entry.get("created"), 64),
        created_by=command,
        comment=_cut(entry.get("comment"), 256),
        is_empty=entry.get("empty_layer") is True,
    )


def _cut(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _compatibility_entries(history: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the JSON objects inside the texts of a schema 1 history, newest first.

    A broken first entry stays as an empty one: the next entry is a layer's, not the image's.
    """
    entries: list[dict[str, Any]] = []
    warnings: list[str] = []
    left = JSON_VALUES_MAX
    for entry in history[:ENTRIES_MAX] if isinstance(history, list) else []:
        text = entry.get("v1Compatibility") if isinstance(entry, dict) else None
        body = text.encode() if isinstance(text, str) else b""
        # One limit for all of them: a manifest may hold a thousand.
        try:
            entries.append(parse_json_object(body, values_max=max(left, 0)))
        except InvalidValueError as error:
            entries.append({})
            warnings.append(f"history of schema 1: {error}")
        left -= count_json_values(body)
    return entries, tuple(warnings)
