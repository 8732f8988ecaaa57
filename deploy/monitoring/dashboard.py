"""Makes the dashboard of Grafana, ``dashboard.json``: ``python deploy/monitoring/dashboard.py``.

It is made here because a panel is one line here and sixty in the file. A test keeps both equal.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("dashboard.json")
WIDTH = 24
"""Columns of a row, as Grafana counts them."""
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_OURS = 'instance=~"$instance"'
_OF_REGISTRY = f'{_OURS},registry=~"$registry"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries by the legend of their lines, and the unit of what they show."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    shows: str = "value"
    """What a panel of one value shows: ``value``, or ``name`` for its legend."""
    good_from: float | None = None
    """Below this a value is red."""


def _rate(metric: str, *by: str, where: str = _OURS) -> str:
    return f"sum by ({', '.join(by)}) (rate({metric}{{{where}}}[$__rate_interval]))"


def _percentile(share: float, metric: str, *by: str, where: str = _OURS) -> str:
    inner = _rate(f"{metric}_bucket", *by, "le", where=where)
    return f"histogram_quantile({share}, {inner})"


def _ours(metric: str) -> str:
    return f"{metric}{{{_OURS}}}"


def _of_registry(metric: str) -> str:
    return f"{metric}{{{_OF_REGISTRY}}}"


def _single(title: str, query: str, **options: Any) -> Panel:
    return Panel(title, {"": query}, kind="stat", width=4, **options)


ROWS: dict[str, list[Panel]] = {
    "Is everything there?": [
        _single("Answers are complete", f"min({_ours('regsearch_complete')})", good_from=1),
        _single(
            "The indexer is alive",
            f"min({_ours('regsearch_indexer_alive')})",
            good_from=1,
        ),
        _single("Images", f'sum(regsearch_documents{{{_OURS},type="image"}})'),
        _single("Documents that wait", f"sum({_ours('regsearch_documents_waiting')})"),
        _single(
            "Free disk space",
            f"min({_ours('regsearch_data_dir_free_bytes')})",
            unit="bytes",
            good_from=1e9,
        ),
        Panel(
            "Version",
            {"{{version}} {{engine}}": _ours("regsearch_build_info")},
            kind="stat",
            width=4,
            shows="name",
        ),
    ],
    "Requests": [
        Panel(
            "Answers by status",
            {"{{status}}": _rate("regsearch_http_requests_total", "status")},
            "reqps",
        ),
        Panel(
            "Time until the answer begins, 95 of 100",
            {"{{route}}": _percentile(0.95, "regsearch_http_request_seconds", "route")},
            "s",
        ),
        Panel(
            "Refused and ended",
            {
                "request: {{reason}}": _rate("regsearch_requests_refused_total", "reason"),
                "connection: {{reason}}": _rate("regsearch_connections_ended_total", "reason"),
            },
            "reqps",
        ),
    ],
    "Searches": [
        Panel(
            "Searches now",
            {
                "running": f"sum({_ours('regsearch_searches_running')})",
                "waiting": f"sum({_ours('regsearch_searches_waiting')})",
                "search processes": f"sum({_ours('regsearch_search_processes')})",
            },
        ),
        Panel(
            "Wait for a turn, average",
            {
                "seconds": f"{_rate('regsearch_search_queue_seconds_sum', 'instance')}"
                f" / {_rate('regsearch_search_queue_seconds_count', 'instance')}"
            },
            "s",
        ),
        Panel(
            "Searches without an answer",
            {
                "{{reason}}": _rate("regsearch_searches_refused_total", "reason"),
                "timed out": _rate("regsearch_searches_timed_out_total", "instance"),
                "cancelled": _rate("regsearch_searches_cancelled_total", "instance"),
            },
            "reqps",
        ),
    ],
    "Notifications": [
        Panel(
            "Notifications",
            {
                "{{registry}} {{result}}": _rate(
                    "regsearch_notifications_total", "registry", "result", where=_OF_REGISTRY
                )
            },
            "reqps",
        ),
        Panel(
            "From receiving to searchable, 95 of 100",
            {
                "{{registry}}": _percentile(
                    0.95,
                    "regsearch_notification_searchable_seconds",
                    "registry",
                    where=_OF_REGISTRY,
                )
            },
            "s",
        ),
        Panel(
            "What waits",
            {
                "events of {{registry}}": _of_registry("regsearch_entries_waiting"),
                "refreshes of {{registry}}": _of_registry("regsearch_refreshes_waiting"),
            },
        ),
    ],
    "Registries": [
        Panel(
            "Answers by status",
            {
                "{{registry}} {{status}}": _rate(
                    "regsearch_registry_answers_total", "registry", "status", where=_OF_REGISTRY
                )
            },
            "reqps",
        ),
        Panel(
            "Time of answers, 95 of 100",
            {
                "{{registry}} {{purpose}}": _percentile(
                    0.95,
                    "regsearch_registry_request_seconds",
                    "registry",
                    "purpose",
                    where=_OF_REGISTRY,
                )
            },
            "s",
        ),
        Panel(
            "Retries and rate limits",
            {
                "{{registry}} retries": _rate(
                    "regsearch_registry_retries_total", "registry", where=_OF_REGISTRY
                ),
                "{{registry}} limited": _rate(
                    "regsearch_registry_rate_limited_total", "registry", where=_OF_REGISTRY
                ),
            },
            "reqps",
        ),
        Panel(
            "What could not be read",
            {
                "{{registry}} set aside": _of_registry("regsearch_refreshes_set_aside"),
                "{{registry}} held back": _of_registry("regsearch_repositories_held_back"),
                "{{registry}} rejected": _of_registry("regsearch_entries_rejected"),
            },
        ),
        Panel(
            "The registry fails",
            {"{{registry}}": _of_registry("regsearch_registry_failing")},
        ),
        Panel(
            "Since the last complete crawl",
            {
                "{{registry}}": "time() - "
                + _of_registry("regsearch_last_complete_crawl_timestamp_seconds")
            },
            "s",
        ),
        Panel(
            "Several machines: nodes that are alive, and left out",
            {
                "{{node}} alive": f"max by (node) ({_ours('regsearch_node_alive')})",
                "{{node}} left out": f"max by (node) ({_ours('regsearch_node_left_out')})",
            },
        ),
    ],
}


def make_dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "regsearch",
        "title": "regsearch",
        "description": "Searches, notifications and registries of regsearch.",
        "tags": ["regsearch"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                },
                _variable("instance", "Instance", "label_values(regsearch_build_info, instance)"),
                _variable(
                    "registry", "Registry", "label_values(regsearch_registry_failing, registry)"
                ),
            ]
        },
        "annotations": {"list": []},
        "panels": list(_panels()),
    }


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in ROWS.items():
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
            "panels": [],
        }
        number, top, left = number + 1, top + 1, 0
        height = 4 if panels[0].kind == "stat" else 8
        for panel in panels:
            if left + panel.width > WIDTH:
                left, top = 0, top + height
            yield _panel(panel, number) | {
                "gridPos": {"h": height, "w": panel.width, "x": left, "y": top}
            }
            number, left = number + 1, left + panel.width
        top += height


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.good_from is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.good_from}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend or "__auto",
                "range": panel.kind != "stat",
                "instant": panel.kind == "stat",
            }
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": panel.shows,
            "colorMode": "value" if panel.good_from is not None else "none",
            "graphMode": "none",
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def as_text() -> str:
    """Return the content of the file."""
    return json.dumps(make_dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text(), "utf-8")
