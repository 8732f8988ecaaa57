"""The commands that fetch something, by its kind. None is offered that cannot work. Pure."""

import re
from dataclasses import dataclass

_RUNNABLE = frozenset({"image", "builder", "buildpack", "docker-extension"})
"""Kinds that docker and podman run, or build with."""
_OTHER_IMAGES = frozenset({"wasm-image", "nydus-image"})
"""Images that need a runtime of their own: they can be copied by any client of images."""
_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-_].*)?", re.ASCII)
"""Tags that helm takes for versions."""


@dataclass(frozen=True, slots=True)
class PullCommand:
    """A command line, and the program that it needs; ``reference`` is no command."""

    tool: str
    text: str


def pull_commands(reference: str, kind: str) -> list[PullCommand]:
    """Return the ways to fetch a reference, the usual one first, the bare reference last."""
    return [*_commands(reference, kind), PullCommand("reference", reference)]


def _commands(reference: str, kind: str) -> list[PullCommand]:
    if kind in _RUNNABLE:
        return [
            PullCommand("docker", f"docker pull {reference}"),
            PullCommand("podman", f"podman pull {reference}"),
            *_copying(reference),
        ]
    if kind in _OTHER_IMAGES:
        return _copying(reference)
    if kind == "docker-plugin":
        return [PullCommand("docker", f"docker plugin install {reference}")]
    if kind == "docker-model":
        return [PullCommand("docker", f"docker model pull {reference}")]
    if kind == "ollama-model":
        return [PullCommand("ollama", f"ollama pull {reference}")]
    others = [PullCommand("oras", f"oras pull {reference}")]
    if kind == "helm-chart" and (version := _chart_version(reference)):
        path = reference.rpartition(":")[0]
        return [PullCommand("helm", f"helm pull oci://{path} --version {version}"), *others]
    return others


def _copying(reference: str) -> list[PullCommand]:
    folder = reference.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return [
        PullCommand("skopeo", f"skopeo copy docker://{reference} dir:{folder}"),
        PullCommand("crane", f"crane pull {reference} {folder}.tar"),
    ]


def _chart_version(reference: str) -> str:
    """Return the version of a chart's tag; a + cannot be in a tag, so helm writes _ for it."""
    tag = "" if "@" in reference else reference.rpartition("/")[2].partition(":")[2]
    return tag.replace("_", "+") if _VERSION.fullmatch(tag) else ""
