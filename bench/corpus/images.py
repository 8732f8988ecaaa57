"""Images and indexes of images, with configs of a realistic size.

JSON is composed of text, because that is ten times as fast as encoding it each time. Only texts of
words go through the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.corpus import words
from bench.corpus.attachments import attestation
from bench.corpus.dice import Dice
from bench.corpus.dockerfiles import CREATED, make_history
from bench.corpus.layers import Layers, is_built_on
from bench.corpus.made import Made, blob, compact, made
from bench.corpus.plan import Plan, PlatformName, Role
from bench.corpus.software import PROGRAMS
from bench.corpus.tags import choose_revision, choose_variant, choose_version
from indexer.clock import rfc3339
from indexer.model import media_types
from indexer.model.names import Digest

_OCI = "org.opencontainers.image."
_PACKAGES = tuple(program.name for program in PROGRAMS)
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DOCKER_TYPES = (
    (media_types.OCI_INDEX, media_types.DOCKER_LIST),
    (media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST),
    (media_types.OCI_CONFIG, media_types.DOCKER_CONFIG),
    ("application/vnd.oci.image.layer.v1.tar+gzip", media_types.DOCKER_LAYER),
)


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of a build, the same in the configs of all its platforms."""

    labels: dict[str, str]
    env: list[str]
    history: str


class Images:
    """All images of a corpus, each made when it is needed."""

    def __init__(self, plans: Sequence[Plan], *, builds_per_config: int) -> None:
        self._layers = Layers(plans, builds_per_config=builds_per_config)
        self._histories: dict[int, str] = {}
        self._settings_of_bases: dict[tuple[int, int], _Settings] = {}
        self._digests_of_bases: dict[tuple[int, int], Digest] = {}
        self._shares_configs = builds_per_config > 1

    def build(self, plan: Plan, build: int) -> Made:
        """Return the target of the tags of a build: an index, or the image of one platform."""
        source = self._layers.source(plan, build)
        settings = self._settings(plan, source)
        run = _run_settings(plan, settings, source)
        own = self._own_annotations(plan, build)
        images = [
            self._image(plan, source, platform, run=run, history=settings.history, own=own)
            for platform in plan.platforms
        ]
        return self._index(plan, build, images) if plan.is_index else images[0]

    def _image(
        self,
        plan: Plan,
        build: int,
        platform: PlatformName,
        *,
        run: str,
        history: str,
        own: str,
    ) -> Made:
        stack = self._layers.stack(plan, build, platform)
        variant = f',"variant":"{platform.variant}"' if platform.variant else ""
        version = f',"os.version":"{platform.os_version}"' if platform.os_version else ""
        config = blob(
            f'{{"architecture":"{platform.architecture}","os":"{platform.os}"{variant}{version},'
            f'"created":"{rfc3339(plan.built_at(build))}","config":{run},'
            f'"rootfs":{{"type":"layers","diff_ids":[{stack.diff_ids}]}},"history":[{history}]}}'
        )
        body = (
            f'{{"schemaVersion":2,"mediaType":"{media_types.OCI_MANIFEST}",'
            f'"config":{{"mediaType":"{media_types.OCI_CONFIG}","digest":"{config[0]}",'
            f'"size":{len(config[1])}}},"layers":[{stack.descriptors}]{own}}}'
        )
        return _typed(plan, media_types.OCI_MANIFEST, body, config=config)

    def _index(self, plan: Plan, build: int, images: list[Made]) -> Made:
        entries = [
            _platform_entry(image, platform)
            for image, platform in zip(images, plan.platforms, strict=True)
        ]
        attached: list[Made] = []
        if plan.is_attested:
            attached = [attestation(image.digest) for image in images]
            entries += map(_attestation_entry, attached, images)
        annotations = self._annotations(plan, build)
        noted = f',"annotations":{compact(annotations)}' if annotations else ""
        body = (
            f'{{"schemaVersion":2,"mediaType":"{media_types.OCI_INDEX}",'
            f'"manifests":[{",".join(entries)}]{noted}}}'
        )
        return _typed(plan, media_types.OCI_INDEX, body, children=(*images, *attached))

    def _settings(self, plan: Plan, build: int) -> _Settings:
        """Return labels, environment and history: those of the base, then its own."""
        key = (plan.number, build)
        if key in self._settings_of_bases:
            return self._settings_of_bases[key]
        base = self._layers.base(plan, build)
        below = self._settings(*base) if base else _Settings({}, [_PATH], "")
        if plan.number not in self._histories:
            self._histories[plan.number] = make_history(plan, _PACKAGES)
        own = self._histories[plan.number].replace(CREATED, rfc3339(plan.built_at(build)))
        settings = _Settings(
            below.labels | _labels(plan, build),
            below.env + _environment(plan, build),
            f"{below.history},{own}" if below.history else own,
        )
        if is_built_on(plan, build):
            self._settings_of_bases[key] = settings
        return settings

    def _own_annotations(self, plan: Plan, build: int) -> str:
        """Return the annotations that distinguish builds with one config, or the usual ones."""
        if plan.is_docker or not (
            self._shares_configs or (plan.is_annotated and not plan.is_index)
        ):
            return ""
        annotations = {
            f"{_OCI}created": rfc3339(plan.built_at(build)),
            f"{_OCI}revision": choose_revision(plan, build),
            f"{_OCI}version": choose_version(plan, build) + choose_variant(plan, build),
        }
        return f',"annotations":{compact(annotations)}'

    def _annotations(self, plan: Plan, build: int) -> dict[str, str]:
        """Return the annotations of an index; some declare their base."""
        if plan.is_docker or not (self._shares_configs or plan.is_annotated):
            return {}
        annotations = {
            **_described(plan, build),
            f"{_OCI}created": rfc3339(plan.built_at(build)),
            f"{_OCI}revision": choose_revision(plan, build),
        }
        base = self._layers.base(plan, build)
        if base:
            parent, number = base
            annotations[f"{_OCI}base.name"] = f"{parent.name}:{choose_version(parent, number)}"
            annotations[f"{_OCI}base.digest"] = self._find_base_digest(parent, number)
        return annotations

    def _find_base_digest(self, plan: Plan, build: int) -> Digest:
        key = (plan.number, build)
        if key not in self._digests_of_bases:
            self._digests_of_bases[key] = self.build(plan, build).digest
        return self._digests_of_bases[key]


