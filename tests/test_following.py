"""Who follows the changes ends with the tags of the store, however often it is killed."""

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from search_api.web import make_web
from tests.builders import image
from tests.fakes.serving import serving
from tests.follower import Copy
from tests.indexer.stepping import Stepping, deleted, make_settings, pushed
from tests.series import series

pytestmark = pytest.mark.anyio

IMAGES = [image(seed=seed, layers=1) for seed in "abcd"]
REPOSITORIES = ("web", "team/api", "old")
TAGS = ("1", "2", "latest")
CATCH_UP_SECONDS = 30


async def change_something(stepping: Stepping, chance: random.Random) -> None:
    """Push, move or delete a tag, and have it read again."""
    repository, tag = chance.choice(REPOSITORIES), chance.choice(TAGS)
    held = stepping.registry.content.repositories.get(repository)
    if held and tag in held.tags and chance.random() < 0.4:
        stepping.registry.delete_tag(repository, tag)
        stepping.deliver(deleted(repository, tag=tag))
    else:
        built = chance.choice(IMAGES)
        stepping.registry.put(repository, built, tag=tag)
        stepping.deliver(pushed(repository, built.digest, tag=tag))
    await stepping.settle()


@pytest.mark.parametrize("kills", series((12, 50), short=1))
async def test_a_follower_that_is_killed_and_resumed_has_the_tags_of_the_store(
    tmp_path: Path, kills: int
) -> None:
    """It is killed while it starts, lists, waits, or applies, as it happens."""
    chance = random.Random(50)
    copy = tmp_path / "copy.db"
    (tmp_path / "data").mkdir()
    async with Stepping(tmp_path / "data") as stepping:
        for _ in range(5):
            await change_something(stepping, chance)
        web = make_web(make_settings(stepping.directory), clock=stepping.clock)
        with serving(web) as url:
            command = [sys.executable, "-m", "tests.follower", url, str(copy)]
            for _ in range(kills):
                follower = subprocess.Popen(command, stderr=subprocess.PIPE)
                for _ in range(3):
                    await change_something(stepping, chance)
                time.sleep(chance.random() * 0.5)
                assert follower.poll() is None, follower.communicate()[1].decode()
                stop(follower)
            follower = subprocess.Popen(command)
            try:
                until = time.monotonic() + CATCH_UP_SECONDS
                while (found := read_tags(copy)) != stepping.visible():
                    assert time.monotonic() < until, found
                    time.sleep(0.05)
            finally:
                stop(follower)
        assert found


def stop(follower: "subprocess.Popen[bytes]") -> None:
    follower.kill()
    follower.communicate()


def read_tags(path: Path) -> dict[tuple[str, str, str], str]:
    with closing(Copy(path)) as copy:
        return copy.tags()
