"""Artifacts of many kinds, as Helm, ORAS, Flux, model registries and others push them.

A kind is a row of :data:`KINDS`: its folder, its types, and the facts in its config or annotations.
An unknown type is among them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.corpus import words
from bench.corpus.dice import Dice, derive_hex
from bench.corpus.layers import make_layer
from bench.corpus.made import Made, blob, compact, made
from bench.corpus.plan import Plan
from bench.corpus.tags import choose_revision, choose_version
from indexer.clock import rfc3339
from indexer.model import media_types
from tests.builders import EMPTY_CONFIG, HELM_CHART, HELM_CONFIG

_OCI = "org.opencontainers.image."
_WASM_CONTENT = "application/vnd.wasm.content.layer.v1+wasm"
_TAR_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class About:
    """The facts in the config or annotations of an artifact."""

    name: str
    version: str
    description: str
    vendor: str
    license: str
    author: str
    created: str
    source: str
    keywords: tuple[str, ...]


Tell = Callable[[About], Mapping[str, object]]


def _nothing(_: About) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact.

    ``layers`` are pairs of a media type and the ending of the file's name. Without ``config_type``
    the config is the empty one. ``annotate`` gives the annotations that are this kind's own, on an
    index those of the index; ``is_described`` adds the usual ones.
    """

    folder: str
    layers: tuple[tuple[str, str], ...]
    artifact_type: str = ""
    config_type: str = ""
    config: Tell = _nothing
    annotate: Tell = _nothing
    is_described: bool = True
    is_docker: bool = False
    is_index: bool = False
    layer_annotations: Mapping[str, str] = field(default_factory=dict)


def _chart(about: About) -> Mapping[str, object]:
    return {
        "apiVersion": "v2",
        "type": "application",
        "name": about.name,
        "version": about.version,
        "appVersion": about.version,
        "description": about.description,
        "keywords": about.keywords,
        "home": about.source,
        "sources": [about.source],
        "maintainers": [{"name": about.author, "email": f"{about.author}@example.com"}],
        "kubeVersion": ">=1.27.0-0",
        "dependencies": [
            {
                "name": "common",
                "version": "2.x.x",
                "repository": "oci://registry.example.com/charts",
            }
        ],
    }


def _model_pack(about: About) -> Mapping[str, object]:
    return {
        "descriptor": {
            "name": about.name,
            "version": about.version,
            "family": about.keywords[0],
            "title": about.name,
            "description": about.description,
            "vendor": about.vendor,
            "authors": [about.author],
            "licenses": [about.license],
            "createdAt": about.created,
        },
        "config": {
            "architecture": "transformer",
            "format": "safetensors",
            "paramSize": "8b",
            "precision": "bf16",
            "quantization": "awq",
        },
        "modelfs": {
            "type": "layers",
            "diffIds": [f"sha256:{derive_hex(about.name, about.version)}"],
        },
    }


def _model_kit(about: About) -> Mapping[str, object]:
    return {
        "manifestVersion": "1.0.0",
        "package": {
            "name": about.name,
            "version": about.version,
            "description": about.description,
            "license": about.license,
            "authors": [about.author],
        },
        "model": {"name": about.name, "framework": "onnx", "version": about.version},
        "datasets": [{"name": "training", "description": f"Training data of {about.name}"}],
    }


def _docker_model(about: About) -> Mapping[str, object]:
    return {
        "config": {
            "format": "gguf",
            "quantization": "Q4_K_M",
            "parameters": "3.21 B",
            "architecture": "llama",
            "size": "1.87 GiB",
        },
        "descriptor": {"created": about.created},
        "rootfs": {
            "type": "rootfs",
            "diff_ids": [f"sha256:{derive_hex(about.name, about.version)}"],
        },
    }


def _ollama(about: About) -> Mapping[str, object]:
    return {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "8.0B",
        "file_type": "Q4_0",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{derive_hex(about.name, about.version)}"],
        },
    }


def _wasm(about: About) -> Mapping[str, object]:
    return {
        "created": about.created,
        "author": about.author,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [f"sha256:{derive_hex(about.name, about.version)}"],
        "component": {
            "exports": ["wasi:http/incoming-handler@0.2.0"],
            "imports": [],
            "target": None,
        },
    }


def _named(about: About) -> Mapping[str, object]:
    return {"name": about.name, "version": about.version, "requirements": []}


