"""Checks of a whole service: what is wrong, in plain words, and what to change."""

from search_api.check.checks import exit_status, not_tried, run_checks
from search_api.check.findings import Finding, Verdict
from search_api.check.start import explain_settings

__all__ = [
    "Finding",
    "Verdict",
    "exit_status",
    "explain_settings",
    "not_tried",
    "run_checks",
]
