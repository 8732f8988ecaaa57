"""The command line: ``regsearch``."""

from search_api.cli.main import main

__all__ = ["main"]
