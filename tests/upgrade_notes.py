"""The notes of ``docs/upgrading.md``, from the changelog: ``python -m tests.upgrade_notes``.

A test finds out whether they are up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs" / "upgrading.md"
CHANGES = TOP / "CHANGELOG.md"
_BEGIN, _END = "<!-- notes -->\n", "<!-- end of notes -->"


def with_notes(page: str, changes: str) -> str:
    """Return the page with the upgrade notes of each version of the changelog."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    notes = "\n\n".join(_notes(changes))
    return f"{before}{_BEGIN}\n{notes}\n\n{_END}{after}"


def _notes(changes: str) -> Iterator[str]:
    for version in re.split(r"^## ", changes, flags=re.MULTILINE)[1:]:
        title, _, text = version.partition("\n")
        found = re.search(r"^### Upgrade notes\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL)
        yield f"### {title}"
        # The page is in docs/, the changelog beside it.
        yield found[1].strip().replace("](docs/", "](") if found else "Nothing to do."


if __name__ == "__main__":
    PAGE.write_text(with_notes(PAGE.read_text(), CHANGES.read_text()))
