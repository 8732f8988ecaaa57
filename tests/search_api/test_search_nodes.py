"""A search node over two indexer nodes in a real cluster: it answers as one service would."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from indexer.engines.opensearch import OpenSearchEngine
from indexer.nodes import Announcer, NodeState, read_state, written_state
from indexer.settings import NodeSettings, RuleSettings, Settings
from indexer.store import Store
from search_api.conformance import State, run_checks
from search_api.processes import make_joint_engine
from search_api.search.joint_state import SOON_SECONDS
from search_api.web import make_web
from tests.builders import image
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.opensearch.cluster import Cluster
from tests.search_api.filling import (
    Pushed,
    be_alive,
    bring_up_to_date,
    fill,
    make_client,
    put,
    settings_for,
)
from tests.search_api.sample_content import CONTENT

pytestmark = pytest.mark.anyio

PREFIX = "test-nodes"
SECRET = "the-secret-of-these-nodes"
REGISTRIES = ("main", "second")
BASE = image(seed="base of both")
BOTH = (*CONTENT, Pushed("base", BASE), Pushed("base", BASE, registry="second"))
QUERIES: list[Mapping[str, str]] = [
    {"q": ""},
    {"q": "nginx"},
    {"q": "nginx", "type": "image", "facets": "registry,tag,label:team"},
    {"q": "*", "sort": "name", "limit": "3"},
    {"q": "ngnix"},
    {"q": "front proxi"},
    {"q": "arch:arm64", "type": "image"},
    {"q": "web*", "sort": "-pushed"},
    {"q": "registry:second"},
    {"q": "host:registry.example nginx"},
    {"q": f"layer:{BASE.blobs[-1].digest}", "type": "image"},
    {"q": "baseof:team/web", "type": "image"},
    {"q": "base:base", "type": "image"},
]


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two indexer nodes, whose documents are in the cluster, and what a search node needs."""

    folder: Path
    settings: Settings
    clock: ManualClock
    announcers: Mapping[str, Announcer]

    def data_of(self, registry: str) -> Path:
        return self.folder / registry

    def engine_of(self, registry: str) -> OpenSearchEngine:
        settings = self.settings.model_copy(update={"data_dir": self.data_of(registry)})
        return make_joint_engine(settings)

    def search_node(self, **others: Any) -> Starlette:
        settings = self.settings.model_copy(update=others)
        return make_web(settings, clock=self.clock, search_only=True)

    async def announce(self) -> None:
        for announcer in self.announcers.values():
            await announcer.announce()

    def state_of(self, registry: str) -> NodeState:
        with closing(self.engine_of(registry).node_table()) as table:
            return read_state(table.read([registry])[registry].text)

    def write_state(self, state: NodeState) -> None:
        with closing(self.engine_of(state.name).node_table()) as table:
            table.write(state.name, written_state(state))


@pytest.fixture
def nodes(tmp_path: Path, needs_cluster: Cluster) -> Iterator[Nodes]:
    """The nodes, with the sample content, each one served at its address."""
    clock = ManualClock()
    settings = settings_for(
        tmp_path / "search",
        engine="opensearch",
        opensearch_url=tuple(needs_cluster.urls),
        opensearch_prefix=PREFIX,
        opensearch_replicas=0,
        node_secret=SECRET,
        node=tuple(
            NodeSettings(name=name, url="http://127.0.0.1:9", registries=(name,))
            for name in REGISTRIES
        ),
    )
    settings.data_dir.mkdir()
    announcers = dict[str, Announcer]()
    made = Nodes(tmp_path, settings, clock, announcers)

    async def prepare() -> None:
        for node in settings.node:
            directory = made.data_of(node.name)
            directory.mkdir()
            engine = made.engine_of(node.name)
            content = [one for one in BOTH if one.registry == node.name]
            await fill(directory, content, clock=clock, make_engine=partial(_given, engine))
            announcers[node.name] = Announcer(
                directory,
                node=node,
                table=engine.node_table(),
                read_owner=engine.owner,
                clock=clock,
            )
        await made.announce()

    asyncio.run(prepare())
    with ExitStack() as stack:
        served = []
        for node in settings.node:
            own = settings.model_copy(
                update={"data_dir": made.data_of(node.name), "node_name": node.name}
            ).of_own_node()
            url = stack.enter_context(serving(make_web(own, clock=clock)))
            served.append(node.model_copy(update={"url": url}))
        yield replace(made, settings=settings.model_copy(update={"node": tuple(served)}))
        asyncio.run(_close(announcers))


