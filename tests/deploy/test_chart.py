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
NODE, NODE_OF = "--set=nodes[0]", "nodes[0].registries={main}"
IN_CLUSTER = "settings.engine=opensearch,settings.opensearch_url={http://opensearch:9200}"
SHARED_CLAIM = "persistence.existingClaim=data"
each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


@pytest.fixture
def helm(needs_program: NeedsProgram) -> str:
    """Give the path of helm."""
    return needs_program("helm")


def objects(text: str) -> dict[str, Any]:
    """Give the objects of manifests by their kinds; of one service the chart has one of each."""
    return {each["kind"]: each for each in yaml.safe_load_all(text) if each}


def named(text: str, kind: str) -> dict[str, Any]:
    """Give the objects of a kind by their names."""
    found = [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in found}


def pods_of(text: str) -> dict[str, Any]:
    """Give the specifications of the pods by the names of their Deployments."""
    deployments = named(text, "Deployment")
    return {name: each["spec"]["template"]["spec"] for name, each in deployments.items()}


def pod_of(text: str) -> Any:
    """Give the specification of the only pod."""
    (pod,) = pods_of(text).values()
    return pod


def settings_of(text: str) -> dict[str, str]:
    """Return the settings file of each Deployment, by its name."""
    maps = named(text, "ConfigMap")
    return {name: each["data"]["regsearch.toml"] for name, each in maps.items()}


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
    for part, text in settings_of(template(helm, f"--values={values}")).items():
        directory = tmp_path / part
        directory.mkdir()
        takes_the_settings(values, part, text, directory, monkeypatch)


