"""The commands ``node list`` and ``node remove``."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from indexer.errors import EngineError, SettingsError
from indexer.nodes import NodeState, read_owner, read_state
from search_api.cli import tables
from search_api.cli.common import print_error, print_json
from search_api.processes import make_joint_engine, prepare_settings

if TYPE_CHECKING:
    # An optional dependency.
    from indexer.engines.opensearch import NodeText

LOOK_SECONDS = 2.5
"""A node that runs has written again after this time: it does so each second."""


def show_all(*, as_json: bool) -> None:
    """Print what each node says of itself."""
    settings = prepare_settings(process="node", quiet=True)
    _refuse_no_cluster(settings.opensearch_url)
    with closing(make_joint_engine(settings).node_table()) as table:
        found = table.read_all()
    named = {node.name: node.registries for node in settings.node}
    texts = {**dict.fromkeys(named), **found}
    body = {"nodes": [_json(name, text, name in named) for name, text in texts.items()]}
    if as_json:
        print_json(body)
    else:
        tables.print_nodes(body)


def remove(name: str) -> None:
    """Take a node out of the cluster that is gone for good, with its part of the search index."""
    settings = prepare_settings(process="node", quiet=True)
    _refuse_no_cluster(settings.opensearch_url)
    if name in [node.name for node in settings.node]:
        raise click.UsageError(
            f"node {name!r} is in a [[node]] table: give its registries to another node first"
        )
    engine = make_joint_engine(settings)
    with closing(engine.node_table()) as table:
        found = table.read_all()
        if name not in found:
            listed = ", ".join(found) or "none"
            raise click.UsageError(f"no node {name!r} ever said anything; known are {listed}")
        time.sleep(LOOK_SECONDS)
        again = table.read([name])
        if name in again and again[name].change != found[name].change:
            raise click.UsageError(f"node {name!r} is running: stop it first")
        owner = read_owner(found[name].text)
        generations = engine.generations_of(owner) if owner else []
        for generation in generations:
            engine.drop(generation)
        table.remove(name)
    print_error(f"node {name} is removed, with {len(generations)} generations of the search index")
    if owner is None:
        prefix = settings.opensearch_prefix
        print_error(
            f"what it said of itself cannot be read: indexes {prefix}-* of its own may be left"
        )


def _refuse_no_cluster(urls: tuple[str, ...]) -> None:
    if not urls:
        raise SettingsError("nodes share an OpenSearch cluster: set opensearch_url")


def _json(name: str, text: "NodeText | None", is_named: bool) -> dict[str, Any]:
    state, problem = None, None
    try:
        state = read_state(text.text) if text else None
    except EngineError as error:
        problem = str(error)
    if text is None:
        problem = "it never said what it has"
    elif not is_named:
        problem = "no [[node]] table has this name: regsearch node remove takes it out"
    return {
        "name": name,
        "registries": _registries(state),
        "version": state.version if state else None,
        "alive_at": state.freshness.alive_at if state else None,
        "generation": state.live.generation if state and state.live else None,
        "complete": bool(state and state.live and state.live.complete),
        "problem": problem,
    }


def _registries(state: NodeState | None) -> list[str]:
    return [row.name for row in state.freshness.registries] if state else []