def _given(engine: OpenSearchEngine, _: Path) -> OpenSearchEngine:
    return engine


async def _close(announcers: Mapping[str, Announcer]) -> None:
    for announcer in announcers.values():
        await announcer.close()


async def answers(app: Starlette, **headers: str) -> list[Any]:
    async with make_client(app) as client:
        found = [await client.get("/api/v1/search", params=one, headers=headers) for one in QUERIES]
    assert {one.status_code for one in found} == {200}, [one.text for one in found]
    return [{**one.json(), "freshness": None} for one in found]


async def test_answers_are_those_of_one_service_that_has_everything(
    nodes: Nodes, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    await fill(whole, BOTH, clock=nodes.clock)
    one_service = make_web(settings_for(whole), clock=nodes.clock)
    assert await answers(nodes.search_node()) == await answers(one_service)


async def test_a_search_node_needs_no_credentials_for_registries(
    nodes: Nodes, tmp_path: Path
) -> None:
    """It knows that there are some, for what is read with them is not shown to all."""
    missing = {"username": "reader", "password_file": tmp_path / "missing"}
    read_so, shown = (
        tuple(
            one.model_copy(update={**missing, "access": access}) for one in nodes.settings.registry
        )
        for access in ("", "public")
    )
    assert await answers(nodes.search_node(registry=shown)) == await answers(nodes.search_node())
    hidden = await answers(nodes.search_node(registry=read_so))
    assert {found["total"] for found in hidden} == {0}


def test_a_search_node_conforms_to_the_search_api(nodes: Nodes) -> None:
    with serving(nodes.search_node()) as url:
        found = list(run_checks(url))
    assert {one.state for one in found} == {State.PASSED}, [
        one for one in found if one.state is not State.PASSED
    ]


async def test_rights_by_rules_hold_on_a_search_node(nodes: Nodes, tmp_path: Path) -> None:
    rule = RuleSettings(repositories=("team/*", "base"), users=("*",))
    limited = tuple(
        one.model_copy(update={"access": "rules", "rule": (rule,)})
        for one in nodes.settings.registry
    )
    whole = tmp_path / "whole"
    whole.mkdir()
    await fill(whole, BOTH, clock=nodes.clock)
    of_one = settings_for(whole).model_copy(update={"registry": limited})
    expected = await answers(make_web(of_one, clock=nodes.clock))
    assert {hit["repository"] for found in expected for hit in found["results"]} <= {
        "base",
        "team/nginx",
        "team/nginx-ingress",
        "team/web",
    }
    assert await answers(nodes.search_node(registry=limited)) == expected
    async with make_client(nodes.search_node(registry=limited)) as client:
        (error,) = (await client.get("/v2/bistro/manifests/latest")).json()["errors"]
        assert error["message"].endswith("not a registry"), "and where it is, is hidden too"


async def test_who_pulls_from_a_search_node_is_told_the_host_of_each_registry(
    nodes: Nodes,
) -> None:
    hosts = {one.name: one.registry_host for one in nodes.settings.registry}
    async with client_of(nodes) as client:
        (error,) = (await client.get("/v2/team/nginx/manifests/latest")).json()["errors"]
    assert error["message"].endswith(
        f"not a registry; pull from {hosts['main']}/team/nginx"
        f"; pull from {hosts['second']}/team/nginx"
    )


@asynccontextmanager
async def client_of(nodes: Nodes) -> Any:
    async with make_client(nodes.search_node()) as client:
        yield client


async def freshness(client: httpx2.AsyncClient) -> Any:
    """Return the freshness, as the search node hears it after a second."""
    await asyncio.sleep(1.05)
    return (await client.get("/api/v1/search?q=nginx")).json()["freshness"]


async def test_freshness_is_that_of_all_nodes(nodes: Nodes) -> None:
    async with client_of(nodes) as client:
        found = await freshness(client)
        assert found["complete"], found
        assert sorted(found["registries"]) == ["main", "second"]
        # Somebody pushes, and the node has yet to index it.
        clock = nodes.clock
        clock.advance(1)
        be_alive(nodes.data_of("main"), clock=clock)
        be_alive(nodes.data_of("second"), clock=clock)
        put_one(nodes, "second", "later/nginx")
        await nodes.announce()
        found = await freshness(client)
        assert (found["complete"], found["documents_waiting"]) == (False, 2)
        await bring_up_to_date(
            nodes.data_of("second"),
            clock=clock,
            make_engine=partial(_given, nodes.engine_of("second")),
        )
        # What waits is counted no more often than some times a second.
        clock.advance(1)
        for name in REGISTRIES:
            be_alive(nodes.data_of(name), clock=clock)
        await nodes.announce()
        found = await client.get("/api/v1/search?q=later")
        assert found.json()["total"] == 1
        clock.advance(1)
        assert (await freshness(client))["complete"]


async def test_a_node_that_says_nothing_any_more_is_named(nodes: Nodes) -> None:
    async with client_of(nodes) as client:
        assert 'alive{node="second"} 1.0' in await node_metrics(client)
        found = await freshness(client)
        assert found["complete"], (
            found["reasons"],
            found["documents_waiting"],
            nodes.state_of("second").freshness,
        )
        # The clock of the other machine is two hours late.
        nodes.clock.advance(-7_200)
        be_alive(nodes.data_of("main"), clock=nodes.clock)
        await nodes.announcers["main"].announce()
        nodes.clock.advance(7_207)
        found = await freshness(client)
        [reason] = found["reasons"]
        assert reason["code"] == "INDEXER_NOT_ALIVE"
        assert reason["message"] == (
            "the indexer of node second (second) has not been alive for 7 seconds"
        )
        assert (await client.get("/api/v1/search?q=registry:second")).json()["total"] > 0
        assert await node_metrics(client) == {
            'alive{node="main"} 1.0',
            'alive{node="second"} 0.0',
            'left_out{node="main"} 0.0',
            'left_out{node="second"} 0.0',
        }


async def node_metrics(client: httpx2.AsyncClient) -> set[str]:
    """Return what the metrics tell of each node, without the beginning of their names."""
    lines = (await client.get("/metrics")).text.splitlines()
    start = "regsearch_node_"
    return {line.removeprefix(start) for line in lines if line.startswith(start)}


async def test_a_node_that_ended_while_nobody_asked_is_named(nodes: Nodes) -> None:
    async with client_of(nodes) as client:
        assert (await freshness(client))["complete"]
        # It says so for a while, and ends; nobody searches meanwhile.
        nodes.clock.advance(60)
        for name in REGISTRIES:
            be_alive(nodes.data_of(name), clock=nodes.clock)
        await nodes.announce()
        await asyncio.sleep(SOON_SECONDS)
        nodes.clock.advance(20)
        found = await freshness(client)
        assert {one["message"] for one in found["reasons"]} == {
            f"the indexer of node {name} ({name}) has not been alive for 20 seconds"
            for name in REGISTRIES
        }


async def test_what_cannot_be_searched_is_left_out_and_named(nodes: Nodes) -> None:
    good = nodes.state_of("second")
    assert good.live is not None
    left_out = {
        "it has no search index yet": replace(good, live=None),
        "not in the cluster yet, but made by whoosh": replace(
            good, live=replace(good.live, engine="whoosh")
        ),
        "have the form 99 of version 7.0.0": replace(
            good, version="7.0.0", live=replace(good.live, schema_version=99)
        ),
    }
    async with client_of(nodes) as client:
        for problem, state in left_out.items():
            nodes.write_state(state)
            found = await freshness(client)
            told = {one["code"]: one["message"] for one in found["reasons"]}
            assert problem in told["NODE_LEFT_OUT"]
            assert told["NODE_LEFT_OUT"].startswith("node second (second) is left out: ")
            assert not found["complete"]
            assert 'left_out{node="second"} 1.0' in await node_metrics(client)
            assert (await client.get("/api/v1/search?q=registry:second")).json()["total"] == 0
            assert (await client.get("/api/v1/search?q=registry:main")).json()["total"] > 0
        with closing(nodes.engine_of("second").node_table()) as table:
            table.write("second", '{"name": "second", "live": 7}')
            found = await freshness(client)
            assert "its state cannot be read: " in found["reasons"][-1]["message"]
            table.remove("second")
        found = await freshness(client)
        assert "it never said what it has" in found["reasons"][-1]["message"]
        nodes.write_state(good)
        found = await freshness(client)
        assert found["complete"], (
            found["reasons"],
            found["documents_waiting"],
            nodes.state_of("second").freshness,
        )


async def test_a_swapped_generation_is_found_at_once(nodes: Nodes) -> None:
    async with client_of(nodes) as client:
        assert (await client.get("/api/v1/search?q=registry:main")).json()["total"] > 0
        before = nodes.state_of("main")
        engine = nodes.engine_of("main")
        # As a rebuild does: the new one is live and announced, and the old one is gone.
        assert before.live is not None
        engine.create("another")
        nodes.write_state(replace(before, live=replace(before.live, generation="another")))
        engine.drop(before.live.generation)
        answer = await client.get("/api/v1/search?q=registry:main")
        assert (answer.status_code, answer.json()["total"]) == (200, 0)
        assert (await client.get("/api/v1/search?q=registry:second")).json()["total"] > 0


async def test_lineage_is_told_to_search_nodes_alone(nodes: Nodes) -> None:
    body = {
        "kind": "layer",
        "name": BASE.blobs[-1].digest,
        "is_prefix": False,
        "rights": {"registries": [], "repositories": {"main": ["base"]}},
    }
    url = f"{nodes.settings.node[0].url}/nodes/lineage"
    async with httpx2.AsyncClient(timeout=30) as client:
        for secret in ("", "Bearer", f"Bearer {SECRET}x", f"Basic {SECRET}"):
            answer = await client.post(url, json=body, headers={"Authorization": secret})
            assert answer.status_code == 404, secret
        right = {"Authorization": f"Bearer {SECRET}"}
        answer = await client.post(url, json=body, headers=right)
        assert answer.json()["chains"], "it sees the repository"
        hidden = {**body, "kind": "derived", "name": "base"}
        seen = await client.post(url, json=hidden, headers=right)
        hidden["rights"] = {"registries": [], "repositories": {"main": ["other"]}}
        unseen = await client.post(url, json=hidden, headers=right)
        assert (seen.status_code, unseen.json()) == (200, {"chains": []})
        no_question: list[object] = [{}, [], {**body, "rights": 7}, {**body, "kind": "x"}]
        for wrong in no_question:
            answer = await client.post(url, json=wrong, headers=right)
            assert answer.status_code == 400, answer.text


def put_one(nodes: Nodes, registry: str, repository: str) -> None:
    pushed = Pushed(repository, image(seed=repository), registry=registry)
    with closing(Store(nodes.data_of(registry))) as store:
        put(store, [pushed], clock=nodes.clock)


async def test_the_status_names_the_nodes(nodes: Nodes) -> None:
    async with client_of(nodes) as client:
        status = (await client.get("/api/v1/status")).json()
    assert [(one["name"], one["registries"], one["problem"]) for one in status["nodes"]] == [
        ("main", ["main"], None),
        ("second", ["second"], None),
    ]
    assert all(one["alive"] for one in status["nodes"])
    assert status["search_index"]["complete"]
