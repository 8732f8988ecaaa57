"""The import rules and the rules of the house: what stands where, and who may import whom."""

import ast
import functools
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import get_args

from indexer.settings import Settings
from tests.house import (
    PACKAGES,
    TOP,
    classes_named_twice,
    gerunds,
    loose_modules,
    product,
)

WIRING = "search_api.web"
COMMAND_LINE = "search_api.cli"
ENGINES = "indexer.engines"

# Within the indexer imports only go down: a module may import those of its own layer and below.
LAYERS = (
    {"indexer.run"},
    {
        "indexer.refresh",
        "indexer.indexing",
        "indexer.intake",
        "indexer.nodes",
        "indexer.retention",
    },
    {"indexer.registry", "indexer.store", "indexer.engines"},
    {"indexer.documents"},
    {"indexer.extract", "indexer.settings"},
    {"indexer.model", "indexer.clock", "indexer.errors", "indexer.garbage"},
)
PURE = ("indexer.model", "indexer.extract", "indexer.documents")
INPUT_AND_OUTPUT = {"os", "io", "pathlib", "socket", "sqlite3", "subprocess", "shutil", "tempfile"}
ONLY_HERE: dict[str, str | tuple[str, ...]] = {
    "aiohttp": "indexer.registry.connections",
    "yarl": "indexer.registry.connections",
    "httpx2": (
        "indexer.registry",
        "search_api.access.oidc",
        COMMAND_LINE,
        "search_api.check",
        "search_api.conformance",
        "search_api.nodes",
        "search_api.search.joint_state",
        "search_api.search.remote_lineage",
    ),
    "authlib": "search_api.access.oidc",
    "joserfc": "search_api.access.oidc",
    "whoosh": "indexer.engines.whoosh",
    "tantivy": "indexer.engines.tantivy",
    "opensearchpy": "indexer.engines.opensearch",
    "sqlite3": "indexer.store",
    "sqlite_utils": "indexer.store",
    "fastapi": "search_api.api",
    "pydantic": ("indexer.nodes", "indexer.settings", "search_api.api"),
    "pydantic_settings": "indexer.settings",
    "opentelemetry": (
        "indexer.registry.traffic",
        "indexer.refresh.worker",
        "search_api.server.traces",
        "search_api.processes",
    ),
    "uvicorn": (WIRING, "search_api.server"),
    "h11": "search_api.server",
    "throttled": "search_api.server",
    "bcrypt": "search_api.access",
    "cachetools": "search_api.access",
    "itsdangerous": "search_api.access",
    "click": COMMAND_LINE,
    "rapidfuzz": "indexer.model.spelling",
    "rich": COMMAND_LINE,
    "jinja2": "search_api.pages",
    "markupsafe": "search_api.pages",
    "prometheus_client": ("search_api.endpoints.metrics", "search_api.endpoints.counted"),
}

LOOSE_MODULES_MAX = {"indexer": 6, "search_api": 2}
# The words that the field itself uses for these subjects.
GERUNDS = {"indexing", "ranking", "scoring", "spelling", "paging", "caching"}
# Shapes of JSON in `search_api/api`: users read their names in the description of the API, and
# each is named like the value that it shows.
SHAPES = {"Bases", "Change", "Changes", "RegistryFreshness", "TagMove"}


@functools.cache
def imports() -> list[tuple[str, str]]:
    """Return each module of the product with each name that it imports."""
    return [(source.module, name) for source in product() for name in imported(source.tree)]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def layer(name: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if within(name, *names)), None)


def breaches(is_allowed: Callable[[str, str], bool]) -> list[str]:
    """Return the imports that a rule does not allow."""
    return [f"{name} imports {other}" for name, other in imports() if not is_allowed(name, other)]


def test_packages_import_each_other_only_as_drawn() -> None:
    def is_allowed(name: str, other: str) -> bool:
        top = other.partition(".")[0]
        if top in PACKAGES and not within(name, WIRING, COMMAND_LINE):
            return top in {"indexer", name.partition(".")[0]}
        return top != "tests"

    assert breaches(is_allowed) == []


def test_every_module_of_the_indexer_is_in_a_layer() -> None:
    names = {source.module for source in product() if source.module.startswith("indexer.")}
    assert {name for name in names if layer(name) is None} == set()


