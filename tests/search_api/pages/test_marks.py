"""Marked and breakable texts."""

import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from search_api.pages.marks import breakable, marked

RANGES = st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=6)


def test_a_reference_may_break_after_its_separators() -> None:
    assert breakable("host:5000/team/web@sha256:16") == (
        "host:<wbr>5000/<wbr>team/<wbr>web@<wbr>sha256:<wbr>16"
    )
    assert breakable("https://x") == "https://<wbr>x"
    assert breakable("<b>/&") == "&lt;b&gt;/<wbr>&amp;"


def test_matches_are_marked() -> None:
    assert marked("team/web", [(5, 8)]) == "team/<mark>web</mark>"
    assert marked("team/web", [(5, 8)], is_breakable=True) == "team/<wbr><mark>web</mark>"
    assert marked("<a&b>", [(1, 3)]) == "&lt;<mark>a&amp;</mark>b&gt;"
    assert marked("", [(0, 1)]) == ""


def test_ranges_may_overlap_and_pass_the_end() -> None:
    assert marked("abcdef", [(4, 99), (1, 3), (2, 4)]) == (
        "a<mark>bc</mark><mark>d</mark><mark>ef</mark>"
    )


@given(st.text(max_size=40), RANGES, st.booleans())
def test_no_text_is_lost_or_becomes_markup(
    text: str, ranges: list[tuple[int, int]], is_breakable: bool
) -> None:
    written = marked(text, ranges, is_breakable=is_breakable)
    plain = re.sub("</?mark>|<wbr>", "", written)
    assert "<" not in plain
    assert Markup(plain).unescape() == text or "&" in text
    assert written.count("<mark>") == written.count("</mark>")
