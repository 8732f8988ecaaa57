"""Kinds from other packages: real entry points, and what broken ones must not break."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from indexer.extract import BUILT_IN, Facts, Kind, KindTable, Material, extract
from indexer.extract.kinds.plugins import GROUP, load_kinds
from indexer.model import Content, media_types
from indexer.model.names import digest_of
from tests.indexer.extract.samples import NOW, image

DOCUMENT = Path(__file__).parents[4] / "docs" / "kinds.md"
BUILT_IN_NAMES = set(BUILT_IN.by_name)

GOOD = """
from indexer.extract import Kind, config
GOOD = Kind(name="good", types=("application/vnd.good",), fields={"title": config("t")})
PAIR = [GOOD, Kind(name="better", types=("application/vnd.better",))]
NUMBER = 5
CLASH = Kind(name="helm-chart")
ABSURD = [GOOD, "no kind"]
def fails(material):
    raise RuntimeError("on purpose")
FAILING = Kind(
    name="failing",
    types=("application/vnd.failing",),
    fields={"title": fails},
    properties={"p": (fails, config("p"))},
    contents=(fails, config("c")),
)
UNSURE = Kind(name="unsure", types=("application/vnd.unsure",), only=fails)
"""


@pytest.fixture
def plugin_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "regsearch_test_kinds"
    (tmp_path / f"{name}.py").write_text(GOOD)
    (tmp_path / f"{name}_broken.py").write_text("raise SystemError('on purpose')")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def plugin(module: str, attribute: str) -> EntryPoint:
    return EntryPoint(
        name=attribute.lower() or "module", value=f"{module}:{attribute}", group=GROUP
    )


def typed(artifact_type: str, config: Mapping[str, Any] | None = None) -> Content:
    return image(config, config_type=artifact_type)


def facts(content: Content, kinds: KindTable) -> Facts:
    return extract(content, now=NOW, kinds=kinds)


def test_without_plugins_there_are_the_built_in_kinds() -> None:
    assert load_kinds([]) is BUILT_IN


def test_installed_packages_are_asked(
    plugin_module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "acme_kinds-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kinds\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\nacme = {plugin_module}:PAIR\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(load_kinds().by_name) == {*BUILT_IN_NAMES, "good", "better"}


def test_a_kind_and_a_list_of_kinds(plugin_module: str) -> None:
    one = load_kinds([plugin(plugin_module, "GOOD")])
    two = load_kinds([plugin(plugin_module, "PAIR")])
    assert set(one.by_name) == {*BUILT_IN_NAMES, "good"}
    assert set(two.by_name) == {*BUILT_IN_NAMES, "good", "better"}
    found = facts(typed("application/vnd.good", {"t": "Title"}), one)
    assert (found.kind, found.title) == ("good", "Title")


@pytest.mark.parametrize("attribute", ["NUMBER", "CLASH", "ABSURD", "ABSENT"])
def test_a_broken_plugin_is_named_and_left_out(plugin_module: str, attribute: str) -> None:
    plugins = [plugin(plugin_module, attribute), plugin(plugin_module, "GOOD")]
    with capture_logs() as logs:
        kinds = load_kinds(plugins)
    assert set(kinds.by_name) == {*BUILT_IN_NAMES, "good"}
    assert [(log["event"], log["plugin"]) for log in logs] == [
        ("kind_plugin_broken", attribute.lower())
    ]


def test_a_plugin_that_cannot_be_imported_is_named_and_left_out(plugin_module: str) -> None:
    with capture_logs() as logs:
        assert load_kinds([plugin(f"{plugin_module}_broken", "X")]) is BUILT_IN
        assert load_kinds([plugin("no_such_module", "Y")]) is BUILT_IN
    assert [log["plugin"] for log in logs] == ["x", "y"]


def test_a_kind_that_fails_is_named_once_and_breaks_no_extraction(plugin_module: str) -> None:
    kinds = load_kinds([plugin(plugin_module, "FAILING")])
    with capture_logs() as logs:
        for _ in range(3):
            found = facts(typed("application/vnd.failing", {"p": "1", "c": "x"}), kinds)
            assert (found.kind, found.title) == ("failing", "")
            assert (found.properties, found.contents) == ({"p": ("1",)}, ("x",))
    assert [(log["event"], log["kind"]) for log in logs] == [("kind_broken", "failing")]


def test_a_kind_that_fails_to_decide_is_not_recognised(plugin_module: str) -> None:
    kinds = load_kinds([plugin(plugin_module, "UNSURE")])
    with capture_logs() as logs:
        assert facts(typed("application/vnd.unsure"), kinds).kind == "artifact"
    assert len(logs) == 1


def test_a_kind_of_a_plugin_is_asked_before_ours() -> None:
    helm = "application/vnd.cncf.helm.config.v1+json"
    mine = Kind(name="my-chart", types=(helm,), only=_is_mine)
    kinds = BUILT_IN.extended([mine])
    assert facts(typed(helm, {"name": "mine"}), kinds).kind == "my-chart"
    assert facts(typed(helm, {"name": "other"}), kinds).kind == "helm-chart"


def _is_mine(material: Material) -> bool:
    return material.config.get("name") == "mine"


@pytest.mark.parametrize(
    "wrong", [{"name": "With Space"}, {"name": ""}, {"name": "ok", "fields": {"colour": _is_mine}}]
)
def test_a_kind_that_could_never_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a name of a kind|unknown fields colour"):
        Kind(**wrong)


def test_the_example_of_the_documentation_does_what_it_says() -> None:
    text = DOCUMENT.read_text().partition("## Add a kind")[2]
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    manifest, config, expected = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    body = manifest.encode()
    content = Content(digest_of(body), media_types.OCI_MANIFEST, body, config=config.encode())
    kinds = BUILT_IN.extended([namespace["WIDGET"]])
    found = json.loads(json.dumps(asdict(facts(content, kinds)), default=str))
    assert {name: found[name] for name in json.loads(expected)} == json.loads(expected)


def test_every_built_in_kind_is_in_the_documentation() -> None:
    documented = set(re.findall(r"`([a-z0-9-]+)`", DOCUMENT.read_text().partition("## Add")[0]))
    assert {*BUILT_IN_NAMES, "image", "artifact"} <= documented
