"""The described fields: which keys fill them, in which order, from which source.

A source is the annotations or labels of one object. The first source that has any usable key of a
field fills it, and within a source the order of the keys below decides. A new key is a new line.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypedDict, TypeVar

from indexer.extract import text as read
from indexer.extract.image_config import ImageConfig
from indexer.extract.kind_fields import KindFields
from indexer.extract.licenses import license_expression, license_url, licenses

T = TypeVar("T")
Source = Mapping[str, str]
Keys = Sequence[tuple[str, Callable[[str], T]]]

_OCI: Final = "org.opencontainers.image."
_SCHEMA: Final = "org.label-schema."
_HUB: Final = "io.artifacthub.package."
NOTHING: Final = KindFields()
"""What has no metadata of its own says nothing there."""
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
    (f"{_OCI}licenses", licenses),
    (f"{_HUB}license", licenses),
    (f"{_SCHEMA}license", licenses),
    ("license", licenses),
    ("com.redhat.license_terms", license_url),
)
_EXPRESSION: Keys[str] = (
    *((key, license_expression) for key, reader in _LICENSES if reader is licenses),
    ("com.redhat.license_terms", read.url),
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
_DEPRECATED: Keys[str] = ((f"{_HUB}deprecated", read.short_text),)
_PRERELEASE: Keys[str] = ((f"{_HUB}prerelease", read.short_text),)

_TAG_VERSION = re.compile(r"v?[0-9]{1,10}(?:[._+-][0-9A-Za-z]{1,32}){0,8}", re.ASCII)
_LOOKS_LIKE_VERSION = re.compile(r"v?[0-9][0-9A-Za-z.+~_-]{0,63}")


class Described(TypedDict):
    """The fields of :class:`~indexer.extract.facts.Facts` that annotations and labels fill."""

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
    license_expression: str
    keywords: tuple[str, ...]
    category: str
    base_name: str
    base_digest: str
    component: str
    deprecated: bool
    prerelease: bool
    inherited_fields: tuple[str, ...]


def described(
    annotations: Sequence[Source],
    config: ImageConfig,
    *,
    own: KindFields = NOTHING,
    is_own_first: bool = True,
    base_labels: Source | None = None,
    tags: Sequence[str] = (),
) -> Described:
    """Return the described fields of an object.

    ``annotations`` are its sources before the labels of its ``config``, the strongest first.
    ``own`` is its own metadata, before all of these or after them. What ``base_labels`` has too
    was said of the base image: it fills vendor, authors, licences and URL if nothing else does, and
    no other field. ``tags`` may give the version if nothing else does, newest first.
    """
    labels, inherited = split_labels(config.labels, base_labels or {})
    labels[CONFIG_AUTHOR] = config.author
    sources = [source for source in (*annotations, labels) if source]
    fields = _Fields(sources, [inherited] if inherited else [], own, is_own_first=is_own_first)
    title = fields.text("title", _TITLE)
    description = fields.text("description", _DESCRIPTION)
    component = fields.text("component", _COMPONENT) or _component(config)
    licenses_found = fields.items("licenses", _LICENSES, falls_back=True)
    return Described(
        title=title,
        description=description,
        summary=fields.text("summary", _SUMMARY) or read.first_sentence(description),
        version=fields.version()
        or _environment_version(config, (component, title))
        or version_of_tags(tags),
        revision=fields.text("revision", _REVISION),
        source=fields.text("source", _SOURCE),
        url=fields.text("url", _URL, falls_back=True),
        documentation=fields.text("documentation", _DOCUMENTATION),
        vendor=fields.text("vendor", _VENDOR, falls_back=True),
        authors=fields.items("authors", _AUTHORS, falls_back=True),
        licenses=licenses_found,
        license_expression=fields.text("license_expression", _EXPRESSION, falls_back=True),
        keywords=fields.items("keywords", _KEYWORDS),
        category=fields.text("category", _CATEGORY),
        base_name=fields.text("base_name", _BASE_NAME),
        base_digest=fields.text("base_digest", _BASE_DIGEST),
        component=component,
        deprecated=fields.flag("deprecated", _DEPRECATED),
        prerelease=fields.flag("prerelease", _PRERELEASE),
        inherited_fields=tuple(sorted(fields.inherited - {"license_expression"})),
    )


def split_labels(labels: Source, base_labels: Source) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels that an image was given, and those that it has from its base.

    Inherited is what has both key and value of the base's.
    """
    own = {key: value for key, value in labels.items() if base_labels.get(key) != value}
    inherited = {key: value for key, value in labels.items() if key not in own}
    return own, inherited


def version_of_tags(tags: Sequence[str]) -> str:
    """Return the most exact version among tags, the first of equals; nothing where none is one."""
    versions = [tag for tag in tags if _TAG_VERSION.fullmatch(tag)]
    return max(versions, key=_exactness, default="")


def _exactness(tag: str) -> tuple[int, bool]:
    number = re.split(r"[-_+]", tag, maxsplit=1)
    return number[0].count("."), len(number) == 1


class _Fields:
    """Finds one field after the other in its sources; ``inherited`` is what only a base filled."""

    def __init__(
        self,
        sources: Sequence[Source],
        base: Sequence[Source],
        own: KindFields,
        *,
        is_own_first: bool,
    ) -> None:
        self._sources = sources
        self._base = base
        self._own = own
        self._is_own_first = is_own_first
        self.inherited: set[str] = set()

    def text(self, name: str, keys: Keys[str], *, falls_back: bool = False) -> str:
        return self._value(self._own.texts.get(name), name, keys, falls_back=falls_back) or ""

    def items(
        self, name: str, keys: Keys[tuple[str, ...]], *, falls_back: bool = False
    ) -> tuple[str, ...]:
        return self._value(self._own.lists.get(name), name, keys, falls_back=falls_back) or ()

    def flag(self, name: str, keys: Keys[str]) -> bool:
        is_set = read.is_true(_first(self._sources, keys) or "")
        return is_set or self._own.flags.get(name, False)

    def version(self) -> str:
        own = self._own.texts.get("version", "")
        found = _version(self._sources)
        return own or found if self._is_own_first else found or own

    def _value(self, own: T | None, name: str, keys: Keys[T], *, falls_back: bool) -> T | None:
        if own and self._is_own_first:
            return own
        if found := _first(self._sources, keys) or own:
            return found
        if falls_back and (found := _first(self._base, keys)):
            self.inherited.add(name)
            return found
        return None


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
