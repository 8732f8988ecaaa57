"""Numbers have the wanted quantiles and the wanted sum."""

import pytest

from bench.corpus.sizes import GITLAB_GROUP, OFFICIAL_IMAGES, SIZES
from bench.corpus.skew import Skew, fit

TOLERANCE = 0.05
"""Of a quantile; shares of repositories may be off by half a percent of all."""


@pytest.mark.parametrize("name", sorted(SIZES))
def test_every_size_has_its_sum_and_its_largest(name: str) -> None:
    size = SIZES[name]
    fitted = fit(size.skew, number=size.repositories, total=size.tags)
    assert (len(fitted.counts), sum(fitted.counts)) == (size.repositories, size.tags)
    assert list(fitted.counts) == sorted(fitted.counts)
    assert fitted.counts[0] >= 1
    largest = size.skew.exception or size.skew.largest * fitted.scale
    assert fitted.counts[-1] == pytest.approx(largest, abs=1)


def test_small_has_the_quantiles_of_official_images() -> None:
    fitted = fit(OFFICIAL_IMAGES, number=150, total=10_000)
    assert fitted.scale == 1
    for share, value in ((0.50, 19), (0.75, 66), (0.90, 186), (0.99, 652)):
        assert fitted.counts[int(share * 150)] == pytest.approx(value, rel=TOLERANCE), share


@pytest.mark.parametrize("name", ["primary", "stress"])
def test_the_others_have_the_scaled_tail_of_a_gitlab_group(name: str) -> None:
    size = SIZES[name]
    fitted = fit(size.skew, number=size.repositories, total=size.tags)
    for share, value in ((0.068, 100), (0.025, 1_000), (0.004, 10_000)):
        above = sum(count > value * fitted.scale for count in fitted.counts)
        assert above / size.repositories == pytest.approx(share, abs=0.005), value


def test_stress_has_one_repository_of_100_000_tags() -> None:
    counts = fit(SIZES["stress"].skew, number=10_000, total=700_000).counts
    assert counts[-1] == 100_000
    assert counts[-2] < 34_000


def test_the_report_says_what_was_asked_for_and_what_came_out() -> None:
    assert fit(OFFICIAL_IMAGES, number=150, total=10_000).report()[:1] == [
        ("tags of a repository, p50", "19", "19")
    ]
    rows = fit(GITLAB_GROUP, number=1_600, total=90_000).report()
    assert rows[0] == ("repositories with more than 27 tags (100 scaled)", "6.8%", "6.8%")
    assert rows[-1] == ("tags of the largest repository", "9,275", "9,275")


@pytest.mark.parametrize("total", [99, 200_000])
def test_a_sum_that_no_bend_makes_is_an_error(total: int) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        fit(Skew(((0.5, 19),), largest=1_120), number=100, total=total)
