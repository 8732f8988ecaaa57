"""Parts put together say the same as all images do, whatever is behind a limit of a document."""

import random
from collections.abc import Sequence

import pytest

from indexer.documents.facets import merge_facets
from indexer.documents.parts import (
    RepositoryPart,
    dated_tag,
    join_parts,
    make_part,
    pack_part,
    undated_tag,
    unpack_part,
)
from indexer.documents.results import preferred_tags
from indexer.documents.shares import ImageShare, sort_newest_first
from indexer.documents.texts import TAGS_MAX, TEXT_MAX, TITLES_MAX, repository_texts
from indexer.model.document import Text, TextField
from indexer.model.names import Digest, TagName
from tests.indexer.documents.made import ROW
from tests.series import series

TIMES = [None, "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"]


def texts(chance: random.Random, field: TextField, limit: int) -> list[Text]:
    """Return texts of which a few reach the limit, some of them the same as others."""
    lengths = [0, 1, 1, 1, limit // 9, limit // 3, limit // 2, limit]
    return [
        Text(field, chance.choice("abcde") * chance.choice(lengths), chance.choice(["", "k"]))
        for _ in range(chance.randint(0, 4))
    ]


def some_shares(chance: random.Random) -> list[ImageShare]:
    """Return the shares of some images; facets and texts of a few are more than a limit."""
    found: list[ImageShare] = []
    latest = chance.randint(0, 20)
    for number in chance.sample(range(0xFF), chance.randint(1, 14)):
        repeated = chance.choice([1, 1, 1, 60, 2_100])
        name = chance.choice(["kind", "tag", "has"])
        tags = chance.sample(
            ["1.0", "v1.0", "2", "2.1.3", "20260301", "edge", "b"], chance.randint(1, 3)
        )
        names = [TagName(f"{tag}{'.' if tag[-1].isdigit() else '-'}{number}") for tag in tags]
        found.append(
            ImageShare(
                digest=Digest(f"sha256:{number:02x}"),
                is_content=chance.random() < 0.8,
                is_image=chance.random() < 0.8,
                pushed_at=chance.choice(TIMES),
                created=chance.randint(0, 2),
                tags=[*names, TagName("latest")] if len(found) == latest else names,
                titles=texts(chance, TextField.TITLE, TITLES_MAX),
                others=texts(chance, TextField.LABEL, TEXT_MAX),
                facets=[
                    (name if repeated < 100 else f"label:{place // 50}", f"{number % 3}-{place}")
                    for place in range(repeated)
                ],
                description=chance.choice(["", "one", "other"]),
                platforms=chance.sample(["linux/amd64", "linux/arm64"], chance.randint(0, 2)),
            )
        )
    return found


def part_of(images: Sequence[ImageShare], *, depth: int) -> RepositoryPart:
    """Return the part of these images, of which smaller ones were kept and read."""
    if depth == 0 or len(images) < 2:
        tags = [
            dated_tag(TIMES[len(tag) % 3] or "", TagName(tag * (TAGS_MAX // 30)))
            for one in images
            for tag in one.tags
        ]
        return make_part(images, tags)
    some = [part_of(images[start::3], depth=depth - 1) for start in range(3)]
    return join_parts([unpack_part(pack_part(one)) for one in some])


@pytest.mark.parametrize("seed", series(range(400), short=60))
def test_parts_together_say_what_all_images_say(seed: int) -> None:
    chance = random.Random(seed)
    images = some_shares(chance)
    whole, joined = part_of(images, depth=0), part_of(images, depth=chance.randint(1, 3))
    assert joined == whole
    newest_first = sort_newest_first(images)
    tags = list(map(undated_tag, joined.tags))
    assert repository_texts(joined.shares, tags) == repository_texts(newest_first, tags)
    assert merge_facets(ROW, joined.shares) == merge_facets(ROW, newest_first)
    assert preferred_tags(joined.shares)[0] == preferred_tags(newest_first)[0]
    described = [one.description for one in joined.shares if one.description]
    assert described[:1] == [one.description for one in newest_first if one.description][:1]
    platforms = {platform for one in images for platform in one.platforms}
    assert {platform for one in joined.shares for platform in one.platforms} == platforms
    assert joined.created == max(one.created for one in images)
    assert joined.images == len(images)
    assert joined.tag_count == sum(len(one.tags) for one in images)
    assert joined.shares[0].digest == newest_first[0].digest


@pytest.mark.parametrize("seed", range(9))
def test_the_newest_tags_come_first_and_those_of_one_time_by_name(seed: int) -> None:
    chance = random.Random(seed)
    named = [
        (chance.choice(TIMES) or "", f"{number:02}" * (TAGS_MAX // 20))
        for number in chance.sample(range(40), chance.randint(1, 20))
    ]
    by_name = sorted(named, key=lambda one: one[1])
    expected = [tag for _, tag in sorted(by_name, key=lambda one: one[0], reverse=True)]
    part = make_part([], [dated_tag(moved_at, TagName(tag)) for moved_at, tag in named])
    found = list(map(undated_tag, part.tags))
    assert found == expected[: len(found)]
    assert len(found) == len(expected) or sum(map(len, found)) > TAGS_MAX
    assert repository_texts([], found) == repository_texts([], expected)


def test_an_old_image_that_says_nothing_new_is_left_out() -> None:
    share = ImageShare(
        *(Digest("sha256:aa"), True, True, None, 2, [TagName("2")], [], []),
        *([("kind", "image")], "said", ["linux/amd64"]),
    )
    old = ImageShare(
        *(Digest("sha256:bb"), True, True, None, 1, [TagName("1")], [], []),
        *([("kind", "image")], "said before", ["linux/amd64"]),
    )
    assert [one.digest for one in make_part([old, share], []).shares] == ["sha256:aa"]
