"""A proxy that answers a registry's lists itself, and empty, takes nothing out of the search."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.builders import image
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.nginx import Nginx
from tests.end_to_end.service import Service
from tests.programs import NeedsProgram
from tests.push import Push, push, push_many

COUNT = 6
TAGS = ("1.0", "latest")
PUSHES = [
    Push(f"proxied/app-{number}", image(seed=f"proxied {number}", layers=1), tag)
    for number in range(COUNT)
    for tag in TAGS
]
REPOSITORIES = sorted({each.repository for each in PUSHES})
EMPTY_CATALOG = {"/v2/_catalog": '{"repositories":[]}'}
NULL_CATALOG = {"/v2/_catalog": '{"repositories":null}'}
# Distribution 2.8 says null of a repository without tags, 3 says [].
EMPTY_TAG_LISTS = {
    f"/v2/{repository}/tags/list": f'{{"name":"{repository}","tags":{("[]", "null")[number % 2]}}}'
    for number, repository in enumerate(REPOSITORIES)
}


@pytest.fixture
def nginx(deployment: Deployment, needs_program: NeedsProgram, tmp_path: Path) -> Iterator[Nginx]:
    """Give the proxy through which the deployment's service has read all of its registry."""
    program = needs_program("nginx")
    service, registry = deployment.service, deployment.registry
    registry.start()
    push_many(registry.url, PUSHES)
    with Nginx(tmp_path, program=program, registry=registry.url) as proxy:
        proxy.start({})
        service.configure(REGSEARCH_REGISTRY=proxy.url)
        service.start()
        _backfill_well(service)
        yield proxy


@pytest.mark.parametrize(
    ("answers", "unlisted"),
    [
        pytest.param(EMPTY_CATALOG, COUNT, id="empty-catalog", marks=pytest.mark.thorough),
        pytest.param(NULL_CATALOG, COUNT, id="null-catalog", marks=pytest.mark.thorough),
        pytest.param(EMPTY_TAG_LISTS, 0, id="empty-tag-lists", marks=pytest.mark.thorough),
        pytest.param({**EMPTY_CATALOG, **EMPTY_TAG_LISTS}, COUNT, id="everything-empty"),
    ],
)
def test_a_crawl_through_a_proxy_with_empty_lists_removes_nothing_and_says_what_it_doubts(
    nginx: Nginx, deployment: Deployment, answers: Mapping[str, str], unlisted: int
) -> None:
    service, registry = deployment.service, deployment.registry
    nginx.start(answers)
    ended = service.command("backfill")
    assert ended.returncode == 0, ended.stderr
    _expect_everything(service)
    assert service.status()["crawl"]["unlisted"] == unlisted
    assert service.freshness().held_back == 0
    is_told = unlisted > 0
    left_out = f"the catalog left out {unlisted} "
    assert (f"note: registry default: {left_out}" in ended.stderr) is is_told
    assert (left_out in service.command("status").stdout) is is_told
    assert (_warning(unlisted) in service.log_text()) is is_told
    push(registry.url, "proxied/since", image(seed="since", layers=1), "1.0")
    service.wait_until_found("repo:proxied/since tag:1.0")
    nginx.start({})
    _backfill_well(service)


def _backfill_well(service: Service) -> None:
    """Read everything, with nothing to doubt."""
    ended = service.command("backfill")
    assert ended.returncode == 0, ended.stderr
    assert "left out" not in ended.stderr
    assert service.status()["crawl"]["unlisted"] == 0
    _expect_everything(service)


def _expect_everything(service: Service) -> None:
    found = {
        (each.repository, each.digest, tag)
        for each in service.everything("repo:proxied/app-*")
        for tag in each.tags
    }
    assert found == {(each.repository, each.built.digest, each.tag) for each in PUSHES}
    assert {row.repository for row in service.docker_rows("app")} == set(REPOSITORIES)


def _warning(unlisted: int) -> str:
    return f"event=catalog_not_believed registry=default known={COUNT} unlisted={unlisted}"
