"""Stored bytes to meaning: a pure function of manifests and configs, without input or output."""

from indexer.extract.content import Content, Facts
from indexer.extract.facts import EXTRACTOR_VERSION, config_descriptor, extract

__all__ = ["EXTRACTOR_VERSION", "Content", "Facts", "config_descriptor", "extract"]
