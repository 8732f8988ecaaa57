"""The plain manifests of Kubernetes, made from the chart: ``python -m tests.deploy.manifests``."""

import re
import shutil

from tests.deploy.images import PROJECT
from tests.end_to_end.processes import run_well
from tests.programs import find_program

CHART = PROJECT / "deploy" / "chart"
KUBERNETES = PROJECT / "deploy" / "kubernetes"
ALERTS = PROJECT / "deploy" / "monitoring" / "alerts.yaml"
CHART_ALERTS = CHART / "files" / "alerts.yaml"
_MADE = "# Made from the chart by `make manifests`, with the values of values.yaml.\n"
# Labels that say that Helm keeps the objects.
_OF_HELM = re.compile(r"^ +(helm\.sh/|app\.kubernetes\.io/managed-by:).*\n", re.MULTILINE)


def template(helm: str, *options: str) -> str:
    """Give what the chart becomes with some options; ``helm`` is the path of the program."""
    return run_well([helm, "template", "regsearch", str(CHART), *options])


def plain_manifests(helm: str) -> dict[str, str]:
    """Give the plain manifests by the names of their files."""
    values = f"--values={KUBERNETES / 'values.yaml'}"
    ingress = template(helm, values, "--show-only=templates/ingress.yaml")
    others = template(helm, values, "--set=ingress.enabled=false")
    return {
        "ingress.yaml": _MADE + _OF_HELM.sub("", ingress),
        "regsearch.yaml": _MADE + _OF_HELM.sub("", others),
    }


def main() -> None:
    """Write the plain manifests, and the chart's copy of the alert rules."""
    helm = find_program("helm")
    if helm is None:
        raise SystemExit("helm is missing: make programs")
    shutil.copyfile(ALERTS, CHART_ALERTS)
    for name, text in plain_manifests(helm).items():
        (KUBERNETES / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
