"""The import rules: who may import whom, and which module may import which library."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
PACKAGES = ("indexer", "webhooks", "search_api")
WIRING = "search_api.web"
COMMAND_LINE = "search_api.cli"

# Within the indexer imports only go down: a module may import those of its own layer and below.
LAYERS = (
    {"indexer.run"},
    {"indexer.refresh", "indexer.indexing", "indexer.intake", "indexer.retention"},
    {"indexer.registry", "indexer.store", "indexer.engines"},
    {"indexer.documents"},
    {"indexer.extract", "indexer.settings"},
    {"indexer.model", "indexer.clock", "indexer.errors"},
)
PURE = ("indexer.model", "indexer.extract", "indexer.documents")
INPUT_AND_OUTPUT = {"os", "io", "pathlib", "socket", "sqlite3", "subprocess", "shutil", "tempfile"}
ONLY_HERE: dict[str, str | tuple[str, ...]] = {
    "httpx2": ("indexer.registry", "search_api.conformance"),
    "whoosh": "indexer.engines.whoosh",
    "tantivy": "indexer.engines.tantivy",
    "sqlite3": "indexer.store",
    "sqlite_utils": "indexer.store",
    "fastapi": "search_api.api",
    "pydantic": ("indexer.settings", "search_api.api"),
    "pydantic_settings": "indexer.settings",
    "uvicorn": WIRING,
    "click": COMMAND_LINE,
    "rapidfuzz": "indexer.model.spelling",
    "rich": COMMAND_LINE,
    "prometheus_client": "search_api.endpoints.operation",
}

API_MODELS = {
    *("Bases", "Change", "Changes", "Completion", "Freshness", "Highlight", "Place"),
    *("RegistryFreshness", "Status", "Suggestion", "TagMove"),
}
"""Classes of the API that are named for their JSON objects, and so as the values behind them."""
ENGINE_PARTS = {
    *("IndexFolderWriter", "Named", "OpenIndex", "View", "Wanted"),
    *("_Asked", "_Walk", "engine_errors"),
}
"""Parts that both engines have, and helpers of one module. No name may be added."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((TOP / package).rglob("*.py")):
            parts = path.relative_to(TOP).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer(name: str) -> int | None:
    for number, members in enumerate(LAYERS):
        if any(name == member or name.startswith(f"{member}.") for member in members):
            return number
    return None


ALL = [pytest.param(name, tree, id=name) for name, tree in modules()]


@pytest.mark.parametrize(("name", "tree"), ALL)
def test_packages_import_each_other_only_as_drawn(name: str, tree: ast.Module) -> None:
    own = name.partition(".")[0]
    allowed = {own, "indexer"}
    if name == WIRING or within(name, COMMAND_LINE):
        allowed |= set(PACKAGES)
    for imported in imports(tree):
        top = imported.partition(".")[0]
        assert top != "tests", f"{name} imports {imported}"
        assert top not in PACKAGES or top in allowed, f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "tree"), ALL)
def test_inside_the_indexer_imports_go_down(name: str, tree: ast.Module) -> None:
    own = layer(name)
    assert own is not None or not name.startswith("indexer."), f"{name} is in no layer"
    for imported in imports(tree):
        other = layer(imported)
        if own is not None and other is not None:
            assert other >= own, f"{name} imports {imported} from above"


@pytest.mark.parametrize(("name", "tree"), ALL)
def test_a_library_is_imported_where_it_belongs(name: str, tree: ast.Module) -> None:
    for imported in imports(tree):
        homes = ONLY_HERE.get(imported.partition(".")[0])
        homes = (homes,) if isinstance(homes, str) else homes
        allowed = homes is None or any(within(name, home) for home in homes)
        assert allowed, f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "tree"), ALL)
def test_what_is_pure_does_no_input_or_output(name: str, tree: ast.Module) -> None:
    if any(within(name, pure) for pure in PURE):
        used = {imported.partition(".")[0] for imported in imports(tree)} & INPUT_AND_OUTPUT
        assert not used, f"{name} imports {used}"


@pytest.mark.parametrize(("name", "tree"), ALL)
def test_a_folder_is_entered_through_what_its_init_names(name: str, tree: ast.Module) -> None:
    """The other modules of a folder are private to it and to the folders in it."""
    for imported in imports(tree):
        folder, _, last = imported.rpartition(".")
        is_module = (TOP / f"{imported.replace('.', '/')}.py").exists()
        if is_module and folder not in PACKAGES and folder.partition(".")[0] in PACKAGES:
            assert within(name, folder) or last in named_by_init(folder), f"{name}: {imported}"


def named_by_init(folder: str) -> set[str]:
    tree = ast.parse((TOP / folder.replace(".", "/") / "__init__.py").read_text())
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return {name for names in lists for name in ast.literal_eval(names)}


def test_no_class_name_is_defined_twice() -> None:
    files: dict[str, set[str]] = {}
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                files.setdefault(node.name, set()).add(name)
    twice = {name for name, found in files.items() if len(found) > 1}
    assert twice <= API_MODELS | ENGINE_PARTS


def test_the_three_packages_are_named_in_the_build_configuration() -> None:
    """Automatic discovery would take the tests for a package to install."""
    built = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert sorted(built["targets"]["wheel"]["packages"]) == sorted(PACKAGES)


def test_broad_excepts_are_in_three_places_only() -> None:
    """The worker's loop, the HTTP error handler, and around other people's plugins."""
    broad = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
    }
    assert broad <= {
        "indexer.extract.kinds.plugins",
        "indexer.refresh.worker",
        "search_api.http_errors",
    }
