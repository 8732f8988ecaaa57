"""The described fields: which keys fill them, in which order, from which source.

A source is the annotations or labels of one object. The first source that has any usable key of a
field fills it, and within a source the order of the keys below decides. A new key is a new line.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypedDict, TypeVar, cast, get_args

from indexer.extract import text as read
from indexer.extract.image_config import ImageConfig

T = TypeVar("T")
Source = Mapping[str, str]
Keys = Sequence[tuple[str, Callable[[str], T]]]

_OCI: Final = "org.opencontainers.image."
_SCHEMA: Final = "org.label-schema."
_HUB: Final = "io.artifacthub.package."
CONFIG_AUTHOR: Final = "author of the image config"
"""Stands among the labels for the config's own field; no label is spelt like this."""

_TITLE: Keys[str] = (
    (f"{_OCI}title", read.short_text),
    (f"{_SCHEMA}name", read.short_text),
    ("io.k8s.display-name", read.short_text),
    ("com.docker.extension.title", read.short_text),
    ("name", read.short_text),
)
_DESCRIPTION: Keys[str] = (
    (f"{_OCI}description", read.prose),
    (f"{_SCHEMA}description", read.prose),
    ("io.k8s.description", read.prose),
    ("description", read.prose),
    ("summary", read.prose),
    ("org.opencontainers.artifact.description", read.prose),
    ("io.buildpacks.base.description", read.prose),
)
_SUMMARY: Keys[str] = (("summary", read.prose),)
_VERSION: Keys[str] = (
    (f"{_OCI}version", read.short_text),
    (f"{_SCHEMA}version", read.short_text),
)
_PLAIN_VERSION: Keys[str] = (("version", read.short_text),)
_RELEASE: Keys[str] = (("release", read.short_text),)
_REVISION: Keys[str] = (
    (f"{_OCI}revision", read.short_text),
    (f"{_SCHEMA}vcs-ref", read.short_text),
    ("vcs-ref", read.short_text),
    ("io.openshift.build.commit.id", read.short_text),
)
_SOURCE: Keys[str] = (
    (f"{_OCI}source", read.url),
    (f"{_SCHEMA}vcs-url", read.url),
    ("vcs-url", read.url),
    ("io.openshift.build.source-location", read.url),
)
_URL: Keys[str] = (
    (f"{_OCI}url", read.url),
    (f"{_SCHEMA}url", read.url),
    ("url", read.url),
    ("io.buildpacks.base.homepage", read.url),
)
_DOCUMENTATION: Keys[str] = (
    (f"{_OCI}documentation", read.url),
    (f"{_SCHEMA}usage", read.url),
    (f"{_HUB}readme-url", read.url),
    ("usage", read.url),
)
_VENDOR: Keys[str] = (
    (f"{_OCI}vendor", read.short_text),
    (f"{_SCHEMA}vendor", read.short_text),
    ("vendor", read.short_text),
)
_AUTHORS: Keys[tuple[str, ...]] = (
    (f"{_OCI}authors", read.authors),
    (f"{_HUB}maintainers", read.maintainers),
    ("maintainer", read.authors),
    (CONFIG_AUTHOR, read.authors),
    ("io.buildpacks.base.maintainer", read.authors),
)
_LICENSES: Keys[tuple[str, ...]] = (
    (f"{_OCI}licenses", read.licenses),
    (f"{_HUB}license", read.licenses),
    (f"{_SCHEMA}license", read.licenses),
    ("license", read.licenses),
    ("com.redhat.license_terms", read.license_url),
)
_KEYWORDS: Keys[tuple[str, ...]] = (
    (f"{_HUB}keywords", read.comma_list),
    ("io.openshift.tags", read.comma_or_space_list),
    (f"{_SCHEMA}labels", read.comma_list),
    ("com.docker.extension.categories", read.comma_list),
    ("io.cnab.keywords", read.json_list),
)
_CATEGORY: Keys[str] = ((f"{_HUB}category", read.short_text),)
_BASE_NAME: Keys[str] = ((f"{_OCI}base.name", read.short_text),)
_BASE_DIGEST: Keys[str] = ((f"{_OCI}base.digest", read.digest),)
_COMPONENT: Keys[str] = (("com.redhat.component", read.short_text),)
_ICON: Keys[str] = (
    (f"{_HUB}logo-url", read.url),
    ("com.docker.desktop.extension.icon", read.url),
    ("io.goharbor.artifact.v1alpha1.icon", read.url),
)
_DEPRECATED: Keys[str] = ((f"{_HUB}deprecated", read.short_text),)
_PRERELEASE: Keys[str] = ((f"{_HUB}prerelease", read.short_text),)

