"""The engine ``whoosh``: embedded, nothing to install."""

from indexer.engines.whoosh.engine import WhooshEngine

__all__ = ["WhooshEngine"]
