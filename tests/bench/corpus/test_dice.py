"""Chance that follows from a key alone."""

from bench.corpus.dice import Dice, derive_hex, spread


def test_one_key_gives_one_row_of_throws() -> None:
    assert [Dice("a", 1).below(1_000) for _ in range(2)] == [Dice("a/1").below(1_000)] * 2
    one, other = Dice("a"), Dice("b")
    assert [one.below(1_000) for _ in range(5)] != [other.below(1_000) for _ in range(5)]


def test_throws_are_spread_evenly() -> None:
    dice = Dice("even")
    thrown = [dice.between(1, 6) for _ in range(6_000)]
    assert set(thrown) == set(range(1, 7))
    assert all(850 < thrown.count(number) < 1_150 for number in range(1, 7))


def test_shuffling_keeps_everything_even_what_is_there_twice() -> None:
    shuffled = Dice("cards").shuffled([1, 1, 2, 3])
    assert sorted(shuffled) == [1, 1, 2, 3]
    assert sorted(Dice("x").some("abcdef", 3)) == sorted(set(Dice("x").some("abcdef", 3)))


def test_favoured_are_the_first() -> None:
    dice = Dice("popular")
    chosen = [dice.favour(range(100)) for _ in range(2_000)]
    assert 0.6 < sum(number < 50 for number in chosen) / 2_000 < 0.8


def test_a_spread_has_its_median_and_its_90th_percentile() -> None:
    assert [round(spread(fraction, 8, 18)) for fraction in (0.5, 0.9)] == [8, 18]
    assert spread(0, 8, 18) > 0
    assert len(derive_hex("a", 1)) == 64
