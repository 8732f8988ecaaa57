"""Every recorded action of real clients, by its name: what of it is kept, what becomes due, and
what is found then.

Each version is played once from its first action to its last, for every action stands on those
before it; the cases look at what came of theirs.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.captured_actions import ACTIONS, USERS_AND_REFERENCES, Expected
from tests.captures import (
    KEPT,
    VERSIONS,
    Outcome,
    found_tags,
    read_captures,
    replay,
    replaying,
)

ALL = [
    pytest.param(version, expected.of(version), id=f"{version}/{expected.name}")
    for version in VERSIONS
    for expected in (*ACTIONS, *USERS_AND_REFERENCES)
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Outcome]]]:
    """Give the effect of every action, by version and name."""

    async def play_all() -> dict[str, dict[str, Outcome]]:
        found: dict[str, dict[str, Outcome]] = {}
        for version in VERSIONS:
            found[version] = {}
            for history in (ACTIONS, USERS_AND_REFERENCES):
                folder = tmp_path_factory.mktemp("replay")
                steps = [expected.of(version).step for expected in history]
                found[version] |= await replay(folder, version, steps)
        return found

    with asyncio.Runner() as runner:
        yield runner.run(play_all())


@pytest.mark.parametrize(("version", "expected"), ALL)
def test_recorded_action(
    version: str, expected: Expected, outcomes: dict[str, dict[str, Outcome]]
) -> None:
    outcome, before = outcomes[version][expected.name], _before(version, expected, outcomes)
    statuses = {status for status, _ in outcome.answers}
    counts = {
        key: sum(each[key] for _, each in outcome.answers)
        for key in ("accepted", "dropped", "rejected")
    }
    due = expected.due.split()
    assert statuses <= {202}
    assert counts == {"accepted": len(due), "dropped": expected.dropped, "rejected": 0}
    assert outcome.due == set(due)
    assert bool(outcome.reads) == bool(due), "only what is due is read"
    changed = found_tags(expected.found)
    for repository in {name for _, name, _ in (*outcome.searchable, *before)} | changed.keys():
        as_before = {tag: at for (_, name, tag), at in before.items() if name == repository}
        assert outcome.tags_of(repository) == changed.get(repository, as_before), repository
    assert outcome.searchable == outcome.truth


def _before(
    version: str, expected: Expected, outcomes: dict[str, dict[str, Outcome]]
) -> dict[tuple[str, str, str], str]:
    """Return the search results before an action."""
    history = ACTIONS if expected.name in {each.name for each in ACTIONS} else USERS_AND_REFERENCES
    names = [each.name for each in history]
    position = names.index(expected.name)
    return outcomes[version][names[position - 1]].searchable if position else {}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(*param.values, id=str(param.id))
        for param in ALL
        if isinstance(param.values[1], Expected) and param.values[1].asks
    ],
)
def test_what_no_event_tells_of_is_answered_by_the_fake_registry_as_it_was_recorded(
    version: str, expected: Expected, outcomes: dict[str, dict[str, Outcome]]
) -> None:
    """Or its state would not be the one that the action left."""
    outcome = outcomes[version][expected.name]
    captured = read_captures(version)[1][expected.name]
    assert outcome.client_answered == captured.answered
    assert outcome.client_caused == len(captured.bodies) == len(expected.due.split())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_action_has_a_case(version: str) -> None:
    _, captured = read_captures(version)
    assert list(captured) == [each.name for each in (*ACTIONS, *USERS_AND_REFERENCES)]
    assert (
        sum(len(each.bodies) for each in captured.values()) == {"2.8.3": 231, "3.1.1": 226}[version]
    )
    for each in captured.values():
        assert all(len(body["events"]) == 1 for body in each.bodies)
        assert (each.answered is None) or not each.bodies or each.name.startswith("53")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_images_that_were_kept_are_found_with_what_they_say(
    version: str, outcomes: dict[str, dict[str, Outcome]]
) -> None:
    first = outcomes[version]["01-skopeo-push-oci"].images["team/webapp:1.0"]
    moved = outcomes[version]["04-skopeo-repush-tag-new-content"].images["team/webapp:1.0"]
    multi = outcomes[version]["07-skopeo-push-index"].images["team/multi:1.0"]
    scratchy = outcomes[version]["61-skopeo-push-after-delete"].images["scratchy:latest"]
    assert first["description"] == "webapp: demo service for search tests"
    assert first["digest"] == KEPT["webapp-1.0"].digest
    assert first["annotations"] == {"org.opencontainers.image.version": "1.0"}
    assert moved["digest"] == KEPT["webapp-2.0"].digest
    assert moved["annotations"] == {"org.opencontainers.image.version": "2.0"}
    assert multi["platforms"] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert multi["description"] == "multi-platform demo"
    assert (scratchy["platforms"], scratchy["labels"]) == (["linux/amd64"], {})


@pytest.mark.anyio
@pytest.mark.parametrize("version", VERSIONS)
async def test_who_pushed_is_kept_in_the_history_of_tags(
    version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("users")
    steps = [expected.of(version).step for expected in USERS_AND_REFERENCES]
    async with replaying(folder, version, steps[0].name) as played:
        for step in steps:
            await played.play(step)
        moves = {
            (repository, tag): actor
            for repository, tag, _, actor in played.stepping.moves()
            if not tag.startswith("sha256-")
        }
    assert moves == {("team/webapp", "1.0"): "alice", ("team/multi", "1.0"): "bob"}
