"""The chart: what it becomes is valid, means what the settings say, and is what is in the files."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from indexer.settings import Settings, load_settings
from tests.deploy.images import PROJECT
from tests.deploy.manifests import (
    ALERTS,
    CHART,
    CHART_ALERTS,
    KUBERNETES,
    plain_manifests,
    template,
)
from tests.end_to_end.processes import run, run_well
from tests.programs import NeedsProgram

VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
MONITORING = {"PrometheusRule", "ServiceMonitor"}
VALIDATE = (str(Path(sys.executable).parent / "kubernetes-validate"), "--strict")
each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


@pytest.fixture
def helm(needs_program: NeedsProgram) -> str:
    """Give the path of helm."""
    return needs_program("helm")


def objects(text: str) -> dict[str, Any]:
    """Give the objects of manifests by their kinds; the chart has one of each."""
    return {each["kind"]: each for each in yaml.safe_load_all(text) if each}


def pod_of(text: str) -> Any:
    """Give the specification of the pod."""
    return objects(text)["Deployment"]["spec"]["template"]["spec"]


@each_values
def test_helm_finds_no_mistake(helm: str, values: Path) -> None:
    run_well([helm, "lint", "--strict", str(CHART), f"--values={values}"])


def test_there_are_ten_sets_of_values(figure: Callable[[str], None]) -> None:
    figure(f"chart: {len(VALUES)} sets of values")
    assert len(VALUES) >= 10


@each_values
def test_what_it_becomes_is_valid(helm: str, values: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests.yaml"
    manifests.write_text(template(helm, f"--values={values}"), "utf-8")
    assert remarks(manifests) <= MONITORING


def remarks(manifests: Path) -> set[str]:
    """Validate manifests; give the kinds of which nothing is known."""
    ended = run([*VALIDATE, str(manifests)])
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if "INFO" not in line]
    unknown = [line for line in lines if "Couldn't find schema for kind" in line]
    assert (ended.returncode, lines) == (0, unknown)
    return {line.partition("for kind ")[2].split()[0] for line in unknown}


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("[!v]*.yaml")), ids=lambda path: path.name)
def test_the_plain_manifests_are_valid(path: Path) -> None:
    assert remarks(path) == set()


def test_the_job_of_the_page_on_backups_fits_the_chart(helm: str, tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "backup.md").read_text("utf-8")
    job = tmp_path / "job.yaml"
    job.write_text(page.partition("```yaml\n")[2].partition("```")[0], "utf-8")
    assert remarks(job) == set()
    of_job = yaml.safe_load(job.read_text("utf-8"))["spec"]["jobTemplate"]["spec"]["template"][
        "spec"
    ]
    of_chart = pod_of(template(helm, f"--values={VALUES[0]}"))
    volumes, own = (
        {volume.pop("name"): volume for volume in pod["volumes"]} for pod in (of_job, of_chart)
    )
    assert volumes["data"] == own["data"]
    assert volumes["settings"] == own["settings"]
    mounts, own_mounts = (
        {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        for pod in (of_job, of_chart)
    )
    assert (mounts["data"], mounts["settings"]) == (own_mounts["data"], own_mounts["settings"])
    assert of_job["containers"][0]["env"] == of_chart["containers"][0]["env"]


def test_the_plain_manifests_are_what_the_chart_becomes(helm: str) -> None:
    for name, text in plain_manifests(helm).items():
        assert (KUBERNETES / name).read_text("utf-8") == text, "run: make manifests"


def test_the_chart_has_the_alert_rules() -> None:
    assert CHART_ALERTS.read_bytes() == ALERTS.read_bytes(), "run: make manifests"


def test_the_alert_rules_come_as_they_are(helm: str) -> None:
    values = f"--values={CHART / 'ci' / 'monitoring-values.yaml'}"
    rules = objects(template(helm, values))["PrometheusRule"]
    assert rules["spec"] == yaml.safe_load(ALERTS.read_text("utf-8"))


@each_values
def test_regsearch_takes_the_settings(
    helm: str, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every registry and setting of the values is one of ours, with its value."""
    file = tmp_path / "regsearch.toml"
    manifests = template(helm, f"--values={values}")
    text = objects(manifests)["ConfigMap"]["data"]["regsearch.toml"]
    # Secrets are read with the settings, so they are here in place of where the pod has them.
    for number, _ in enumerate(tomllib.loads(text)["registry"]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "webhook-secret").write_text("of more than 16 characters")
    file.write_text(text.replace("/run/secrets/regsearch", str(tmp_path)), "utf-8")
    for name in ("REGSEARCH_REGISTRY", "REGSEARCH_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REGSEARCH_CONFIG", str(file))
    settings = load_settings()
    wanted = yaml.safe_load(values.read_text("utf-8"))
    own = {"passwordSecret", "dockerConfigSecret", "webhookSecret", "caConfigMap"}
    registries = [
        {key: value for key, value in registry.items() if key not in own}
        for registry in wanted["registries"]
    ]
    written = tomllib.loads(file.read_text("utf-8"))
    made = {"password_file", "docker_config", "webhook_secret_file", "ca_file"}
    assert [
        {key: value for key, value in registry.items() if key not in made}
        for registry in written.pop("registry")
    ] == registries
    assert written == wanted.get("settings", {})
    for registry, asked in zip(settings.registry, wanted["registries"], strict=True):
        assert (registry.password_file is not None) == ("passwordSecret" in asked)
        assert (registry.docker_config is not None) == ("dockerConfigSecret" in asked)
        assert (registry.webhook_secret_file is not None) == ("webhookSecret" in asked)
        assert (registry.ca_file is not None) == ("caConfigMap" in asked)