def test_inside_the_indexer_imports_go_down() -> None:
    def is_allowed(name: str, other: str) -> bool:
        own, others = layer(name), layer(other)
        return own is None or others is None or others >= own

    assert breaches(is_allowed) == []


def test_a_library_is_imported_where_it_belongs() -> None:
    def is_allowed(name: str, other: str) -> bool:
        homes = ONLY_HERE.get(other.partition(".")[0])
        return homes is None or within(name, *((homes,) if isinstance(homes, str) else homes))

    assert breaches(is_allowed) == []


def test_what_is_pure_does_no_input_or_output() -> None:
    def is_allowed(name: str, other: str) -> bool:
        return other.partition(".")[0] not in INPUT_AND_OUTPUT or not within(name, *PURE)

    assert breaches(is_allowed) == []


def test_a_folder_is_entered_through_what_its_init_names() -> None:
    """The other modules of a folder are private to it and to the folders in it."""
    private = {
        source.module
        for source in product()
        if source.path.stem != "__init__" and str(source.path.parent) not in PACKAGES
    } - {f"{folder}.{name}" for folder, names in named_by_init().items() for name in names}

    def is_allowed(name: str, other: str) -> bool:
        return other not in private or within(name, other.rpartition(".")[0])

    assert breaches(is_allowed) == []


def named_by_init() -> dict[str, set[str]]:
    """Return the names in the list ``__all__`` of each folder."""
    names: dict[str, set[str]] = defaultdict(set)
    for source in product():
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names[source.module] |= set(ast.literal_eval(node.value))
    return names


def test_the_three_packages_are_named_in_the_build_configuration() -> None:
    """Automatic discovery would take the tests for a package to install."""
    built = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert sorted(built["targets"]["wheel"]["packages"]) == sorted([*PACKAGES, "regsearch.py"])


def test_broad_excepts_that_raise_nothing_are_in_five_places_only() -> None:
    """The worker's loop, the HTTP error handler, around other people's plugins, where a search
    process passes an error on to the web process, and a thread to whoever waits for it."""
    broad = {
        source.module
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and not isinstance(node.body[-1], ast.Raise)
    }
    assert broad <= {
        "indexer.engines.opensearch.patience",
        "indexer.extract.kinds.plugins",
        "indexer.refresh.worker",
        "search_api.http_errors",
        "search_api.search.process",
    }


def test_few_modules_stand_outside_a_folder(figure: Callable[[str], None]) -> None:
    for package, most in LOOSE_MODULES_MAX.items():
        loose = loose_modules(package)
        figure(f"loose modules in {package}/: {len(loose)} ({', '.join(loose)})")
        assert len(loose) <= most


def test_modules_are_named_by_nouns(figure: Callable[[str], None]) -> None:
    found = gerunds()
    figure(f"modules named by a gerund: {len(found)} ({', '.join(sorted(found))})")
    assert found <= GERUNDS


def test_a_class_name_is_defined_once(figure: Callable[[str], None]) -> None:
    found = set(classes_named_twice())
    figure(f"class names defined in two modules: {len(found)} ({', '.join(sorted(found))})")
    assert found == SHAPES


def test_engines_holds_one_folder_an_engine(figure: Callable[[str], None]) -> None:
    names = [source.path.parts[2] for source in product() if within(source.module, ENGINES)]
    figure(f"indexer/engines/ holds {', '.join(sorted(set(names)))}")
    engines = set(get_args(Settings.model_fields["engine"].annotation))
    shared = {"__init__.py", "protocol.py", "reader.py", "local.py", "ranking"}
    assert set(names) == shared | engines


def test_nothing_of_the_product_is_patched() -> None:
    """Sizes and clocks are arguments, so that a test needs no name from inside a module."""
    found = [
        f"{path.relative_to(TOP)}:{node.lineno}"
        for path in sorted((TOP / "tests").rglob("*.py"))
        if "setattr" in (text := path.read_text())
        for node in patches(ast.parse(text))
    ]
    assert found == []


def patches(tree: ast.Module) -> Iterator[ast.Call]:
    """Give the calls of setattr on a name of the product, written as a text or imported."""
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and within(node.module or "", *PACKAGES)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
            target = ast.unparse(node.args[0]).strip("'")
            if within(target, *PACKAGES, *ours):
                yield node
