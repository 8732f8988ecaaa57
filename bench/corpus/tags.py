"""Tags as people and pipelines write them: several for each build, the newest builds with most."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from bench.corpus.dice import Dice, derive_hex
from bench.corpus.plan import Plan, Style

_VARIANTS = ("", "-alpine", "-slim", "-bookworm", "-jammy", "-debug", "-ubi9", "-fpm")
_BRANCHES = ("main", "develop", "release", "hotfix", "feature-login", "dark-mode", "renovate_deps")
_STAGES = ("stable", "edge", "qa", "staging", "prod", "canary", "RC", "lts", "preview")
_NEWEST = 3
"""Builds that have more tags than others."""


def tag_builds(plan: Plan) -> list[list[str]]:
    """Return the tags of each build of a repository, newest build first; no tag twice."""
    used: set[str] = set()
    result: list[list[str]] = []
    for build, number in enumerate(_numbers(plan)):
        tags: list[str] = []
        for tag in _CANDIDATES[plan.style](plan, build):
            if tag not in used:
                used.add(tag)
                tags.append(tag)
                if len(tags) == number:
                    break
        result.append(tags)
    return result


def choose_version(plan: Plan, build: int) -> str:
    """Return the version of a build; builds of one version are its variants."""
    turn = (plan.builds - 1 - build) // plan.variants + plan.offset
    return f"{1 + turn // 60}.{turn // 6 % 10}.{turn % 6}"


def choose_variant(plan: Plan, build: int) -> str:
    """Return the ending of the tags of a build, such as ``-alpine``."""
    return _VARIANTS[build % plan.variants]


def choose_revision(plan: Plan, build: int) -> str:
    """Return the commit of a build."""
    return derive_hex(plan.key, build, "revision")[:40]


def _numbers(plan: Plan) -> list[int]:
    """Return the number of tags of each build: one at least."""
    dice = Dice(plan.key, "tags")
    weights = [dice.fraction() ** 2 + 2.0 * (build < _NEWEST) for build in range(plan.builds)]
    total, extra = sum(weights), plan.tags - plan.builds
    numbers = [1 + int(extra * weight / total) for weight in weights]
    for build in range(plan.tags - sum(numbers)):
        numbers[build] += 1
    return numbers


def _tag_releases(plan: Plan, build: int) -> Iterator[str]:
    version, variant = choose_version(plan, build), choose_variant(plan, build)
    prefix = "v" if plan.offset % 5 == 0 else ""
    major, minor, _ = version.split(".")
    yield f"{prefix}{version}{variant}"
    yield "latest" if not variant else variant[1:]
    yield f"{prefix}{major}.{minor}{variant}"
    yield f"{prefix}{major}{variant}"
    day = plan.built_at(build)
    yield f"{prefix}{version}{variant}-{day:%Y%m%d}"
    yield f"{_STAGES[build % len(_STAGES)]}{variant}"
    yield f"{prefix}{version}{variant}-{choose_revision(plan, build)[:7]}"
    yield from (f"{prefix}{version}{variant or '-debian'}-r{number}" for number in count())


def _tag_pipelines(plan: Plan, build: int) -> Iterator[str]:
    revision = choose_revision(plan, build)
    branch = _BRANCHES[int(revision[:4], 16) % len(_BRANCHES)]
    number = 1_000 + (plan.builds - build) * 7 + plan.offset
    yield revision[:8]
    yield "latest"
    yield f"{branch}-{revision[:8]}"
    yield branch
    yield f"build-{number}"
    yield f"mr-{number % 997 + 1}"
    yield f"sha-{revision}"
    yield f"{branch}_{number}"
    yield from (f"pipeline-{number}.{job}" for job in count(1))


def _tag_days(plan: Plan, build: int) -> Iterator[str]:
    day = plan.built_at(build)
    yield f"{day:%Y-%m-%d}"
    yield "nightly"
    yield f"nightly-{day:%Y%m%d}"
    yield f"RELEASE.{day:%Y-%m-%dT%H-%M-%SZ}"
    yield f"{day:%Y.%m}"
    yield f"{day.isocalendar().year}-W{day.isocalendar().week:02}"
    later = (day + timedelta(minutes=number) for number in count(1))
    yield from (f"{moment:%Y%m%d.%H%M}" for moment in later)


_CANDIDATES = {
    Style.RELEASES: _tag_releases,
    Style.PIPELINES: _tag_pipelines,
    Style.DAYS: _tag_days,
}
