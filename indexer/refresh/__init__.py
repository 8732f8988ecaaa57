"""Refreshes: read one catalog, repository, tag or digest again and store the result."""

from indexer.refresh.pace import Pace
from indexer.refresh.pull_through import CACHE_FILLS_AFTER
from indexer.refresh.removal import accept
from indexer.refresh.worker import RegistryPlan, RegistryWorker

__all__ = ["CACHE_FILLS_AFTER", "Pace", "RegistryPlan", "RegistryWorker", "accept"]
