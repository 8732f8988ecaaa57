"""Listings: which repositories and tags a registry says that it has."""

from indexer.registry.listings.distribution import CatalogPage, Lister

__all__ = ["CatalogPage", "Lister"]
