"""A manifest with its bytes and what was parsed out of them: one form, from registry to document.

It comes from a registry or out of the store. Each body is parsed when somebody first asks for what
it says, and then not again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from indexer.errors import InvalidValueError
from indexer.model.manifest import Manifest, parse_body, parse_manifest
from indexer.model.names import Digest

CONFIG_MAX = 4 * 1_024 * 1_024
"""Bytes of a config that is still read."""


class ParsedConfig(NamedTuple):
    """A config as a JSON object; an empty one where it cannot be read, and why."""

    object: Mapping[str, Any]
    error: str = ""


# Not slotted: what is parsed is kept in the dictionary of the instance.
@dataclass(frozen=True)
class Content:
    """A manifest or index with what belongs to it.

    ``content_type`` is that of the registry's answer, ``media_type`` that of the descriptor it was
    reached through, if it was. ``config`` is the config blob if it was read; ``children`` are those
    children of an index that are in the store, in index order.
    """

    digest: Digest
    content_type: str
    body: bytes = field(repr=False)
    config: bytes | None = field(default=None, repr=False)
    children: tuple["Content", ...] = ()
    media_type: str = ""
    base_labels: tuple[Mapping[str, str], ...] = ()
    """The labels of each image that may be the one this was built on."""

    @cached_property
    def manifest(self) -> Manifest:
        """What the body says."""
        return parse_manifest(self.body, media_type=self.media_type, content_type=self.content_type)

    def parse(self) -> None:
        """Parse the body now, in the thread of the caller, so that :attr:`manifest` is at hand."""
        # Not through the property: in Python 3.11 it has one lock for all manifests.
        self.__dict__["manifest"] = parse_manifest(
            self.body, media_type=self.media_type, content_type=self.content_type
        )

    @cached_property
    def parsed_config(self) -> ParsedConfig | None:
        """What the config says; None where there is none to be read.

        A config that was not read may be inside the manifest.
        """
        body = self.config
        if body is None and self.manifest.config is not None:
            body = self.manifest.config.data or None
        return None if body is None else parse_config(body)


def parse_config(body: bytes) -> ParsedConfig:
    """Return what a config blob says; never raises."""
    if len(body) > CONFIG_MAX:
        return ParsedConfig({}, f"config has {len(body)} bytes and is not read")
    try:
        return ParsedConfig(parse_body(body))
    except InvalidValueError as error:
        return ParsedConfig({}, f"config: {error}")
