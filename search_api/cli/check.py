"""The command ``check``."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial

from indexer.errors import SettingsError
from indexer.settings import Settings, load_settings
from search_api.check import (
    Finding,
    Verdict,
    exit_status,
    explain_settings,
    not_tried,
    run_checks,
)
from search_api.cli.common import print_json
from search_api.cli.output import Output
from search_api.processes import USAGE_ERROR, configure_logging
from webhooks.auth import kept_secrets


def check(hosts: Sequence[str], *, as_json: bool) -> None:
    """Try everything, print what was found, and end with 1 if anything is wrong, or with 2."""
    configure_logging("error", process="check")
    try:
        settings = load_settings()
    except SettingsError as error:
        _print(explain_settings(error), [], as_json=as_json)
        sys.exit(USAGE_ERROR)
    findings = asyncio.run(_run(settings, hosts))
    _print(findings, not_tried(settings, hosts), as_json=as_json)
    sys.exit(exit_status(findings))


async def _run(settings: Settings, hosts: Sequence[str]) -> list[Finding]:
    return await run_checks(settings, read_secrets=partial(kept_secrets, settings), hosts=hosts)


def _print(findings: Sequence[Finding], untried: Sequence[str], *, as_json: bool) -> None:
    counts = Counter(one.verdict for one in findings)
    if as_json:
        print_json(
            {
                "checks": [
                    {
                        "area": one.area,
                        "thing": one.thing,
                        "verdict": one.verdict.value,
                        "value": one.value,
                        "remedy": one.remedy,
                    }
                    for one in findings
                ],
                "counts": {verdict.value: counts[verdict] for verdict in Verdict},
                "not_tried": list(untried),
            }
        )
        return
    output = Output()
    for one in findings:
        remedy = f" → {one.remedy}" if one.remedy else ""
        output.text(f"{one.verdict.value}: {one.area}, {one.thing}: {one.value}{remedy}")
    for what in untried:
        output.text(f"not tried: {what}")
    output.text(", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict))
