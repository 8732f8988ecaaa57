"""Refreshes: one target of a registry is read again, and what is seen is stored."""

from indexer.refresh.removal import accept
from indexer.refresh.worker import RegistryPlan, RegistryWorker

__all__ = ["RegistryPlan", "RegistryWorker", "accept"]