def _typed(
    plan: Plan,
    media_type: str,
    body: str,
    *,
    config: tuple[Digest, bytes] | None = None,
    children: tuple[Made, ...] = (),
) -> Made:
    """Return OCI content as it is, or as the same Docker content."""
    if plan.is_docker:
        for oci, docker in _DOCKER_TYPES:
            body = body.replace(oci, docker)
            media_type = media_type.replace(oci, docker)
    config_type = media_types.DOCKER_CONFIG if plan.is_docker else media_types.OCI_CONFIG
    return made(media_type, body, config=config, children=children, config_type=config_type)


def _platform_entry(image: Made, platform: PlatformName) -> str:
    variant = f',"variant":"{platform.variant}"' if platform.variant else ""
    version = f',"os.version":"{platform.os_version}"' if platform.os_version else ""
    return (
        f'{{"mediaType":"{media_types.OCI_MANIFEST}","digest":"{image.digest}",'
        f'"size":{len(image.body)},"platform":{{"architecture":"{platform.architecture}",'
        f'"os":"{platform.os}"{variant}{version}}}}}'
    )


def _attestation_entry(attached: Made, image: Made) -> str:
    return (
        f'{{"mediaType":"{media_types.OCI_MANIFEST}","digest":"{attached.digest}",'
        f'"size":{len(attached.body)},"annotations":{{"vnd.docker.reference.digest":'
        f'"{image.digest}","vnd.docker.reference.type":"attestation-manifest"}},'
        '"platform":{"architecture":"unknown","os":"unknown"}}'
    )


def _described(plan: Plan, build: int) -> dict[str, str]:
    return {
        f"{_OCI}title": plan.title,
        f"{_OCI}description": plan.description,
        f"{_OCI}version": choose_version(plan, build) + choose_variant(plan, build),
        f"{_OCI}licenses": plan.license,
        f"{_OCI}vendor": plan.vendor,
        f"{_OCI}source": f"https://git.example.com/{plan.name}",
        f"{_OCI}url": f"https://docs.example.com/{plan.name}",
    }


def _labels(plan: Plan, build: int) -> dict[str, str]:
    """Return the labels that a build adds: in the spelling of its time and team, or hardly any."""
    dice = Dice(plan.key, "labels")
    way = dice.fraction()
    if way < 0.15:
        return {"maintainer": f"{dice.choose(words.PEOPLE)}@example.com"}
    created = rfc3339(plan.built_at(build))
    if way < 0.3:
        return {
            "org.label-schema.schema-version": "1.0",
            "org.label-schema.name": plan.title,
            "org.label-schema.description": plan.description,
            "org.label-schema.version": choose_version(plan, build),
            "org.label-schema.vcs-ref": choose_revision(plan, build)[:8],
            "org.label-schema.vcs-url": f"https://git.example.com/{plan.name}.git",
            "org.label-schema.build-date": created,
        }
    labels = {
        **_described(plan, build),
        f"{_OCI}created": created,
        f"{_OCI}revision": choose_revision(plan, build),
    }
    if plan.role is Role.LEAF:
        labels["team"] = plan.name.partition("/")[0]
        labels["com.example.tier"] = dice.choose(("frontend", "backend", "batch", "tooling"))
        labels["com.example.cost-centre"] = str(dice.between(4_000, 4_099))
        labels["com.example.pipeline"] = f"https://ci.example.com/{plan.name}/{plan.builds - build}"
        labels["maintainer"] = f"{dice.choose(words.PEOPLE)}@example.com"
    return labels


def _environment(plan: Plan, build: int) -> list[str]:
    dice = Dice(plan.key, "environment")
    name = plan.title.upper().replace(" ", "_")
    own = [
        f"{name}_VERSION={choose_version(plan, build)}",
        f"{name}_HOME=/opt/{plan.title.lower()}",
    ]
    if plan.role is Role.LEAF:
        own += [f"APP_ENV={dice.choose(('production', 'staging'))}", f"HTTP_PORT={plan.port}"]
        own += ["LOG_LEVEL=info", "DATABASE_PASSWORD_FILE=/run/secrets/database"][: dice.below(3)]
    return own


def _run_settings(plan: Plan, settings: _Settings, build: int) -> str:
    """Return the ``config`` of a config."""
    dice = Dice(plan.key, "run")
    program = plan.title.lower().replace(" ", "-")
    run: dict[str, object] = {
        "Env": settings.env,
        "Cmd": ["--config", f"/etc/{program}/{program}.yaml"],
        "Labels": settings.labels,
        "WorkingDir": dice.choose(("/app", f"/opt/{program}", "")),
    }
    if plan.role is Role.BASE:
        return compact(run | {"Cmd": ["/bin/sh"]})
    run["Entrypoint"] = [f"/usr/local/bin/{program}"]
    if plan.port:
        run["ExposedPorts"] = {f"{plan.port}/tcp": {}, "9100/tcp": {}}
    if dice.chance(0.4):
        run["Volumes"] = {f"/var/lib/{program}": {}}
    if dice.chance(0.6):
        run["User"] = dice.choose(("1000:1000", "nobody", "65532", "app"))
    return compact(run)