def _plugin(about: About) -> Mapping[str, object]:
    return {"Description": about.description, "Documentation": about.source, "Entrypoint": ["/run"]}


def _feature(about: About) -> Mapping[str, object]:
    metadata = {
        "id": about.name,
        "version": about.version,
        "name": about.name,
        "description": about.description,
        "keywords": about.keywords,
    }
    return {"dev.containers.metadata": compact(metadata)}


KINDS = (
    Kind("charts", ((HELM_CHART, ".tgz"),), config_type=HELM_CONFIG, config=_chart),
    Kind("charts", ((HELM_CHART, ".tgz"),), config_type=HELM_CONFIG, config=_chart),
    Kind("files", (("application/octet-stream", ".bin"), ("text/plain", ".txt")),
         artifact_type="application/vnd.unknown.artifact.v1"),
    Kind("files", (("application/json", ".json"),), is_described=False,
         artifact_type="application/vnd.unknown.artifact.v1",
         config_type="application/vnd.unknown.config.v1+json"),
    Kind("flux", (("application/vnd.cncf.flux.content.v1.tar+gzip", ".tgz"),),
         config_type="application/vnd.cncf.flux.config.v1+json"),
    Kind("policies", (("application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", ".rego"),
                      ("application/vnd.cncf.openpolicyagent.data.layer.v1+json", ".json")),
         config_type="application/vnd.cncf.openpolicyagent.config.v1+json"),
    Kind("bottles", ((_TAR_GZIP, ".bottle.tar.gz"),), config_type=media_types.OCI_CONFIG,
         is_index=True, annotate=lambda _: {"com.github.package.type": "homebrew_bottle"}),
    Kind("tekton", ((_TAR_GZIP, ".yaml"),), config_type=media_types.OCI_CONFIG, is_described=False,
         layer_annotations={"dev.tekton.image.kind": "task", "dev.tekton.image.name": "build",
                            "dev.tekton.image.apiVersion": "v1"}),
    Kind("kcl", ((_TAR_GZIP, ".tar"),), annotate=lambda about: {
        "org.kcllang.package.name": about.name, "org.kcllang.package.version": about.version,
        "org.kcllang.package.description": about.description}),
    Kind("cue", (("application/zip", ".zip"), ("application/vnd.cue.modulefile.v1", ".cue")),
         artifact_type="application/vnd.cue.module.v1+json", is_described=False,
         annotate=lambda about: {"works.cue.module": f"example.com/{about.name}@v1"}),
    Kind("timoni", (("application/vnd.timoni.content.v1.tar+gzip", ".tgz"),),
         config_type="application/vnd.timoni.config.v1+json"),
    Kind("singularity", (("application/vnd.sylabs.sif.layer.v1.sif", ".sif"),),
         config_type="application/vnd.sylabs.sif.config.v1+json", is_described=False),
    Kind("conda", (("application/vnd.conda.package.v2", ".conda"),
                   ("application/vnd.conda.info.index.v1+json", ".json"))),
    Kind("falco", (("application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz", ".tar.gz"),),
         config_type="application/vnd.cncf.falco.rulesfile.config.v1+json", config=_named),
    Kind("features", (("application/vnd.devcontainers.layer.v1+tar", ".tgz"),),
         config_type="application/vnd.devcontainers", annotate=_feature, is_described=False),
    Kind("bundles", (("application/vnd.cnab.layer.v1", ".tgz"),),
         config_type="application/vnd.cnab.config.v1+json", is_index=True, annotate=lambda about: {
             "org.opencontainers.artifactType": "application/vnd.cnab.manifest.v1",
             "io.cnab.runtime_version": "v1.0.0", "io.cnab.keywords": compact(about.keywords)}),
    Kind("compose", (("application/vnd.docker.compose.file+yaml", ".yaml"),),
         artifact_type="application/vnd.docker.compose.project"),
    Kind("plugins", ((media_types.DOCKER_LAYER, ".tar.gz"),), is_docker=True,
         config_type="application/vnd.docker.plugin.v1+json", config=_plugin),
    Kind("wasm", (("application/wasm", ".wasm"),), config=_wasm,
         config_type="application/vnd.wasm.config.v0+json"),
    Kind("spin", ((_WASM_CONTENT, ".wasm"),
                  ("application/vnd.wasm.content.layer.v1+data", ".html")),
         config_type="application/vnd.fermyon.spin.application.v1+config"),
    Kind("models", (("application/vnd.cncf.model.weight.v1.raw", ".safetensors"),
                    ("application/vnd.cncf.model.doc.v1.raw", ".md")), config=_model_pack,
         artifact_type="application/vnd.cncf.model.manifest.v1+json", is_described=False,
         config_type="application/vnd.cncf.model.config.v1+json"),
    Kind("modelkits", (("application/vnd.kitops.modelkit.model.v1.tar+gzip", ".tar.gz"),),
         config_type="application/vnd.kitops.modelkit.config.v1+json", config=_model_kit),
    Kind("ai", (("application/vnd.docker.ai.gguf.v3", ".gguf"),
                ("application/vnd.docker.ai.license", ".txt")), config=_docker_model,
         config_type="application/vnd.docker.ai.model.config.v0.1+json", is_described=False),
    Kind("ollama", (("application/vnd.ollama.image.model", ".gguf"),
                    ("application/vnd.ollama.image.template", ".txt")), is_docker=True,
         config_type=media_types.DOCKER_CONFIG, config=_ollama),
    Kind("databases", (("application/vnd.aquasec.trivy.db.layer.v1.tar+gzip", ".tar.gz"),),
         artifact_type="application/vnd.aquasec.trivy.config.v1+json"),
    Kind("widgets", (("application/vnd.acme.widget.layer.v1", ".widget"),),
         artifact_type="application/vnd.acme.widget.v1"),
)  # fmt: skip


