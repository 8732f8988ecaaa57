"""The reader of pages: what is typed, and what counts as printed."""

import os
from pathlib import Path

import pytest

from tests.end_to_end.documents.blocks import Step, missing_line, read_steps
from tests.end_to_end.documents.shell import Shell

PAGE = """\
# A page

## First

```sh
echo one; echo "two    three"
```

```text
two …e
```

<!-- not typed: it would take a disk -->

```sh
mkfs
```

## Second

<!-- ends with 3 -->

```sh
(exit 3)
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_steps_have_their_heading_output_and_remark(page: Path) -> None:
    first, second, third = read_steps(page)
    assert (first.heading, first.line, first.printed) == ("First", 5, ("two …e",))
    assert second.why_not_typed == "it would take a disk"
    assert (third.heading, third.status) == ("Second", 3)


def test_a_remark_that_means_nothing_is_refused(page: Path) -> None:
    page.write_text(PAGE.replace("not typed:", "skip"))
    with pytest.raises(ValueError, match="skip it would take a disk"):
        read_steps(page)


@pytest.mark.parametrize(
    ("wanted", "printed", "missing"),
    [
        (("a  b",), "x\n a b \n", None),
        (("a … d",), "a b c d", None),
        (("a", "b"), "b\na", "b"),
        (("a",), "ab", "a"),
        (("", "a"), "a", None),
    ],
)
def test_lines_are_looked_for_in_their_order(
    wanted: tuple[str, ...], printed: str, missing: str | None
) -> None:
    assert missing_line(wanted, printed) == missing


def test_a_step_is_typed_and_its_output_compared(page: Path, tmp_path: Path) -> None:
    first, _, third = read_steps(page)
    with Shell(tmp_path, os.environ) as shell:
        assert "two    three" in shell.type(first)
        shell.type(third)


def test_a_place_of_the_page_is_another_one_here(page: Path, tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ, {"two": "four"}) as shell:
        assert "four    three" in shell.type(read_steps(page)[0])


def test_a_step_with_another_status_fails(tmp_path: Path) -> None:
    with (
        Shell(tmp_path, os.environ) as shell,
        pytest.raises(AssertionError, match="ended with 3"),
    ):
        shell.type(Step("Second", 1, "(exit 3)", ()))


def test_what_a_page_starts_ends_with_the_shell(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ) as shell:
        pid = int(shell._run("sleep 100 & echo $!", 20)[0].split()[0])
    assert not Path(f"/proc/{pid}/exe").exists()
