"""The catalogue: the repositories of a company's registry, as data and as real manifests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from indexer.model.manifest import Platform
from tests.builders import Blob, BuiltManifest, artifact, helm_chart, image, index

DATA = Path(__file__).parent / "data"
REGISTRY_HOST = "registry.example"
_OCI = "org.opencontainers.image."
_KEYWORDS = "io.artifacthub.package.keywords"
_CONFIG_TYPES = {
    "model": "application/vnd.cncf.model.config.v1+json",
    "policy": "application/vnd.cncf.openpolicyagent.config.v1+json",
    "wasm": "application/vnd.wasm.config.v0+json",
}
_ARTIFACT_TYPES = {"module": "application/vnd.opentofu.modulepkg"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One repository of the catalogue; all its tags point to one image or artifact.

    ``base`` names the repository of its base image, and its labels are inherited.
    """

    name: str
    kind: str
    tags: tuple[str, ...]
    pulls: int
    pushed: datetime
    title: str = ""
    description: str = ""
    vendor: str = ""
    keywords: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    platforms: tuple[str, ...] = ()

    @property
    def last_component(self) -> str:
        """The last component of the name."""
        return self.name.rpartition("/")[2]

    def said(self) -> dict[str, str]:
        """Return its own labels or annotations, without those of its base."""
        described = {
            f"{_OCI}title": self.title,
            f"{_OCI}description": self.description,
            f"{_OCI}vendor": self.vendor,
            _KEYWORDS: ",".join(self.keywords),
        }
        return {key: value for key, value in described.items() if value} | dict(self.labels)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a data file, one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@cache
def catalogue() -> Mapping[str, Entry]:
    """Return the repositories by name, each after its base."""
    entries = {row["name"]: _entry(row) for row in read_lines(DATA / "catalogue.jsonl")}
    ordered: dict[str, Entry] = {}
    for entry in entries.values():
        for name in reversed(_with_bases(entries, entry)):
            ordered.setdefault(name, entries[name])
    return ordered


def _with_bases(entries: Mapping[str, Entry], entry: Entry) -> list[str]:
    names = [entry.name]
    while base := entries[names[-1]].base:
        names.append(base)
    return names


def _entry(row: Mapping[str, Any]) -> Entry:
    lists = {key: tuple(row.get(key, ())) for key in ("tags", "keywords", "platforms")}
    pushed = datetime.fromisoformat(row["pushed"]).replace(tzinfo=UTC)
    return Entry(**{**row, **lists, "pushed": pushed})


def built_all(entries: Mapping[str, Entry]) -> dict[str, BuiltManifest]:
    """Return the content of every repository: an image, an index of images, or an artifact."""
    labels: dict[str, dict[str, str]] = {}
    built: dict[str, BuiltManifest] = {}
    for name, entry in entries.items():
        labels[name] = labels.get(entry.base, {}) | entry.said()
        if entry.kind == "image":
            built[name] = _image(entry, labels[name], built.get(entry.base))
        else:
            built[name] = _artifact(entry)
    return built


def _image(entry: Entry, labels: Mapping[str, str], base: BuiltManifest | None) -> BuiltManifest:
    images = [
        image(
            labels=labels,
            os=platform.os,
            architecture=platform.architecture,
            seed=entry.name,
            layers=1,
            created=entry.pushed.isoformat(),
            base=_find_platform(base, platform.architecture),
        )
        for platform in (Platform(*text.split("/")) for text in entry.platforms)
    ]
    return index(images) if len(images) > 1 else images[0]


def _find_platform(base: BuiltManifest | None, architecture: str) -> BuiltManifest | None:
    """Return the image of an index for one architecture, else its first."""
    if base is None or not base.children:
        return base
    found = (one for one in base.children if one.config["architecture"] == architecture)
    return next(found, base.children[0])


def _artifact(entry: Entry) -> BuiltManifest:
    if entry.kind == "helm":
        return helm_chart(
            entry.last_component, entry.tags[0], entry.description, keywords=entry.keywords
        )
    config_type = _CONFIG_TYPES.get(entry.kind)
    return artifact(
        _ARTIFACT_TYPES.get(entry.kind, ""),
        {f"{entry.last_component}.bin": entry.name.encode()},
        annotations=entry.said() | {f"{_OCI}created": entry.pushed.isoformat()},
        config=Blob(config_type, b"{}") if config_type else None,
    )