def artifact(plan: Plan, build: int) -> Made:
    """Return the target of the tags of an artifact's build."""
    kind, about = KINDS[plan.kind], _about(plan, build)
    described = _described(about) if kind.is_described and not kind.is_docker else {}
    annotations = {**described, **kind.annotate(about)}
    one = _manifest(plan, build, kind, about, {} if kind.is_index else annotations)
    if not kind.is_index:
        return one
    entry = {"mediaType": one.media_type, "digest": one.digest, "size": len(one.body)}
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [entry],
        "annotations": annotations,
    }
    return made(media_types.OCI_INDEX, compact(body), children=(one,))


def _manifest(
    plan: Plan, build: int, kind: Kind, about: About, annotations: Mapping[str, object]
) -> Made:
    media_type = media_types.DOCKER_MANIFEST if kind.is_docker else media_types.OCI_MANIFEST
    config = blob(compact(kind.config(about))) if kind.config_type else None
    described: dict[str, object] = {"mediaType": media_types.EMPTY, "digest": EMPTY_CONFIG.digest}
    described |= {"size": 2, "data": "e30="}
    if config:
        described = {"mediaType": kind.config_type, "digest": config[0], "size": len(config[1])}
    body: dict[str, object] = {"schemaVersion": 2, "mediaType": media_type}
    if kind.artifact_type:
        body["artifactType"] = kind.artifact_type
    body["config"] = described
    body["layers"] = [
        _file(plan, build, kind, number=number, name=about.name)
        for number in range(len(kind.layers))
    ]
    if annotations:
        body["annotations"] = annotations
    return made(media_type, compact(body), config=config, config_type=kind.config_type)


def _file(plan: Plan, build: int, kind: Kind, *, number: int, name: str) -> dict[str, object]:
    media_type, ending = kind.layers[number]
    layer = make_layer(plan.key, build, number, "file")
    entry = {"mediaType": media_type, "digest": layer.digest, "size": layer.size_bytes}
    if kind.is_docker:
        return entry
    titled = {f"{_OCI}title": f"{name}-{choose_version(plan, build)}{ending}"}
    return entry | {"annotations": {**titled, **kind.layer_annotations}}


def _about(plan: Plan, build: int) -> About:
    dice = Dice(plan.key, "about")
    return About(
        name=plan.name.rpartition("/")[2],
        version=choose_version(plan, build),
        description=plan.description,
        vendor=plan.vendor,
        license=plan.license,
        author=dice.choose(words.PEOPLE),
        created=rfc3339(plan.built_at(build)),
        source=f"https://git.example.com/{plan.name}/tree/{choose_revision(plan, build)[:8]}",
        keywords=tuple(dice.some(words.PRODUCTS, 3)),
    )


def _described(about: About) -> dict[str, object]:
    return {
        f"{_OCI}title": about.name,
        f"{_OCI}version": about.version,
        f"{_OCI}description": about.description,
        f"{_OCI}created": about.created,
        f"{_OCI}licenses": about.license,
        f"{_OCI}source": about.source,
    }
