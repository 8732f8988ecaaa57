"""Code that commands share: printing, and ending with a status."""

import json
import sys
from typing import Any

from indexer.model import one_line

LINE_MAX = 1_200
"""Characters of a line; texts come from images."""


def print_json(body: dict[str, Any]) -> None:
    """Print an object."""
    # Only ASCII: texts from images may contain control sequences of terminals.
    print(json.dumps(body, indent=2))  # noqa: T201 - to be printed


def print_error(text: str) -> None:
    """Print a problem on standard error, line by line."""
    for line in text.splitlines():
        print(one_line(line, limit=LINE_MAX), file=sys.stderr)  # noqa: T201 - to be printed


def end(problems: list[str]) -> None:
    """Print the problems and exit: with 1 if there are any, else with 0."""
    for problem in problems:
        print_error(f"regsearch: {problem}")
    sys.exit(1 if problems else 0)
