"""What queries are worth: the rule by examples."""

from dataclasses import fields, is_dataclass
from itertools import pairwise

import pytest

from indexer.engines.ranking.names import NameMatch
from indexer.engines.ranking.plan import RankedPart, Where, make_plan
from indexer.engines.ranking.scoring import IMPACT_MAX
from indexer.model.document import PROMINENCE_MAX
from indexer.model.query import (
    And,
    Condition,
    Everything,
    Fuzzy,
    Glob,
    Not,
    Or,
    Path,
    Phrase,
    Prefix,
    Query,
    Range,
    Wildcard,
    Word,
)
from search_api.query.parser import QUERY_MAX, TERMS_MAX

EVERY_PART = (
    Word("web"),
    Word("web-api"),
    Prefix("web"),
    Path("team/web"),
    Phrase(("reverse", "proxy")),
    Wildcard("w?b"),
    Fuzzy("wbe"),
    Word("_"),
)


def only_part(query: Query) -> RankedPart:
    (part,) = make_plan(query).parts
    return part


def steps(query: Query) -> list[tuple[str, int, bool]]:
    return [(tier.where, tier.points, tier.adds_impact) for tier in only_part(query).tiers]


def test_a_word_is_worth_most_in_the_name() -> None:
    assert steps(Word("web-api")) == [
        (Where.NAME_WORDS, 100_000, True),
        (Where.NAME_START, 50_000, True),
        (Where.TEXT_WORDS, 10_000, True),
        (Where.INSIDE_NAME, 100, False),
    ]
    assert only_part(Word("web-api")).words == ("web", "api")


def test_a_path_is_worth_what_a_word_is() -> None:
    assert steps(Path("/team/web/")) == steps(Word("team-web"))
    assert only_part(Path("/team/web/")).text == "team/web"


@pytest.mark.parametrize("part", [Prefix("web"), Phrase(("reverse", "proxy"))])
def test_a_prefix_and_a_phrase_are_always_found_by_words(part: Query) -> None:
    assert steps(part)[2:] == [(Where.ANYWHERE, 10_000, True)]


@pytest.mark.parametrize("part", [Wildcard("w?b"), Fuzzy("wbe")])
def test_a_pattern_or_a_close_spelling_has_no_impact(part: Query) -> None:
    assert steps(part) == [(Where.NAME_LIKE, 50_000, False), (Where.ANYWHERE, 10_000, False)]
    assert only_part(part).words == ()


def test_punctuation_is_found_inside_the_name_only() -> None:
    assert steps(Word("_")) == [(Where.ANYWHERE, 100, False)]


@pytest.mark.parametrize("part", EVERY_PART)
def test_the_best_tier_is_first_and_each_match_is_in_one(part: Query) -> None:
    tiers = only_part(part).tiers
    assert all(one.points > next_one.points for one, next_one in pairwise(tiers))
    assert tiers[-1].where in (Where.ANYWHERE, Where.INSIDE_NAME)


@pytest.mark.parametrize(
    ("part", "is_implied"),
    [
        (Word("web"), [True, True, True, True]),
        # "web apis" in a name begins with the words, but the text is not in it.
        (Word("web-api"), [True, False, True, True]),
        (Word("web_"), [True, False, True, True]),
        (Path("web"), [False, False, False, True]),
        (Prefix("web-api"), [True, True, True]),
        (Phrase(("web", "api")), [False, False, True]),
    ],
)
def test_a_document_may_have_the_words_without_matching(
    part: Query, is_implied: list[bool]
) -> None:
    assert [tier.implies_match for tier in only_part(part).tiers] == is_implied


@pytest.mark.parametrize(
    ("part", "is_so"),
    [
        (Word("web"), True),
        (Word("web-api"), False),
        (Prefix("web"), True),
        (Phrase(("web",)), True),
        (Path("web"), False),
        (Word("_"), False),
    ],
)
def test_the_impact_of_a_single_word_always_counts(part: Query, is_so: bool) -> None:
    assert only_part(part).impact_is_unconditional is is_so


def test_what_hits_must_match_is_filters_and_required_parts() -> None:
    plan = make_plan(
        And(
            (
                Word("web"),
                And((Prefix("api"), Condition("arch", "arm64"))),
                Or((Word("a"), Range("size", 1))),
                Not(Word("b")),
                Everything(),
                Word("web"),
            )
        )
    )
    assert plan.filters == (
        Condition("arch", "arm64"),
        Or((Word("a"), Range("size", 1))),
        Not(Word("b")),
    )
    parts = [(part.part, part.is_required) for part in plan.parts]
    assert parts == [(Word("web"), True), (Prefix("api"), True), (Word("a"), False)]


