"""Plan a corpus: its repositories, their bases, and the size of each."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.corpus import words
from bench.corpus.artifacts import KINDS
from bench.corpus.attachments import manifests_attached
from bench.corpus.dice import Dice, spread
from bench.corpus.names import Names, described, title
from bench.corpus.plan import PLATFORMS, WINDOWS, Attached, Plan, Role, Style
from bench.corpus.sizes import ARTIFACT_SHARE, PLATFORMS_PER_INDEX, TAGS_PER_DIGEST, Size
from bench.corpus.skew import Fitted, boundary, fit
from bench.corpus.software import PROGRAMS, RUNTIMES, SYSTEMS, WINDOWS_SERVER
from indexer.model.names import RepositoryName

SINGLE_SHARE = 0.05
"""The share of image builds with one platform."""
COSIGN_SHARE = 0.10
REFERRERS_SHARE = 0.05
_DOCKER_SHARE = 0.15
_LARGE_SHARE = 0.03
"""The largest repositories, which pipelines fill."""
_LAYERS_MAX = 120
_GENERATIONS = (Role.BASE, Role.MIDDLE, Role.LEAF)


@dataclass(frozen=True, slots=True)
class Planned:
    """All repositories of a corpus, and the spread of their tags."""

    repositories: tuple[Plan, ...]
    fitted: Fitted


def plan_corpus(size: Size, seed: str) -> Planned:
    """Return the repositories of a corpus; parents come before their children."""
    fitted = fit(size.skew, number=size.repositories, total=size.tags)
    dice = Dice(seed, size.name, "plan")
    roles = _roles(size.repositories)
    counts, large = _assigned(fitted.counts, roles, dice)
    builds = _builds(counts)
    leaves = [n for n, role in enumerate(roles) if role is Role.LEAF and n not in large]
    for number in _up_to(ARTIFACT_SHARE * sum(builds), dice.shuffled(leaves), builds):
        roles[number] = Role.ARTIFACT
    names = Names(Dice(seed, size.name, "names"))
    plans = [
        _repository(
            f"{seed}/{size.name}/{number}",
            number,
            role=role,
            names=names,
            counts=(counts[number], builds[number]),
            is_large=number in large,
            is_windows=number == _windows(roles),
            of_all=size.repositories,
        )
        for number, role in enumerate(roles)
    ]
    _build_on(plans, size)
    _choose_platforms(plans, dice)
    _attach(plans, size, dice)
    return Planned(tuple(plans), fitted)


def _roles(number: int) -> list[Role]:
    bases = min(max(number // 30, 4), 36)
    middles = min(max(number // 12, 4), 160)
    leaves = number - bases - middles
    return [Role.BASE] * bases + [Role.MIDDLE] * middles + [Role.LEAF] * leaves


def _windows(roles: Sequence[Role]) -> int:
    """Return the number of the base that is Windows: the last, on which little is built."""
    return roles.count(Role.BASE) - 1


def _assigned(
    counts: Sequence[int], roles: Sequence[Role], dice: Dice
) -> tuple[list[int], set[int]]:
    """Return the tags of each repository, and which leaves are the large ones."""
    leaves = [number for number, role in enumerate(roles) if role is Role.LEAF]
    large = dice.some(leaves, math.ceil(len(counts) * _LARGE_SHARE))
    others = dice.shuffled(sorted(set(range(len(counts))) - set(large)))
    order = [*others, *large]
    assigned = dict(zip(order, counts, strict=True))
    # The large leaves get the largest numbers; all others in any order.
    mixed = dice.shuffled(counts[: len(others)])
    assigned.update(zip(others, mixed, strict=True))
    return [assigned[number] for number in range(len(counts))], set(large)


def _builds(counts: Sequence[int]) -> list[int]:
    """Return the number of tagged digests in each repository."""

    def builds(ratio: float) -> list[int]:
        return [min(count, max(1, round(count / ratio))) for count in counts]

    total = sum(counts)
    ratio = boundary(lambda ratio: total / sum(builds(ratio)) > TAGS_PER_DIGEST, 1.0, 1_000.0)
    return builds(ratio)


def _up_to(wanted: float, order: Sequence[int], weights: Sequence[int]) -> Iterator[int]:
    """Yield those of ``order`` that together weigh about as much as is wanted."""
    left = wanted
    for number in order:
        if weights[number] <= left + 1:
            left -= weights[number]
            yield number
        if left <= 0:
            return


def _repository(
    key: str,
    number: int,
    *,
    role: Role,
    names: Names,
    counts: tuple[int, int],
    is_large: bool,
    is_windows: bool,
    of_all: int,
) -> Plan:
    dice = Dice(key)
    tags, builds = counts
    software, kind = None, dice.below(len(KINDS))
    if is_windows:
        software = WINDOWS_SERVER
        name = names.name_software(software, ("windows",))
    elif role is Role.BASE:
        software = SYSTEMS[number % len(SYSTEMS)]
        name = names.name_software(software, ("library", "base", "platform/base", ""))
    elif role is Role.MIDDLE:
        software = RUNTIMES[number % len(RUNTIMES)]
        name = names.name_software(software, ("library", "runtime", "mirror/library", "platform"))
    elif role is Role.ARTIFACT:
        name = names.name_artifact(KINDS[kind].folder)
    elif not is_large and dice.chance(max(0.12, 30 / of_all)):
        software = dice.favour(PROGRAMS)
        name = names.name_software(software, ("library", "mirror/library", "bitnami", "charts", ""))
    else:
        name = names.name_application()
    style = dice.choose((Style.RELEASES, Style.RELEASES, Style.PIPELINES, Style.DAYS))
    if is_large:
        style = Style.PIPELINES
    elif software is not None or role is Role.ARTIFACT:
        style = Style.RELEASES
    return Plan(
        key=key,
        number=number,
        name=RepositoryName(name),
        role=role,
        tags=tags,
        builds=builds,
        style=style,
        title=title(name),
        description=described(dice, software),
        vendor=dice.favour(words.COMPANIES),
        license=software.license if software else dice.favour(words.LICENSES),
        port=software.port if software else 8_000 + dice.below(1_000),
        variants=dice.between(2, 6) if software and builds > 1 else 1,
        offset=dice.below(40),
        is_docker=role is not Role.ARTIFACT and dice.chance(_DOCKER_SHARE),
        is_annotated=dice.chance(0.4),
        kind=kind,
    )


def _build_on(plans: list[Plan], size: Size) -> None:
    """Give each image its base, and layers so that those of all images are spread as wanted.

    The largest repository has the median number.
    """
    bases = [plan.number for plan in plans if plan.role is Role.BASE]
    middles = [plan.number for plan in plans if plan.role is Role.MIDDLE]
    totals: dict[int, int] = {}
    for number in (*bases, *middles):
        dice = Dice(plans[number].key, "layers")
        parent = None if number in bases else dice.favour(bases[:-1])
        own = dice.between(1, 2) if parent is None else dice.between(2, 4)
        totals[number] = own + (totals[parent] if parent is not None else 0)
        plans[number] = replace(plans[number], own_layers=own, parent=parent)
    leaves = [plan for plan in plans if plan.role is Role.LEAF]
    total, before = sum(plan.builds for plan in leaves), 0
    for plan in _largest_in_the_middle(leaves):
        dice = Dice(plan.key, "layers")
        fraction = (before + plan.builds / 2) / total
        before += plan.builds
        wanted = min(_LAYERS_MAX, max(1, round(spread(fraction, *size.layers))))
        parent = dice.favour(bases if wanted <= 5 else middles)
        if wanted <= 2:
            parent = None
        own = max(1, wanted - (totals[parent] if parent is not None else 0))
        plans[plan.number] = replace(plan, own_layers=own, parent=parent)


def _largest_in_the_middle(plans: Sequence[Plan]) -> list[Plan]:
    """Return repositories in random order, with the largest in the middle."""
    mixed = Dice(plans[0].key, "order").shuffled(plans)
    largest = max(mixed, key=lambda plan: plan.builds)
    mixed.remove(largest)
    half = len(mixed) // 2
    return [*mixed[:half], largest, *mixed[half:]]


def _choose_platforms(plans: list[Plan], dice: Dice) -> None:
    """Give each image its platforms, never more than its base has, and the wanted mean."""
    windows = _windows([plan.role for plan in plans])
    images = [plan for plan in plans if plan.role is not Role.ARTIFACT]
    leaves = [plan.number for plan in images if plan.role is Role.LEAF]
    weights = [plan.builds for plan in plans]
    singles = set(
        _up_to(SINGLE_SHARE * sum(plan.builds for plan in images), dice.shuffled(leaves), weights)
    )
    indexes = children = 0
    for plan in sorted(images, key=lambda plan: (_GENERATIONS.index(plan.role), -plan.builds)):
        offered = PLATFORMS if plan.parent is None else plans[plan.parent].platforms
        if plan.number == windows:
            offered = WINDOWS
        if plan.number in singles:
            wanted = 1
        elif plan.role is not Role.LEAF:
            wanted = 7 if plan.role is Role.BASE else 6
        elif children > PLATFORMS_PER_INDEX * indexes:
            wanted = dice.between(2, 3)
        else:
            wanted = dice.choose((4, 4, 5, 6, 8))
        plans[plan.number] = replace(plans[plan.number], platforms=offered[:wanted])
        if plans[plan.number].is_index:
            indexes += plan.builds
            children += plan.builds * len(plans[plan.number].platforms)


def _attach(plans: list[Plan], size: Size, dice: Dice) -> None:
    """Choose the signed repositories, and the attested ones that make up the wanted number."""
    weights = [plan.builds for plan in plans]
    order = dice.shuffled([p.number for p in plans if p.role is Role.LEAF and not p.is_docker])
    for attached, share in (
        (Attached.COSIGN, COSIGN_SHARE),
        (Attached.REFERRERS, REFERRERS_SHARE),
    ):
        chosen = list(_up_to(share * sum(weights), order, weights))
        order = [number for number in order if number not in set(chosen)]
        for number in chosen:
            plans[number] = replace(plans[number], attached=attached)
    made = sum(plan.builds * _count_build_manifests(plan) for plan in plans)
    can_be = [plan for plan in plans if plan.is_index and not plan.is_docker]
    added = {plan.number: plan.builds * len(plan.platforms) for plan in can_be}
    wanted = math.inf if size.attested_all else size.manifests - made
    numbers = dice.shuffled(sorted(added))
    for number in _up_to(wanted, numbers, [added.get(plan.number, 0) for plan in plans]):
        plans[number] = replace(plans[number], is_attested=True)


def _count_build_manifests(plan: Plan) -> int:
    children = len(plan.platforms) if plan.is_index else 0
    return 1 + children + manifests_attached(plan.attached)
