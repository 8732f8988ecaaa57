"""The dashboard is what the code makes, its queries are right, and its metrics exist."""

import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.monitoring.dashboard import FILE, WIDTH, as_text, make_dashboard
from search_api.web import make_web
from tests.deploy.monitoring.test_alerts import ALERTS
from tests.programs import NeedsProgram
from tests.search_api.filling import fill, make_client, settings_for
from tests.search_api.sample_content import CONTENT

NAME = re.compile(r"\bregsearch_\w+")


def queries() -> Iterator[str]:
    for panel in make_dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def test_the_file_is_what_the_code_makes() -> None:
    assert FILE.read_text() == as_text(), "run: python deploy/monitoring/dashboard.py"


@pytest.mark.anyio
async def test_every_metric_of_dashboard_and_alerts_exists(tmp_path: Path) -> None:
    await fill(tmp_path, CONTENT)
    settings = settings_for(tmp_path).model_copy(update={"search_processes": 1})
    async with make_client(make_web(settings)) as client:
        families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    known = {family.name for family in families} | {f"{family.name}_total" for family in families}
    known |= {f"{family.name}_{end}" for family in families for end in ("bucket", "sum", "count")}
    variables = json.dumps(make_dashboard()["templating"])
    alerts = re.findall(r"expr: (.*)", ALERTS.read_text())
    named = set(NAME.findall(" ".join([*queries(), variables, *alerts])))
    assert len(named) > 20
    assert named - known - {"regsearch_build_info"} == set()
    assert "regsearch_build_info" in {one.name for family in families for one in family.samples}


def test_prometheus_understands_the_queries(needs_program: NeedsProgram, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool = needs_program("promtool", package="prometheus")
    done = subprocess.run(
        [promtool, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_panel_covers_another() -> None:
    places = [panel["gridPos"] for panel in make_dashboard()["panels"]]
    cells = [
        (column, row)
        for place in places
        for column, row in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < WIDTH


@pytest.mark.anyio
async def test_prometheus_finds_no_fault_in_the_metrics(
    needs_program: NeedsProgram, tmp_path: Path
) -> None:
    promtool = needs_program("promtool", package="prometheus")
    await fill(tmp_path, CONTENT)
    async with make_client(make_web(settings_for(tmp_path))) as client:
        await client.get("/api/v1/search")
        text = (await client.get("/metrics")).text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
