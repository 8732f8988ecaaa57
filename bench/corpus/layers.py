"""The layers of images: those of the base first, and most of its own as in the build before.

Layers have digests and sizes but no content, because the indexer never reads it. The layers of
bases are kept, because all other images are built on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.corpus.dice import derive_hex, spread
from bench.corpus.plan import Plan, PlatformName, Role
from indexer.model.names import Digest

_PARENTS_MAX = 12
"""Other images are built on the newest builds of a base."""
_BUILDS_ON_ONE = 4
"""Builds after one another that take the same build of their base."""
_KEPT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its compressed and uncompressed digest, and its entry in a manifest."""

    diff_id: str
    digest: Digest
    size_bytes: int

    def descriptor(self) -> str:
        """Return the entry of an OCI manifest."""
        return (
            '{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",'
            f'"digest":"{self.digest}","size":{self.size_bytes}}}'
        )


@dataclass(frozen=True, slots=True)
class Stack:
    """All layers of an image, base first, as JSON lists without their brackets."""

    diff_ids: str
    descriptors: str
    count: int


EMPTY_STACK = Stack("", "", 0)


class Layers:
    """The layers of all images of a corpus."""

    def __init__(self, plans: Sequence[Plan], *, builds_per_config: int) -> None:
        self._plans = plans
        self._builds_per_config = builds_per_config
        self._layers: dict[tuple[int, int, int, PlatformName], tuple[str, str]] = {}
        self._stacks: dict[tuple[int, int, PlatformName], Stack] = {}

    def source(self, plan: Plan, build: int) -> int:
        """Return the build whose layers and config a build has; most often itself."""
        return build if plan.is_docker else build - build % self._builds_per_config

    def base(self, plan: Plan, build: int) -> tuple[Plan, int] | None:
        """Return the base of a build: a repository and a build of it."""
        if plan.parent is None:
            return None
        parent = self._plans[plan.parent]
        turn = self.source(plan, build) // _BUILDS_ON_ONE + plan.offset
        return parent, self.source(parent, turn % min(parent.builds, _PARENTS_MAX))

    def stack(self, plan: Plan, build: int, platform: PlatformName) -> Stack:
        """Return the layers of one image."""
        build = self.source(plan, build)
        key = (plan.number, build, platform)
        if key in self._stacks:
            return self._stacks[key]
        base = self.base(plan, build)
        below = self.stack(*base, platform) if base else EMPTY_STACK
        own = [self._own(plan, n, build, platform) for n in range(plan.own_layers)]
        stack = Stack(
            _joined(below.diff_ids, [diff_id for diff_id, _ in own]),
            _joined(below.descriptors, [descriptor for _, descriptor in own]),
            below.count + len(own),
        )
        if is_built_on(plan, build):
            self._stacks[key] = stack
        return stack

    def _own(self, plan: Plan, number: int, build: int, platform: PlatformName) -> tuple[str, str]:
        """Return an own layer as JSON: the first ones change rarely, the last with each build."""
        changes_after = min(64, 4 ** min(3, plan.own_layers - 1 - number))
        since = build // changes_after
        key = (plan.number, number, since, platform)
        known = self._layers.get(key)
        if known is None:
            if len(self._layers) >= _KEPT_MAX:
                self._layers.clear()
            layer = make_layer(plan.key, number, since, *_words(platform))
            known = self._layers[key] = f'"{layer.diff_id}"', layer.descriptor()
        return known


def is_built_on(plan: Plan, build: int) -> bool:
    """Tell whether a build can be the base of others, so its layers are kept."""
    return plan.role in (Role.BASE, Role.MIDDLE) and build < _PARENTS_MAX


def make_layer(*key: object) -> Layer:
    """Return the layer that follows from a key; half of them are smaller than 1.4 MB."""
    plain = derive_hex(*key, "layer")
    compressed = derive_hex(plain)
    size_bytes = round(spread(int(plain[:8], 16) / 2**32, 1_400_000, 40_000_000))
    return Layer(f"sha256:{plain}", Digest(f"sha256:{compressed}"), size_bytes)


def _words(platform: PlatformName) -> tuple[str, ...]:
    return platform.os, platform.architecture, platform.variant, platform.os_version


def _joined(below: str, own: Sequence[str]) -> str:
    return ",".join((below, *own) if below else own)
