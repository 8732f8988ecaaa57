"""What stands in the product's folders, and how large it is; ``python -m tests.house`` prints it.

With revisions, such as ``python -m tests.house v0.1 main``, their sizes are printed beside those
of the working tree.
"""

import argparse
import ast
import functools
import io
import subprocess
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

TOP = Path(__file__).parent.parent
PACKAGES = ("indexer", "webhooks", "search_api")


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the product: its path from the top, its text, and the text parsed."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """Return the module's name as imports write it."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def product() -> tuple[Source, ...]:
    """Return every module of the working tree, each read and parsed once."""
    return tuple(
        _source(path.relative_to(TOP).as_posix(), path.read_text())
        for package in PACKAGES
        for path in sorted((TOP / package).rglob("*.py"))
    )


def at_revision(revision: str) -> tuple[Source, ...]:
    """Return every module as it was at a revision that git knows."""
    command = ["git", "archive", "--format=tar", revision, *PACKAGES]
    packed = subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return tuple(
            _source(member.name, file.read().decode())
            for member in archive
            if member.name.endswith(".py") and (file := archive.extractfile(member))
        )


def _source(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text, ast.parse(text))


def loose_modules(package: str) -> list[str]:
    """Return the modules that stand in a package and in no folder of it."""
    return [
        source.path.stem
        for source in product()
        if str(source.path.parent) == package and not source.path.stem.startswith("__")
    ]


def gerunds() -> set[str]:
    """Return the names of modules and folders in which a word ends in -ing."""
    names = {part for source in product() for part in source.path.with_suffix("").parts}
    return {name for name in names if any(word.endswith("ing") for word in name.split("_"))}


def classes_named_twice() -> dict[str, list[str]]:
    """Return the class names that several modules define, with those modules."""
    modules: dict[str, set[str]] = defaultdict(set)
    for source in product():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                modules[node.name].add(source.module)
    return {name: sorted(where) for name, where in sorted(modules.items()) if len(where) > 1}


@dataclass(frozen=True, slots=True)
class Size:
    """How much code there is: statements do not change when lines are packed."""

    statements: int = 0
    lines: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.statements + other.statements, self.lines + other.lines)


def sizes(sources: tuple[Source, ...]) -> dict[str, Size]:
    """Return the size of each folder right below a package, and of all modules together."""
    found: dict[str, Size] = defaultdict(Size)
    for source in sources:
        size = Size(
            sum(isinstance(node, ast.stmt) for node in ast.walk(source.tree)),
            source.text.count("\n"),
        )
        found["/".join(source.path.parent.parts[:2])] += size
        found["all"] += size
    return found


def table(columns: Mapping[str, Mapping[str, Size]]) -> Iterator[str]:
    """Give the lines of a table: a folder a line, and statements and lines in each column."""
    folders = sorted({folder for found in columns.values() for folder in found} - {"all"})
    yield f"{'folder':<24}" + "".join(f"{name[:24]:>25}" for name in columns)
    yield " " * 24 + f"{'statements':>15}{'lines':>10}" * len(columns)
    for folder in [*folders, "all"]:
        found = [column.get(folder, Size()) for column in columns.values()]
        yield f"{folder:<24}" + "".join(
            f"{size.statements:>15,}{size.lines:>10,}" for size in found
        )


def main() -> None:
    """Print the layout, then the sizes of the revisions and of the working tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revisions", nargs="*", help="revisions to compare the sizes with")
    revisions = parser.parse_args().revisions
    for package in PACKAGES:
        print(f"loose in {package}/:", *loose_modules(package))
    print("gerunds:", *sorted(gerunds()))
    for name, modules in classes_named_twice().items():
        print(f"class {name}:", *modules)
    columns = {revision: sizes(at_revision(revision)) for revision in revisions}
    print(*table({**columns, "now": sizes(product())}), sep="\n")


if __name__ == "__main__":
    main()