_Inherited = Literal["vendor", "authors", "licenses", "url", "base_name", "base_digest"]
_INHERITED: Final[tuple[_Inherited, ...]] = get_args(_Inherited)
_LOOKS_LIKE_VERSION = re.compile(r"v?[0-9][0-9A-Za-z.+~_-]{0,63}")


class Described(TypedDict):
    """The fields of :class:`~indexer.extract.content.Facts` that annotations and labels fill."""

    title: str
    description: str
    summary: str
    version: str
    revision: str
    source: str
    url: str
    documentation: str
    vendor: str
    authors: tuple[str, ...]
    licenses: tuple[str, ...]
    keywords: tuple[str, ...]
    category: str
    base_name: str
    base_digest: str
    component: str
    icon: str
    deprecated: bool
    prerelease: bool


def own_labels(labels: Source, base_labels: Source) -> dict[str, str]:
    """Return the labels that do not only say again what the base says of itself."""
    return {key: value for key, value in labels.items() if base_labels.get(key) != value}


def described(
    annotations: Sequence[Source], config: ImageConfig, base_labels: Source
) -> tuple[Described, tuple[str, ...]]:
    """Return the described fields of an object, and which of them inherited labels fill.

    ``annotations`` are its sources before the labels of its ``config``, the strongest first. What
    an image has from its base may name its vendor, authors, licences and URL, if nothing else
    does: an organisation's own base image is right about those. What that was built on is a base
    of this image too.
    """
    labels = own_labels(config.labels, base_labels)
    labels[CONFIG_AUTHOR] = config.author
    inherited = {key: value for key, value in config.labels.items() if key not in labels}
    fields = _described([source for source in (*annotations, labels) if source], config)
    if not inherited:
        return fields, ()
    of_base = _described([inherited], ImageConfig())
    filled = tuple(key for key in _INHERITED if of_base[key] and not fields[key])
    return cast(Described, {**fields, **{key: of_base[key] for key in filled}}), filled


def _described(sources: Sequence[Source], config: ImageConfig) -> Described:
    title = _first(sources, _TITLE) or ""
    description = _first(sources, _DESCRIPTION) or ""
    component = _first(sources, _COMPONENT) or _component(config)
    return Described(
        title=title,
        description=description,
        summary=_first(sources, _SUMMARY) or read.first_sentence(description),
        version=_version(sources) or _environment_version(config, (component, title)),
        revision=_first(sources, _REVISION) or "",
        source=_first(sources, _SOURCE) or "",
        url=_first(sources, _URL) or "",
        documentation=_first(sources, _DOCUMENTATION) or "",
        vendor=_first(sources, _VENDOR) or "",
        authors=_first(sources, _AUTHORS) or (),
        licenses=_first(sources, _LICENSES) or (),
        keywords=_first(sources, _KEYWORDS) or (),
        category=_first(sources, _CATEGORY) or "",
        base_name=_first(sources, _BASE_NAME) or "",
        base_digest=_first(sources, _BASE_DIGEST) or "",
        component=component,
        icon=_first(sources, _ICON) or "",
        deprecated=read.is_true(_first(sources, _DEPRECATED) or ""),
        prerelease=read.is_true(_first(sources, _PRERELEASE) or ""),
    )


def _first(sources: Sequence[Source], keys: Keys[T]) -> T | None:
    for source in sources:
        for key, reader in keys:
            raw = source.get(key)
            if raw and (value := reader(raw)):
                return value
    return None


def _version(sources: Sequence[Source]) -> str:
    """Return the version; a plain ``version`` and ``release`` of one source belong together."""
    for source in sources:
        if found := _first([source], _VERSION):
            return found
        if plain := _first([source], _PLAIN_VERSION):
            release = _first([source], _RELEASE)
            return f"{plain}-{release}" if release else plain
    return ""


def _component(config: ImageConfig) -> str:
    return read.short_text(config.versions.get("BITNAMI_APP_NAME", ""))


def _environment_version(config: ImageConfig, names: Sequence[str]) -> str:
    """Return the version that the environment names, where it is clear whose version that is.

    ``APP_VERSION``, else the variable named like the component or title, else the only one: an
    image built on another carries the versions of both.
    """
    candidates = {
        name: value
        for name, value in config.versions.items()
        if name.endswith("_VERSION") and _LOOKS_LIKE_VERSION.fullmatch(value)
    }
    wanted = ["APP_VERSION", *(f"{re.sub(r'[^A-Z0-9]+', '_', n.upper())}_VERSION" for n in names)]
    for name in wanted:
        if name in candidates:
            return candidates[name]
    return next(iter(candidates.values())) if len(candidates) == 1 else ""
