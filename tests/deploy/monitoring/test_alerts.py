"""Each alert fires for what it is meant for, and a healthy service causes none."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.programs import NeedsProgram

TOP = Path(__file__).parents[3]
ALERTS = TOP / "deploy" / "monitoring" / "alerts.yaml"
NAMES = re.findall(r"- alert: (\w+)", ALERTS.read_text())
PAGE = (TOP / "docs" / "observability.md").read_text()
HOURS = 7
RUNBOOK = "https://github.com/regsearch/regsearch/blob/main/docs/observability.md#"

A, MAIN = 'instance="a:8080"', 'registry="main"'
# A search node, which tells of two indexer nodes.
SEARCHER, EU = 'instance="search:8080"', 'node="eu"'
ANSWERS = "regsearch_http_requests_total"
TOLD = f'{ANSWERS}{{{A},method="POST",route="/webhooks/{{registry}}"'
SEARCHED = f'{ANSWERS}{{{A},method="GET",route="/api/v1/search"'
REFUSED = f'regsearch_notifications_total{{{A},{MAIN},result="refused"}}'
LIMITED = f'regsearch_registry_rate_limited_total{{{A},{MAIN},purpose="index"}}'
RESTARTS = f'regsearch_process_restarts_total{{{A},process="indexer"}}'
FOR_EVER = f"x{HOURS * 60}"
EACH_SECOND = f"0+60{FOR_EVER}"
SELDOM = f"0+1{FOR_EVER}"


def of_service(name: str) -> str:
    return f"{name}{{{A}}}"


def of_registry(name: str) -> str:
    return f"{name}{{{A},{MAIN}}}"


def durations(name: str, labels: str, *, seconds: float) -> dict[str, str]:
    """Return the buckets of something that takes so long, once a second."""
    return {
        f'{name}_bucket{{{A},{labels},le="{bound}"}}': (
            EACH_SECOND if seconds <= float(bound) else f"0{FOR_EVER}"
        )
        for bound in ("0.1", "1.0", "2.5", "10.0", "60.0", "300.0", "+Inf")
    }


def searches(*, seconds: float) -> dict[str, str]:
    labels = 'route="/api/v1/search"'
    return durations("regsearch_http_request_seconds", labels, seconds=seconds)


def events(*, seconds: float) -> dict[str, str]:
    return durations("regsearch_notification_searchable_seconds", MAIN, seconds=seconds)


HEALTHY: Mapping[str, str] = {
    of_service("regsearch_build_info"): f"1{FOR_EVER}",
    of_service("regsearch_indexer_alive"): f"1{FOR_EVER}",
    of_service("regsearch_complete"): f"1 0 0 0 0 1{FOR_EVER}",
    of_service("regsearch_data_dir_free_bytes"): f"50e9{FOR_EVER}",
    of_service("regsearch_damaged_rows_total"): f"3{FOR_EVER}",
    of_service("regsearch_searches_timed_out_total"): f"2{FOR_EVER}",
    of_service("regsearch_connections"): f"20{FOR_EVER}",
    of_service("regsearch_connections_max"): f"1000{FOR_EVER}",
    f'{TOLD},status="2xx"}}': EACH_SECOND,
    f'{SEARCHED},status="2xx"}}': EACH_SECOND,
    f'{SEARCHED},status="5xx"}}': SELDOM,
    f'regsearch_searches_refused_total{{{A},reason="busy"}}': f"1{FOR_EVER}",
    f'regsearch_searches_refused_total{{{A},reason="costly"}}': EACH_SECOND,
    REFUSED: f"7{FOR_EVER}",
    LIMITED: SELDOM,
    RESTARTS: f"2{FOR_EVER}",
    of_registry("regsearch_entries_waiting"): f"0 5 0 3 0 0 9 0{FOR_EVER}",
    of_registry("regsearch_entries_rejected"): f"4{FOR_EVER}",
    of_registry("regsearch_registry_failing"): f"0 1 1 1 0{FOR_EVER}",
    of_registry("regsearch_last_complete_crawl_timestamp_seconds"): EACH_SECOND,
    of_registry("regsearch_refreshes_set_aside"): f"0 2 2 0{FOR_EVER}",
    of_registry("regsearch_repositories_held_back"): f"0{FOR_EVER}",
    # Of several nodes each has an alert of its own.
    f"regsearch_indexer_alive{{{SEARCHER}}}": f"0{FOR_EVER}",
    f'regsearch_node_alive{{{SEARCHER},node="main"}}': f"1{FOR_EVER}",
    f"regsearch_node_alive{{{SEARCHER},{EU}}}": f"1 0 1{FOR_EVER}",
    f'regsearch_node_left_out{{{SEARCHER},node="main"}}': f"0{FOR_EVER}",
    f"regsearch_node_left_out{{{SEARCHER},{EU}}}": f"1 1 1 0{FOR_EVER}",
    **searches(seconds=0.1),
    **events(seconds=0.1),
}
BROKEN: Mapping[str, Mapping[str, str | None]] = {
    "RegsearchAbsent": {of_service("regsearch_build_info"): None},
    "RegsearchIndexerNotAlive": {of_service("regsearch_indexer_alive"): f"0{FOR_EVER}"},
    "RegsearchNodeNotAlive": {f"regsearch_node_alive{{{SEARCHER},{EU}}}": f"0{FOR_EVER}"},
    "RegsearchNodeLeftOut": {f"regsearch_node_left_out{{{SEARCHER},{EU}}}": f"1{FOR_EVER}"},
    "RegsearchNotificationsNotStored": {f'{TOLD},status="5xx"}}': SELDOM},
    "RegsearchDiskAlmostFull": {of_service("regsearch_data_dir_free_bytes"): f"5e8{FOR_EVER}"},
    "RegsearchNotificationsRefused": {REFUSED: SELDOM},
    "RegsearchEventsWait": {of_registry("regsearch_entries_waiting"): f"5+1{FOR_EVER}"},
    "RegsearchEventsSlow": events(seconds=200),
    "RegsearchEventsRejected": {of_registry("regsearch_entries_rejected"): "0x390 1x60"},
    "RegsearchRegistryFailing": {of_registry("regsearch_registry_failing"): f"1{FOR_EVER}"},
    "RegsearchRegistryRateLimited": {LIMITED: EACH_SECOND},
    "RegsearchCrawlOverdue": {
        of_registry("regsearch_last_complete_crawl_timestamp_seconds"): f"-81000{FOR_EVER}"
    },
    "RegsearchRefreshesSetAside": {of_registry("regsearch_refreshes_set_aside"): f"2{FOR_EVER}"},
    "RegsearchRepositoriesHeldBack": {
        of_registry("regsearch_repositories_held_back"): f"12{FOR_EVER}"
    },
    "RegsearchIncomplete": {of_service("regsearch_complete"): f"0{FOR_EVER}"},
    "RegsearchDamagedRows": {of_service("regsearch_damaged_rows_total"): "3x390 4x60"},
    "RegsearchRestarts": {RESTARTS: SELDOM},
    "RegsearchErrors": {f'{SEARCHED},status="5xx"}}': f"0+30{FOR_EVER}"},
    "RegsearchSearchesRefused": {of_service("regsearch_searches_timed_out_total"): SELDOM},
    "RegsearchSearchesSlow": searches(seconds=5),
    "RegsearchConnectionsFull": {of_service("regsearch_connections"): f"950{FOR_EVER}"},
}


@pytest.fixture
def promtool(needs_program: NeedsProgram) -> str:
    return needs_program("promtool", package="prometheus")


def check(promtool: str, *words: str | Path) -> None:
    done = subprocess.run([promtool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules(promtool: str) -> None:
    check(promtool, "check", "rules", ALERTS)


def test_each_alert_fires_alone(promtool: str, tmp_path: Path) -> None:
    cases = [case({}, fires=None), *(case(one, fires=name) for name, one in BROKEN.items())]
    file = tmp_path / "test.yaml"
    # JSON is YAML too.
    text = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": cases}
    file.write_text(json.dumps(text))
    check(promtool, "test", "rules", file)


def case(changes: Mapping[str, str | None], *, fires: str | None) -> dict[str, object]:
    series = [
        {"series": name, "values": values}
        for name, values in {**HEALTHY, **changes}.items()
        if values is not None
    ]
    expected = [{"labels": f'{{alertname="{fires}"}}', "value": 1}] if fires else []
    found = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{HOURS}h",
        "exp_samples": expected,
    }
    return {
        "name": fires or "healthy",
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [found],
        "alert_rule_test": [overdue(is_firing=fires == "RegsearchCrawlOverdue")],
    }


def overdue(*, is_firing: bool) -> dict[str, object]:
    """Return what is expected of one alert with all its words."""
    name = "RegsearchCrawlOverdue"
    alert = {
        "exp_labels": {"severity": "warning", "instance": "a:8080", "registry": "main"},
        "exp_annotations": {
            "summary": "No complete crawl for a day",
            "description": "The last complete crawl of registry main ended 1d 5h 30m 0s ago.",
            "runbook_url": f"{RUNBOOK}{name.lower()}",
        },
    }
    expected = [alert] if is_firing else []
    return {"alertname": name, "eval_time": f"{HOURS}h", "exp_alerts": expected}


def test_each_alert_is_tried() -> None:
    assert sorted(NAMES) == sorted(BROKEN)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_to_do(name: str) -> None:
    assert f"\n### {name}\n" in PAGE
    assert f"runbook_url: {RUNBOOK}{name.lower()}\n" in ALERTS.read_text()
