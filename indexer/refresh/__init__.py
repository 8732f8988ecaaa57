"""Refreshes: read one catalog, repository, tag or digest again and store the result."""

from indexer.refresh.removal import accept
from indexer.refresh.worker import RegistryPlan, RegistryWorker

__all__ = ["RegistryPlan", "RegistryWorker", "accept"]
