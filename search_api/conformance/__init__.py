"""Checks of any server against the specification of the search API, ``docs/search-api.md``."""

from search_api.conformance.checks import Outcome, State, run_checks

__all__ = ["Outcome", "State", "run_checks"]
