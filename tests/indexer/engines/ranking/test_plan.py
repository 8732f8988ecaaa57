"""What queries are worth: the rule by examples."""

from dataclasses import fields, is_dataclass
from itertools import pairwise

import pytest

from indexer.engines.ranking.fields import END, LIKE, NAME, NAME_WORD, SPELLED_END
from indexer.engines.ranking.plan import PROMINENCE_POINTS, NamedLike, RankedPart, make_plan
from indexer.engines.ranking.scoring import IMPACT_MAX
from indexer.engines.ranking.texts import TextPart, part_text
from indexer.model.document import PROMINENCE_MAX
from indexer.model.query import (
    And,
    AtLeast,
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


def steps(query: Query) -> list[tuple[Query | NamedLike, int, bool]]:
    return [(tier.query, tier.points, tier.adds_impact) for tier in only_part(query).tiers]


def named(word: str, *, is_prefix: bool = False) -> Condition:
    return Condition(NAME_WORD, word, is_prefix)


def test_a_word_is_worth_most_in_the_name() -> None:
    assert steps(Word("web-api")) == [
        (And((named("web"), named("api"))), 100_000, True),
        # "web apis" in a name begins with the words, but the text is not in it.
        (And((named("web"), named("api", is_prefix=True), Word("web-api"))), 50_000, True),
        (And((Phrase(("web",)), Phrase(("api",)))), 12_000, True),
        (Path("web-api"), 100, False),
    ]
    assert only_part(Word("web-api")).words == ("web", "api")


def test_what_a_word_means_is_worth_less_than_the_word() -> None:
    query = Word("queue", (Word("queues"),), (Word("kafka"),))
    assert steps(query)[2:] == [
        (Phrase(("queue",)), 12_000, True),
        (And((Or((named("queues"),)), query)), 8_000, False),
        (Or((Phrase(("queues",)),)), 4_500, False),
        (Or((Phrase(("kafka",)),)), 1_000, False),
        (query, 100, False),
    ]
    # A step is more than the greatest impact and prominence in the next one.
    points = [tier.points for tier in only_part(query).tiers]
    most_added = IMPACT_MAX + PROMINENCE_MAX * PROMINENCE_POINTS
    assert all(more - less > most_added for more, less in pairwise(points[:-1]))


def test_words_that_belong_together_may_be_apart_in_any_form() -> None:
    query = Word("web-api", apart=(("web",), ("api", "apis")))
    apart = And((Or((Phrase(("web",)),)), Or((Phrase(("api",)), Phrase(("apis",))))))
    in_name = And((Or((named("web"),)), Or((named("api"), named("apis")))))
    assert steps(query)[2:] == [
        (Phrase(("web", "api")), 12_000, True),
        (And((Or((in_name,)), query)), 8_000, False),
        (Or((apart,)), 4_500, False),
        (query, 100, False),
    ]


def test_a_part_that_may_be_left_out_is_worth_what_it_weighs() -> None:
    query = AtLeast(1, (Word("queue", (Word("queues"),), is_whole=True), Word("zinc")), (3, 1))
    heavy, light = make_plan(query).parts
    assert [tier.points for tier in heavy.tiers] == [60_000, 33_600, 26_400, 25_350]
    assert light.tiers[0].points == 20_000


def test_preferred_documents_have_one_step_of_prominence_more() -> None:
    preferred = Condition("namespace", "library")
    plan = make_plan(Word("redis"), preferred)
    assert (plan.preferred, plan.preferred_points) == (preferred, plan.prominence_points)
    assert make_plan(Word("redis")).preferred_points == 0


def test_the_beginning_of_a_word_is_inside_the_name() -> None:
    assert [step[0] for step in steps(Word("web"))][:2] == [
        named("web"),
        named("web", is_prefix=True),
    ]


def test_a_path_is_worth_what_a_word_is_and_its_words_do_not_make_it_match() -> None:
    path = Path("/team/web/")
    assert steps(path) == [
        (And((named("team"), named("web"), path)), 100_000, True),
        (And((named("team"), named("web", is_prefix=True), path)), 50_000, True),
        (And((And((Phrase(("team",)), Phrase(("web",)))), path)), 12_000, True),
        (path, 100, False),
    ]


@pytest.mark.parametrize("part", [Prefix("web"), Phrase(("reverse", "proxy"))])
def test_a_prefix_and_a_phrase_are_always_found_by_words(part: Query) -> None:
    assert steps(part)[2:] == [(part, 12_000, True)]


def test_a_prefix_is_found_by_its_words_and_a_phrase_by_their_order_too() -> None:
    assert steps(Prefix("web-api"))[0][0] == And((named("web"), named("api")))
    phrase = Phrase(("web", "api"))
    assert steps(phrase)[0][0] == And((named("web"), named("api"), phrase))


def test_a_pattern_or_a_close_spelling_has_no_impact() -> None:
    fuzzy, wildcard = Fuzzy("wbe"), Wildcard("w?b")
    assert steps(fuzzy) == [(NamedLike(fuzzy), 50_000, False), (fuzzy, 12_000, False)]
    assert steps(wildcard) == [(Glob(LIKE, "w?b"), 50_000, False), (wildcard, 12_000, False)]
    assert steps(Wildcard("*web*"))[0][0] == Path("web")
    for part in (fuzzy, wildcard):
        assert only_part(part).words == ()


def test_punctuation_is_found_inside_the_name_only() -> None:
    assert steps(Word("_")) == [(Word("_"), 100, False)]


@pytest.mark.parametrize("part", EVERY_PART)
def test_the_best_tier_is_first_and_each_match_is_in_one(part: TextPart) -> None:
    tiers = only_part(part).tiers
    assert all(one.points > next_one.points for one, next_one in pairwise(tiers))
    assert tiers[-1].query in (part, Path(part_text(part)))


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
    assert [(one.query, one.points) for one in alone.whole_names] == [
        (Condition(NAME, "redis"), 1_000_000),
        (Condition(END, "redis"), 500_000),
        (Condition(SPELLED_END, "1/redis"), 300_000),
        (Condition(SPELLED_END, "1/redis", is_prefix=True), 200_000),
    ]
    two = make_plan(And((Word("redis"), Word("exporter"))))
    assert [(one.query, one.points) for one in two.whole_names] == [
        (Condition(NAME, "redis exporter"), 2_000_000),
        (Condition(END, "redis exporter"), 1_000_000),
        (Condition(SPELLED_END, "1/redisexporter"), 600_000),
    ]
    either = make_plan(Or((Word("a"), Word("b"))))
    points = [one.points for one in either.whole_names]
    assert points == sorted(points, reverse=True)
    many = make_plan(And(words(20)))
    assert [one.points for one in many.whole_names] == [6_000_000, 3_000_000, 1_800_000]
    assert make_plan(Word("_")).whole_names == ()


@pytest.mark.parametrize("part", EVERY_PART[:-1])
def test_impacts_and_prominence_never_bridge_a_step(part: Query) -> None:
    tiers = [tier for tier in only_part(part).tiers if tier.points > 100]
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
    tiers = sum(part.tiers[0].points for part in plan.parts)
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