def takes_the_settings(
    values: Path, part: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "regsearch.toml"
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
    nodes = written.pop("node", [])
    assert [(one["name"], one["registries"]) for one in nodes] == [
        (one["name"], one["registries"]) for one in wanted.get("nodes", [])
    ]
    access = written.get("access", {})
    for name in ("node_secret_file", "opensearch_password_file", "opensearch_ca_file"):
        written.pop(name, None)
    for name in ("session_secret_file", "tokens_file") if nodes else ():
        del access[name]
    assert written == wanted.get("settings", {})
    for registry, asked in zip(settings.registry, wanted["registries"], strict=True):
        assert (registry.password_file is not None) == ("passwordSecret" in asked)
        assert (registry.docker_config is not None) == ("dockerConfigSecret" in asked)
        # Who receives none need not know it, and it would be read with the settings.
        knows = "webhookSecret" in asked and registry.name in own_registries(part, wanted)
        assert (registry.webhook_secret_file is not None) == knows
        assert (registry.ca_file is not None) == ("caConfigMap" in asked)


def name_of(registry: dict[str, Any]) -> str:
    name: str = registry.get("name", "default")
    return name


def own_registries(part: str, values: dict[str, Any]) -> list[str]:
    """Return the names of the registries that the pods of a part read."""
    if "nodes" not in values:
        return [name_of(registry) for registry in values["registries"]]
    nodes: dict[str, list[str]] = {
        f"regsearch-node-{node['name']}": node["registries"] for node in values["nodes"]
    }
    return nodes.get(part, [])


@each_values
def test_what_the_settings_name_is_mounted_where_it_is_used(helm: str, values: Path) -> None:
    manifests = template(helm, f"--values={values}")
    settings = settings_of(manifests)
    for name, pod in pods_of(manifests).items():
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = container["volumeMounts"]
        assert {mount["name"] for mount in mounts} == volumes.keys()
        assert volumes["settings"]["configMap"] == {"name": name}
        mounted = {
            f"{mount['mountPath']}/{item['path']}"
            for mount in mounts
            for source in volumes[mount["name"]].get("projected", {}).get("sources", [])
            for item in next(iter(source.values()))["items"]
        }
        written = tomllib.loads(settings[name])
        own = own_registries(name, yaml.safe_load(values.read_text("utf-8")))
        # A CA is no secret, and all pods may ask each registry what a user may see.
        others_secrets = {
            file
            for registry in written["registry"]
            if name_of(registry) not in own
            for key, file in files_of(registry)
            if key != "ca_file"
        }
        assert mounted == named_in(written) - others_secrets


def named_in(written: dict[str, Any]) -> set[str]:
    tables = (written, written.get("access", {}), *written["registry"])
    return {file for table in tables for _, file in files_of(table)}


def files_of(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in table.items() if k == "docker_config" or k.endswith("_file")]


def test_a_pod_has_the_secrets_of_its_own_registries_alone(nodes: str) -> None:
    secrets = {
        name: {
            source["secret"]["name"]
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "secret" in source
        }
        - {"regsearch-nodes", "regsearch-opensearch"}
        for name, pod in pods_of(nodes).items()
    }
    assert secrets == {
        "regsearch-node-a": {"mirror-pull", "mirror-webhook"},
        "regsearch-node-b": {"eu-reader"},
        "regsearch-search": set(),
    }


def test_a_registry_without_a_name_belongs_to_a_node_too(helm: str) -> None:
    options = [f"{NODE}.name=a", "--set=nodes[0].registries={default}", "--set=nodesSecret=x"]
    options += [f"--set={IN_CLUSTER}", "--set=registries[0].url=http://registry:5000"]
    options += ["--set=registries[0].username=reader", "--set=registries[0].passwordSecret.name=p"]
    pods = pods_of(template(helm, *options))
    names = {name: [one["name"] for one in pod["volumes"]] for name, pod in pods.items()}
    assert "registry-0" in names["regsearch-node-a"]
    assert "registry-0" not in names["regsearch-search"]


def test_who_may_see_a_registry_is_the_same_at_each_pod(
    nodes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read with credentials is shown to those who may, also where they are not."""
    modes = {}
    for part, text in settings_of(nodes).items():
        file = tmp_path / f"{part}.toml"
        monkeypatch.setenv("REGSEARCH_CONFIG", str(file))
        (tmp_path / "2").mkdir(exist_ok=True)
        (tmp_path / "2" / "webhook-secret").write_text("of more than 16 characters")
        file.write_text(text.replace("/run/secrets/regsearch", str(tmp_path)), "utf-8")
        modes[part] = [(one.name, one.mode) for one in load_settings().registry]
    seen = [("main", "public"), ("eu", "registry"), ("mirror", "registry")]
    assert modes == dict.fromkeys(pods_of(nodes), seen)


@each_values
def test_the_pods_may_do_little(helm: str, values: Path) -> None:
    manifests = template(helm, f"--values={values}")
    assert objects(manifests)["ServiceAccount"]["automountServiceAccountToken"] is False
    for name, pod in pods_of(manifests).items():
        deployment = named(manifests, "Deployment")[name]["spec"]
        is_search = name.endswith("-search")
        if not is_search:
            assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        }
        probes = {key: container[key]["httpGet"]["path"] for key in container if "Probe" in key}
        assert probes == {
            "startupProbe": "/readyz" if is_search else "/healthz",
            "livenessProbe": "/healthz",
            "readinessProbe": "/healthz" if is_search else "/readyz",
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


@pytest.fixture
def nodes(helm: str) -> str:
    """Give what the values with two indexer nodes become."""
    return template(helm, f"--values={CHART / 'ci' / 'nodes-values.yaml'}")


def test_each_node_has_a_pod_a_volume_and_a_service_of_its_own(nodes: str) -> None:
    pods = pods_of(nodes)
    assert pods.keys() == {"regsearch-node-a", "regsearch-node-b", "regsearch-search"}
    claims = {
        volume["persistentVolumeClaim"]["claimName"]: name
        for name, pod in pods.items()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {
        "regsearch-node-a-data": "regsearch-node-a",
        "regsearch-data": "regsearch-node-b",
    }
    # The other one is there already.
    (claim,) = named(nodes, "PersistentVolumeClaim").values()
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    runs = {name: pod["containers"][0].get("args") for name, pod in pods.items()}
    assert runs == {
        "regsearch-node-a": None,
        "regsearch-node-b": None,
        "regsearch-search": ["web", "--search-only"],
    }
    variables = {
        name: {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        for name, pod in pods.items()
    }
    assert {name: one.get("REGSEARCH_NODE_NAME") for name, one in variables.items()} == {
        "regsearch-node-a": "a",
        "regsearch-node-b": "b",
        "regsearch-search": None,
    }
    assert "REGSEARCH_WEBHOOK_SECRET" not in variables["regsearch-search"]
    assert pods["regsearch-node-a"]["containers"][0]["resources"]["requests"]["cpu"] == "1"


def test_each_service_finds_its_own_pods(nodes: str) -> None:
    """The addresses of the settings are those of the Services, and their labels choose right."""
    services, deployments = named(nodes, "Service"), named(nodes, "Deployment")
    found = {
        name: [
            other
            for other, each in deployments.items()
            if service["spec"]["selector"].items()
            <= each["spec"]["template"]["metadata"]["labels"].items()
        ]
        for name, service in services.items()
    }
    assert found == {
        "regsearch": ["regsearch-search"],
        "regsearch-node-a": ["regsearch-node-a"],
        "regsearch-node-b": ["regsearch-node-b"],
    }
    for each in deployments.values():
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"] == labels
    written = tomllib.loads(settings_of(nodes)["regsearch-search"])
    assert {one["url"].removeprefix("http://").split(".")[0] for one in written["node"]} == {
        "regsearch-node-a",
        "regsearch-node-b",
    }
    # Notifications are taken also while the cluster is away; a search node can be replaced.
    ready = {name: one["spec"].get("publishNotReadyAddresses") for name, one in services.items()}
    assert ready == {"regsearch": None, "regsearch-node-a": True, "regsearch-node-b": True}


def test_notifications_go_to_their_node_and_all_else_to_search_nodes(nodes: str) -> None:
    rule, docker_search = named(nodes, "Ingress")["regsearch"]["spec"]["rules"]
    paths = {
        one["path"]: one["backend"]["service"]["name"]
        for one in [*rule["http"]["paths"], *docker_search["http"]["paths"]]
    }
    assert paths == {
        "/webhooks/main": "regsearch-node-a",
        "/webhooks/mirror": "regsearch-node-a",
        "/webhooks/eu": "regsearch-node-b",
        "/": "regsearch",
        "/v1/": "regsearch",
    }


def test_a_path_of_the_host_is_before_the_webhooks_too(helm: str) -> None:
    values = f"--values={CHART / 'ci' / 'nodes-values.yaml'}"
    path = ["--set=ingress.path=/find", "--set=settings.public_url=https://example.org/find/"]
    below = template(helm, values, *path)
    rule = named(below, "Ingress")["regsearch"]["spec"]["rules"][0]
    assert rule["http"]["paths"][0]["path"] == "/find/webhooks/main"
    written = tomllib.loads(objects(below)["ConfigMap"]["data"]["regsearch.toml"])
    assert written["node"][0]["url"] == "http://regsearch-node-a.default.svc:8080/find"


def test_one_search_node_of_several_ends_at_a_time(helm: str, nodes: str) -> None:
    (budget,) = named(nodes, "PodDisruptionBudget").values()
    service = named(nodes, "Service")["regsearch"]
    assert budget["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert budget["spec"]["maxUnavailable"] == 1
    values = f"--values={CHART / 'ci' / 'nodes-values.yaml'}"
    alone = template(helm, values, "--set=search.replicas=1")
    assert not named(alone, "PodDisruptionBudget")


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
        ("--set=settings.node_secret=1234567890123456", "node_secret"),
        ("--set=settings.opensearch_password=1234", "opensearch_password"),
        (f"{NODE}.name=a", "registries"),
        (f"{NODE}.name=A_b,{NODE_OF}", "name"),
        (f"{NODE}.name=a,{NODE_OF},nodesSecret=x", "engine"),
        (f"{NODE}.name=a,{NODE_OF},{IN_CLUSTER}", "nodesSecret"),
        (f"{NODE}.name=a,{NODE_OF},{IN_CLUSTER},nodesSecret=x,{SHARED_CLAIM}", "existingClaim"),
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


@pytest.mark.parametrize(
    "name",
    [
        "listen",
        "data_dir",
        "registry",
        "webhook_secret",
        "node",
        "node_name",
        "node_secret",
        "opensearch_password",
    ],
)
def test_what_the_schema_refuses_is_a_setting(name: str) -> None:
    assert name in Settings.model_fields


def test_the_chart_can_be_packed(helm: str, tmp_path: Path) -> None:
    run_well([helm, "package", str(CHART), f"--destination={tmp_path}"])
    (archive,) = tmp_path.glob("*.tgz")
    listed = subprocess.run(["tar", "-tzf", archive], check=True, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    assert "regsearch/files/alerts.yaml" in names
    assert not [name for name in names if "/ci/" in name]
