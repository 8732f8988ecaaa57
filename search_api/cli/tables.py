"""The output of the commands of an operator: tokens, what is held back, checks of a server."""

from datetime import UTC, datetime
from typing import Any

from indexer.model import one_line
from search_api.cli.common import LINE_MAX
from search_api.cli.fields import Field, print_columns
from search_api.cli.output import Output
from search_api.cli.times import age_text
from search_api.conformance import Outcome, State

TAGS_SHOWN = 5
_MARKS = {State.PASSED: "ok", State.FAILED: "FAILED", State.NOT_CHECKED: "-"}


def print_tokens(body: dict[str, Any]) -> None:
    """Print tokens as a table."""
    output = Output()
    now = datetime.now(UTC)

    def until(token: Any) -> str:
        expires = token["expires_at"]
        if expires is None:
            return "never"
        return f"{expires[:10]} (over)" if token["expired"] else str(expires[:10])

    def user(token: Any) -> str:
        return f"{token['user']} (metrics alone)" if token["metrics"] else str(token["user"])

    fields = (
        Field("ID", lambda token: token["id"]),
        Field("User", user),
        Field("Groups", lambda token: ", ".join(token["groups"]), is_long=True),
        Field("Created", lambda token: age_text(token["created_at"], now=now)),
        Field("Expires", until),
        Field("Last used", lambda token: age_text(token["last_used_at"], now=now)),
    )
    if body["tokens"]:
        print_columns(output, fields, body["tokens"])
    else:
        output.text("no tokens: regsearch token create --user NAME makes one")


def print_quarantined(body: dict[str, Any]) -> None:
    """Print what is held back, one repository a line, and how to confirm it."""
    output = Output()
    now = datetime.now(UTC)
    for held in body["held_back"]:
        what = "the whole repository: " if held["lost"] else ""
        more = " …" if len(held["tags"]) > TAGS_SHOWN else ""
        tags = " ".join(held["tags"][:TAGS_SHOWN]) + more
        reference = f"{held['registry']} {held['repository']}"
        age = age_text(held["since"], now=now)
        output.text(f"held back: {reference}: {what}{tags} (since {age})")
    if body["held_back"]:
        output.text("`regsearch reconcile --accept` hides this")
    else:
        output.text("nothing is held back")


def print_outcome(outcome: Outcome) -> None:
    """Print the outcome of one check of a server as one line."""
    message = f": {one_line(outcome.message, limit=LINE_MAX)}" if outcome.message else ""
    mark = f"{_MARKS[outcome.state]:<7} {outcome.section:<4} "
    Output().row(f"{mark}{outcome.name}{message}")


def print_nodes(body: dict[str, Any]) -> None:
    """Print nodes as a table."""
    output = Output()
    now = datetime.now(UTC)
    fields = (
        Field("Node", lambda node: node["name"]),
        Field("Registries", lambda node: ", ".join(node["registries"]), is_long=True),
        Field("Version", lambda node: node["version"] or ""),
        Field("Alive", lambda node: age_text(node["alive_at"], now=now)),
        Field("Index", _index_text),
        Field("Problem", lambda node: node["problem"] or "", is_long=True),
    )
    if body["nodes"]:
        print_columns(output, fields, body["nodes"])
    else:
        output.text("no nodes: a [[node]] table of the settings names one")


def _index_text(node: Any) -> str:
    if node["generation"] is None:
        return "none"
    return "whole" if node["complete"] else "being filled"