@each_values
def test_what_the_settings_name_is_mounted(helm: str, values: Path) -> None:
    manifests = template(helm, f"--values={values}")
    pod = pod_of(manifests)
    text = objects(manifests)["ConfigMap"]["data"]["regsearch.toml"]
    written = tomllib.loads(text)["registry"]
    named = {
        registry[key]
        for registry in written
        for key in ("password_file", "docker_config", "webhook_secret_file", "ca_file")
        if key in registry
    }
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = container["volumeMounts"]
    assert {mount["name"] for mount in mounts} == volumes.keys()
    mounted = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in mounts
        for source in volumes[mount["name"]].get("projected", {}).get("sources", [])
        for item in next(iter(source.values()))["items"]
    }
    assert mounted == named


@each_values
def test_the_pod_may_do_little(helm: str, values: Path) -> None:
    manifests = template(helm, f"--values={values}")
    pod = pod_of(manifests)
    deployment = objects(manifests)["Deployment"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert objects(manifests)["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
    probes = {name: container[name]["httpGet"]["path"] for name in container if "Probe" in name}
    assert probes == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }


def test_docker_search_at_a_registrys_host_comes_here(helm: str) -> None:
    values = f"--values={CHART / 'ci' / 'ingress-values.yaml'}"
    rules = objects(template(helm, values))["Ingress"]["spec"]["rules"]
    paths = {rule["host"]: rule["http"]["paths"][0]["path"] for rule in rules}
    assert paths == {
        "search.example.org": "/",
        "registry.example.org": "/v1/",
        "registry.example.com": "/v1/",
    }


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--set=registries[0].url=registry.example.org", "url"),
        ("--set=registries[0].name=main", "url"),
        ("--set=registries[0].url=https://r.example.org,registries[0].password=x", "password"),
        ("--set=settings.listen=0.0.0.0:80", "listen"),
        ("--set=settings.webhook_secret=1234567890123456", "webhook_secret"),
        ("--set=persistance.enabled=true", "persistance"),
        ("--set=service.port=0", "port"),
        ("--set=image.pullPolicy=Sometimes", "pullPolicy"),
        ("--set=serviceMonitor.enabled=true", "serviceMonitor.tokenSecret.name"),
    ],
)
def test_values_that_cannot_be_right_are_named(helm: str, option: str, named: str) -> None:
    ended = run([helm, "template", "regsearch", str(CHART), option])
    assert ended.returncode != 0
    assert named in ended.stderr


def test_the_chart_has_the_version_of_the_program() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])


@pytest.mark.parametrize("name", ["listen", "data_dir", "registry", "webhook_secret"])
def test_what_the_schema_refuses_is_a_setting(name: str) -> None:
    assert name in Settings.model_fields


def test_the_chart_can_be_packed(helm: str, tmp_path: Path) -> None:
    run_well([helm, "package", str(CHART), f"--destination={tmp_path}"])
    (archive,) = tmp_path.glob("*.tgz")
    listed = subprocess.run(["tar", "-tzf", archive], check=True, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    assert "regsearch/files/alerts.yaml" in names
    assert not [name for name in names if "/ci/" in name]