@pytest.mark.parametrize("query", [Everything(), Glob("label", "a*"), Not(Word("web"))])
def test_without_text_hits_differ_by_prominence_alone(query: Query) -> None:
    plan = make_plan(query)
    assert (plan.parts, plan.whole_names, plan.named_points) == ((), (), None)
    assert plan.prominence_points * PROMINENCE_MAX == 1000


def test_a_whole_name_is_worth_more_for_each_part() -> None:
    alone = make_plan(Word("redis"))
    assert [(one.match, one.points) for one in alone.whole_names] == [
        (NameMatch.IS, 1_000_000),
        (NameMatch.ENDS, 500_000),
        (NameMatch.SPELLS_END, 300_000),
        (NameMatch.BEGINS_END, 200_000),
    ]
    two = make_plan(And((Word("redis"), Word("exporter"))))
    assert [(one.match, one.points) for one in two.whole_names] == [
        (NameMatch.IS, 2_000_000),
        (NameMatch.ENDS, 1_000_000),
        (NameMatch.SPELLS_END, 600_000),
    ]
    assert {one.text.folded for one in two.whole_names} == {"redis exporter"}
    many = make_plan(And(words(20)))
    assert [one.points for one in many.whole_names] == [6_000_000, 3_000_000, 1_800_000]
    assert make_plan(Word("_")).whole_names == ()


@pytest.mark.parametrize("part", EVERY_PART[:-1])
def test_impacts_and_prominence_never_bridge_a_step(part: Query) -> None:
    tiers = [tier for tier in only_part(part).tiers if tier.where is not Where.INSIDE_NAME]
    added = max(1, len(only_part(part).words)) * (IMPACT_MAX + 1000)
    assert all(one.points > next_one.points + added for one, next_one in pairwise(tiers))


def test_named_documents_are_before_all_others_unless_parts_are_many() -> None:
    assert make_plan(And((Word("web"), Fuzzy("apis")))).named_points == 150_000
    assert make_plan(Word("web")).named_points == 100_000
    # More parts than a whole name counts for can have more points than the whole name.
    counts = {count: make_plan(And(words(count))).named_points for count in (6, 7)}
    assert counts == {6: 600_000, 7: None}
    # The impacts of 16 words can make up for one of them that is not in the name.
    long_words = {count: make_plan(Word("-".join(map(str, range(count))))) for count in (15, 16)}
    assert [plan.named_points for plan in long_words.values()] == [100_000, None]
    assert make_plan(Or((Word("web"), Word("_")))).named_points is None


def test_prominence_keeps_its_proportion_to_the_impacts_of_a_part() -> None:
    queries: list[Query] = [
        Fuzzy("wbe"),
        And((Word("web"), Word("api"))),
        And((Word("web-api"), Word("x"))),
    ]
    assert [make_plan(query).prominence_points for query in queries] == [10, 10, 20]


def test_a_word_that_a_part_repeats_counts_once() -> None:
    plan = make_plan(Phrase(("web",) * 30))
    assert (plan.named_points, plan.prominence_points) == (100_000, 10)


def test_the_points_of_the_longest_query_are_exact_in_floats_of_four_bytes() -> None:
    """Engines that score with such floats then order hits as the others do."""
    words_max = QUERY_MAX // 2
    long_word = Word("-".join(f"x{n}" for n in range(words_max - TERMS_MAX + 1)))
    plan = make_plan(And((*words(TERMS_MAX - 1), long_word)))
    assert sum(len(part.words) for part in plan.parts) == words_max
    tiers = sum(part.first.points for part in plan.parts)
    name = max(whole.points for whole in plan.whole_names)
    prominence = plan.prominence_points * PROMINENCE_MAX
    assert name + tiers + words_max * IMPACT_MAX + prominence < 2**24


def test_a_plan_is_plain_data() -> None:
    """It can be compared, kept as a key, and compiled for an engine that is a server."""
    plan = make_plan(And((*EVERY_PART, Condition("arch", "arm64"))))
    assert hash(plan) == hash(make_plan(And((*EVERY_PART, Condition("arch", "arm64")))))
    assert all(is_plain(getattr(plan, field.name)) for field in fields(plan))


def words(count: int) -> tuple[Query, ...]:
    return tuple(Word(f"w{n}") for n in range(count))


def is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    if is_dataclass(value):
        return all(is_plain(getattr(value, field.name)) for field in fields(value))
    return value is None or isinstance(value, str | int | bool)
