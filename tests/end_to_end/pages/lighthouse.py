"""Measures pages with Lighthouse, ``make lighthouse``: what it thinks of search, repository, image.

It starts the registry and the service of the tests. The exit status is 1 if a score is below 95.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.filling import fill
from tests.end_to_end.processes import run_well
from tests.end_to_end.real_registry import DISTRIBUTION_2
from tests.programs import find_program

ADDRESSES = {
    "search": "/search?q=web",
    "repository": "/r/default/team/web",
    "image": "/r/default/team/web:1.1",
}
CATEGORIES = ("performance", "accessibility", "best-practices")
DEVICES = ("mobile", "desktop")
SCORE_MIN = 95
RUN_SECONDS = 180
_REMEDIES = {
    DISTRIBUTION_2: "install the Debian package docker-registry",
    "chromium": "install the Debian package chromium",
    "lighthouse": "make programs",
}


def measure(program: str, browser: str, address: str, device: str) -> Mapping[str, Any]:
    """Return the report of Lighthouse on an address, as on a slow telephone or on a desktop."""
    with TemporaryDirectory(prefix="regsearch-lighthouse-") as folder:
        report = Path(folder) / "report.json"
        command = [
            program,
            address,
            "--quiet",
            "--output=json",
            f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
            *(["--preset=desktop"] if device == "desktop" else []),
        ]
        environment = os.environ | {"CHROME_PATH": browser, "TMPDIR": folder}
        run_well(command, seconds=RUN_SECONDS, environment=environment)
        found: Mapping[str, Any] = json.loads(report.read_text("utf-8"))
        return found


def faults(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what costs points, the dearest first."""
    audits = report["audits"]
    for category in CATEGORIES:
        references = report["categories"][category]["auditRefs"]
        for reference in sorted(references, key=lambda one: -float(one["weight"])):
            audit = audits[reference["id"]]
            is_counted = reference["weight"] and audit["score"] is not None
            if is_counted and audit["score"] < 0.95:
                yield f"{category}: {audit['title']} {audit.get('displayValue', '')}".rstrip()


def main() -> int:
    """Print the scores of each page and what keeps them below 100."""
    programs = {name: find_program(name) for name in _REMEDIES}
    for name, path in programs.items():
        if path is None:
            raise SystemExit(f"{name} is missing: {_REMEDIES[name]}")
    worst = 100
    with (
        TemporaryDirectory(prefix="regsearch-pages-") as folder,
        Deployment(Path(folder), program=str(programs[DISTRIBUTION_2])) as deployment,
    ):
        fill(deployment)
        for name, path in ADDRESSES.items():
            for device in DEVICES:
                url = deployment.service.url + path
                lighthouse, browser = str(programs["lighthouse"]), str(programs["chromium"])
                report = measure(lighthouse, browser, url, device)
                scores = {
                    one: round(100 * report["categories"][one]["score"]) for one in CATEGORIES
                }
                worst = min(worst, *scores.values())
                print(f"{name:12}{device:9}{scores}", flush=True)
                for fault in faults(report):
                    print(f"    {fault}")
    print(f"the lowest score is {worst}, the target is {SCORE_MIN}")
    return int(worst < SCORE_MIN)


if __name__ == "__main__":
    sys.exit(main())
