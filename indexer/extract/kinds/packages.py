"""Packages and files: charts, bundles, modules, plugins and what else is pushed with oras."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from indexer.extract.kinds.kind import Kind, Material, Role, Where, annotation, config, label, layer

FILE = layer("org.opencontainers.image.title")
_DEV_CONTAINER = "dev.containers.metadata"
_COLLECTION = "application/vnd.devcontainers.collection.layer.v1+json"
_CONDA_FILE = re.compile(r"(?P<name>.{1,200})-(?P<version>[^-]{1,64})-(?P<build>[^-]{1,64})")
_TEKTON_LAYERS_MAX = 20


def _conda(part: str) -> Where:
    """Look in the file name of a package: ``name-version-build.conda``."""

    def look(material: Material) -> Iterator[Any]:
        for name in FILE(material):
            stem = name.rpartition("/")[2].removesuffix(".conda").removesuffix(".tar.bz2")
            match = _CONDA_FILE.fullmatch(stem)
            if match is not None:
                yield match[part]

    return look


def _is_file(start: str) -> Callable[[Material], bool]:
    return lambda material: any(name.startswith(start) for name in FILE(material))


PACKAGES = (
    Kind(
        name="helm-chart",
        types=("application/vnd.cncf.helm.config.v1+json",),
        layers=(
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "application/vnd.cncf.helm.chart.provenance.v1.prov",
        ),
        fields={
            "title": config("name"),
            "version": config("version"),
            "description": config("description"),
            "keywords": config("keywords"),
            "url": config("home"),
            "source": config("sources"),
            "authors": config("maintainers"),
            "licenses": (
                config("annotations", "artifacthub.io/license"),
                config("annotations", "licenses"),
            ),
            "category": (
                config("annotations", "artifacthub.io/category"),
                config("annotations", "category"),
            ),
            "deprecated": config("deprecated"),
            "prerelease": config("annotations", "artifacthub.io/prerelease"),
        },
        properties={
            "app_version": config("appVersion"),
            "kube_version": config("kubeVersion"),
            "type": config("type"),
            "dependencies": config("dependencies", "name"),
        },
    ),
    Kind(
        name="flux",
        types=("application/vnd.cncf.flux.config.v1+json",),
        layers=("application/vnd.cncf.flux.content.v1.tar+gzip",),
    ),
    Kind(
        name="policy",
        aliases=("conftest", "rego"),
        types=("application/vnd.cncf.openpolicyagent.config.v1+json",),
        layers=(
            "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego",
            "application/vnd.cncf.openpolicyagent.data.layer.v1+json",
        ),
        contents=(FILE,),
    ),
    Kind(
        name="homebrew-bottle",
        aliases=("brew",),
        annotations=("com.github.package.type=homebrew_bottle",),
        properties={
            "homebrew_version": annotation("sh.brew.tab", "homebrew_version"),
            "dependencies": annotation("sh.brew.tab", "runtime_dependencies", "full_name"),
            "cpu_variant": annotation("sh.brew.bottle.cpu.variant"),
        },
        contents=(annotation("sh.brew.path_exec_files"),),
    ),
    Kind(
        name="tekton-bundle",
        layer_annotations=("dev.tekton.image.name", "dev.tekton.image.kind"),
        only=lambda material: len(material.layers) <= _TEKTON_LAYERS_MAX,
        properties={
            "kinds": layer("dev.tekton.image.kind"),
            "api_versions": layer("dev.tekton.image.apiVersion"),
        },
        contents=(layer("dev.tekton.image.name"),),
    ),
    Kind(
        name="crossplane-package",
        aliases=("xpkg",),
        labels=("io.crossplane.xpkg:*",),
        layer_annotations=("io.crossplane.xpkg=base",),
        fields={
            "title": label("meta.crossplane.io/friendly-name"),
            "description": label("meta.crossplane.io/description"),
            "authors": label("meta.crossplane.io/maintainer"),
            "source": label("meta.crossplane.io/source"),
            "licenses": label("meta.crossplane.io/license"),
        },
    ),
    Kind(
        name="kcl-module",
        annotations=("org.kcllang.package.name",),
        fields={
            "title": annotation("org.kcllang.package.name"),
            "version": annotation("org.kcllang.package.version"),
            "description": annotation("org.kcllang.package.description"),
        },
    ),
    Kind(
        name="cue-module",
        types=("application/vnd.cue.module.v1+json",),
        layers=("application/vnd.cue.modulefile.v1",),
        fields={
            "title": annotation("works.cue.module"),
            "revision": annotation("org.cuelang.vcs-commit"),
            "created": annotation("org.cuelang.vcs-commit-time"),
        },
        properties={"vcs": annotation("org.cuelang.vcs-type")},
    ),
    Kind(
        name="timoni-module",
        types=("application/vnd.timoni.config.v1+json",),
        layers=("application/vnd.timoni.content.v1.tar+gzip",),
        properties={"content_types": layer("sh.timoni.content.type")},
    ),
    Kind(
        name="singularity",
        aliases=("sif", "apptainer"),
        types=("application/vnd.sylabs.sif.config.v1+json",),
        layers=(
            "application/vnd.sylabs.sif.layer.v1.sif",
            # As early releases spelt it.
            "appliciation/vnd.sylabs.sif.layer.tar",
        ),
        contents=(FILE,),
    ),
    Kind(
        name="conda-package",
        layers=(
            "application/vnd.conda.package.v1",
            "application/vnd.conda.package.v2",
            "application/vnd.conda.info.index.v1+json",
            "application/vnd.conda.info.v1.tar+gzip",
        ),
        fields={"title": _conda("name"), "version": _conda("version")},
        properties={"build": _conda("build")},
        contents=(FILE,),
    ),
    Kind(
        name="conda-repodata",
        role=Role.SYSTEM,
        layers=(
            "application/vnd.conda.repodata.v1+json",
            "application/vnd.conda.repodata.v1+json+gzip",
            "application/vnd.conda.repodata.v1+json+zst",
        ),
    ),
    *(
        Kind(
            name=f"falco-{part}",
            types=(f"application/vnd.cncf.falco.{type_}.config.v1+json",),
            layers=(f"application/vnd.cncf.falco.{type_}.layer.v1+tar.gz",),
            fields={"title": config("name"), "version": config("version")},
            properties={
                "dependencies": config("dependencies", "name"),
                "requirements": config("requirements", "name"),
            },
        )
        for part, type_ in (("rules", "rulesfile"), ("plugin", "plugin"), ("asset", "asset"))
    ),
    Kind(
        name="devcontainer-collection",
        # It shares its type with features and templates.
        types=("application/vnd.devcontainers",),
        layers=(_COLLECTION,),
        only=lambda material: any(one.media_type == _COLLECTION for one in material.layers),
        contents=(FILE,),
    ),
    *(
        Kind(
            name=f"devcontainer-{part}",
            types=("application/vnd.devcontainers",),
            layers=("application/vnd.devcontainers.layer.v1+tar",),
            only=_is_file("devcontainer-template-") if part == "template" else None,
            fields={
                "title": annotation(_DEV_CONTAINER, "name"),
                "version": annotation(_DEV_CONTAINER, "version"),
                "description": annotation(_DEV_CONTAINER, "description"),
                "keywords": annotation(_DEV_CONTAINER, "keywords"),
                "documentation": annotation(_DEV_CONTAINER, "documentationURL"),
                "vendor": annotation(_DEV_CONTAINER, "publisher"),
            },
            properties={"id": annotation(_DEV_CONTAINER, "id")},
            contents=(FILE,),
        )
        for part in ("template", "feature")
    ),
    Kind(
        name="imgpkg-bundle",
        labels=("dev.carvel.imgpkg.bundle=true",),
    ),
    Kind(
        name="cnab-bundle",
        types=("application/vnd.cnab.manifest.v1", "application/vnd.cnab.config.v1+json"),
        annotations=(
            "org.opencontainers.artifactType=application/vnd.cnab.manifest.v1",
            "io.cnab.runtime_version",
        ),
        fields={
            "authors": annotation("org.opencontainers.image.authors"),
            "keywords": annotation("io.cnab.keywords"),
        },
        properties={"runtime_version": annotation("io.cnab.runtime_version")},
    ),
    Kind(
        name="compose-project",
        types=("application/vnd.docker.compose.project",),
        layers=("application/vnd.docker.compose.file+yaml",),
        properties={"compose_version": layer("com.docker.compose.version")},
        contents=(layer("com.docker.compose.file"), layer("com.docker.compose.envfile")),
    ),
    Kind(
        name="docker-plugin",
        types=("application/vnd.docker.plugin.v1+json",),
        fields={"description": config("Description"), "documentation": config("Documentation")},
        properties={
            "interfaces": (
                config("Interface", "Types", "Capability"),
                config("Interface", "Types"),
            ),
            "docker_version": config("DockerVersion"),
        },
    ),
    Kind(
        name="trivy-db",
        role=Role.SYSTEM,
        types=("application/vnd.aquasec.trivy.config.v1+json",),
        layers=("application/vnd.aquasec.trivy.*",),
    ),
    Kind(
        name="artifacthub-repo",
        role=Role.SYSTEM,
        types=("application/vnd.cncf.artifacthub.config.v1+yaml",),
        tags=r"artifacthub\.io",
    ),
    Kind(
        name="oras-files",
        generic=True,
        attaches=True,
        types=(
            "application/vnd.unknown.artifact.v1",
            "application/vnd.unknown.config.v1+json",
        ),
        contents=(FILE,),
    ),
)
