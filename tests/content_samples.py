"""The samples of ``tests/samples/content``: two or more of every kind, with the facts of each.

A sample is a JSON object: ``content_type``, ``manifest``, and where there are any ``config``,
``children`` (samples themselves) and ``tags``. Its blobs are the JSON without white space, so that
digests are true. Beside ``name.json`` is ``name.facts.json``, all that is extracted, without what
is empty.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from indexer.clock import rfc3339
from indexer.extract import Facts
from indexer.model import Content
from indexer.model.names import digest_of

FOLDER = Path(__file__).parent / "samples" / "content"
FACTS = ".facts.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """Some content of a kind, and the tags it has."""

    kind: str
    name: str
    content: Content
    tags: tuple[str, ...]

    @property
    def expected_path(self) -> Path:
        return FOLDER / self.kind / f"{self.name}{FACTS}"


def all_samples() -> list[Sample]:
    """Return all samples, in the order of their names."""
    paths = sorted(path for path in FOLDER.glob("*/*.json") if not path.name.endswith(FACTS))
    return [_sample(path) for path in paths]


def _sample(path: Path) -> Sample:
    data = json.loads(path.read_text())
    tags = tuple(data.get("tags", ()))
    return Sample(path.parent.name, path.stem, content_of(data), tags)


def content_of(data: Mapping[str, Any]) -> Content:
    """Return the content that a sample describes."""
    body = as_blob(data["manifest"])
    return Content(
        digest=digest_of(body),
        content_type=data["content_type"],
        body=body,
        config=as_blob(data["config"]) if "config" in data else None,
        children=tuple(content_of(child) for child in data.get("children", ())),
    )


def as_blob(value: Any) -> bytes:
    """Return the JSON of a value without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def shown(facts: Facts) -> dict[str, Any]:
    """Return facts as JSON, without what is empty."""
    fields = asdict(facts) | {
        "platforms": [str(platform) for platform in facts.platforms],
        "originals": [one.original for one in facts.platforms if one.original],
    }
    plain: dict[str, Any] = json.loads(json.dumps(fields, default=_text))
    return {name: value for name, value in plain.items() if value not in ("", [], {}, None, False)}


def _text(value: object) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
