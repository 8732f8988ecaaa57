"""The bars of an index: lengths, shared layers, limits."""

from search_api.pages.drawings import DrawnLayer, DrawnPlatform, Origin, platform_bars
from tests.search_api.pages.drawings.samples import named, parsed, titles
from tests.search_api.pages.drawings.test_layer_bar import rects


def platform(name: str, **sizes: int) -> DrawnPlatform:
    drawn = [DrawnLayer(size, Origin.OWN, digest=digest) for digest, size in sizes.items()]
    return DrawnPlatform(name, drawn, f"/i/{name}")


def test_a_layer_of_two_platforms_has_the_same_hatch_in_both() -> None:
    rows = [platform("linux/amd64", a=100, s=50), platform("linux/arm64", b=80, s=50)]
    tree = parsed(platform_bars(rows, prefix="p"))
    fills = [rect.get("fill") for rect in rects(tree)]
    assert fills == [None, "url(#p-shared)", None, "url(#p-shared)"]
    assert len(tree.findall(".//pattern[@id='p-shared']")) == 1
    assert any(title.endswith("own · shared") for title in titles(tree))


def test_a_layer_that_is_twice_in_one_platform_is_not_shared() -> None:
    twice = DrawnPlatform("linux/amd64", [DrawnLayer(1, Origin.OWN, digest="a")] * 2)
    tree = parsed(platform_bars([twice, platform("linux/arm64", b=1)], prefix="p"))
    assert [rect.get("class") for rect in rects(tree)] == ["own"] * 3
    assert tree.find(".//defs") is None


def test_lengths_compare_platforms() -> None:
    rows = [platform("linux/amd64", a=100), platform("linux/arm64", b=25), platform("none")]
    tree = parsed(platform_bars(rows, prefix="p"))
    widths = [one.get("width") for one in tree.findall(".//svg/svg")]
    assert widths == ["25%", "0%"]
    assert [one.text for one in named(tree, "figure")] == ["100 B", "25 B", "0 B"]
    assert next(one.get("href") for one in tree.iter("a")) == "/i/linux/amd64"


def test_all_rows_together_have_at_most_200_rects() -> None:
    sizes = {f"d{number}": 1 for number in range(90)}
    tree = parsed(platform_bars([platform(f"linux/{n}", **sizes) for n in range(30)], prefix="p"))
    assert len(rects(tree)) == 30 * (200 // 30)
    many = parsed(platform_bars([platform(f"linux/{n}", a=1) for n in range(1_234)], prefix="p"))
    assert len(rects(many)) == 200
    assert next(named(many, "more")).text == "1\N{NARROW NO-BREAK SPACE}034 more platforms"


def test_no_platform_is_no_picture() -> None:
    assert platform_bars([], prefix="p") == ""
