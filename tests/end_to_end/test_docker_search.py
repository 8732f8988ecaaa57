"""The corners of ``docker search`` and ``podman search``, with the real programs."""

import unicodedata

import pytest

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.docker_client import Docker
from tests.end_to_end.podman_client import Podman
from tests.end_to_end.sample_images import numbered_name
from tests.end_to_end.skopeo_client import Skopeo

REPOSITORIES = tuple(f"corner/{numbered_name(number)}" for number in range(6))
HEADER = "NAME"
# Cc: escape, bell, tab, line ends. Cf: marks that turn the direction of text around. The last
# two are how a line can end beside those.
FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Zl", "Zp"}


@pytest.fixture
def filled(shared: Deployment, skopeo: Skopeo) -> Deployment:
    """Give a running registry and service with seven repositories, one of them hostile."""
    if not shared.service.lists("evil/hostile"):
        for number, repository in enumerate(REPOSITORIES):
            skopeo.push(numbered_name(number), shared.registry, f"{repository}:1.0")
        skopeo.push("hostile", shared.registry, "evil/hostile:1.0")
        found = (f"repo:{name}" for name in (*REPOSITORIES, "evil/hostile"))
        shared.service.wait_until_found(*found)
    return shared


@pytest.fixture
def host(filled: Deployment) -> str:
    """Give the service's host and port, to be typed in front of a search term."""
    return filled.service.host


def test_an_empty_term_lists_every_repository(host: str, docker: Docker, podman: Podman) -> None:
    everything = {*REPOSITORIES, "evil/hostile"}
    assert {row.repository for row in docker.search(host, "")} == everything
    assert {row.name for row in podman.search(host, "")} == {
        f"{host}/{name}" for name in everything
    }


def test_the_limit_is_kept(host: str, docker: Docker, podman: Podman) -> None:
    assert len(docker.search(host, "corner", "--limit=3")) == 3
    assert len(podman.search(host, "corner", "--limit=3")) == 3


def test_docker_can_ask_with_the_query_language(host: str, docker: Docker) -> None:
    rows = docker.search(host, "label:number=4 arch:amd64")
    assert [row.repository for row in rows] == ["corner/numbered-04"]


def test_a_reference_pasted_with_its_tag_finds_the_repository(host: str, docker: Docker) -> None:
    rows = docker.search(host, "corner/numbered-03:1.0")
    assert [row.repository for row in rows] == ["corner/numbered-03"]


def test_dockers_own_filter_keeps_what_is_not_official(host: str, docker: Docker) -> None:
    kept = docker.search(host, "corner", "--filter=is-official=false")
    assert {row.repository for row in kept} == set(REPOSITORIES)
    assert not docker.search(host, "corner", "--filter=is-official=true")


def test_an_unknown_term_prints_an_empty_table(host: str, docker: Docker, podman: Podman) -> None:
    (header,) = docker.table(host, "nothing-is-called-so").splitlines()
    assert header.startswith(HEADER)
    assert not podman.search(host, "nothing-is-called-so")


@pytest.mark.parametrize("option", ["--no-trunc", "--limit=25"])
def test_a_hostile_description_is_printed_as_one_clean_line(
    host: str, docker: Docker, option: str
) -> None:
    header, row = docker.table(host, "hostile", option).splitlines()
    assert header.startswith(HEADER)
    assert "/evil/hostile " in row
    assert not {unicodedata.category(character) for character in row} & FORBIDDEN_CATEGORIES


def test_a_hostile_description_keeps_its_words(host: str, docker: Docker, podman: Podman) -> None:
    (by_docker,) = docker.search(host, "hostile")
    (by_podman,) = podman.search(host, "hostile")
    registry = by_docker.name.removesuffix("/evil/hostile")
    assert by_podman.description == f"[{registry}] {by_docker.description}"
    for word in ("first", "second", "third", "\u05e9\u05dc\u05d5\u05dd", "end"):
        assert word in by_docker.description.split(" ")


def test_what_docker_prints_can_be_pulled(filled: Deployment, docker: Docker) -> None:
    (row,) = docker.search(filled.service.host, "corner/numbered-03")
    docker.pull(f"{row.name}:1.0")


def test_who_pulls_from_the_search_reads_where_to_pull(filled: Deployment, docker: Docker) -> None:
    with pytest.raises(AssertionError) as refused:
        docker.pull(f"{filled.service.host}/corner/numbered-03:1.0")
    assert f"pull from {filled.registry.host}/corner/numbered-03" in str(refused.value)
