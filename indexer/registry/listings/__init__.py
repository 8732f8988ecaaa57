"""Listings: the repositories and tags that a registry says it has."""

from indexer.registry.listings.distribution import CatalogPage, Lister

__all__ = ["CatalogPage", "Lister"]
