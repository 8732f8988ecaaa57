"""What a search needs besides an engine is behind one interface."""

import ast
from pathlib import Path

import search_api.search
from indexer.store import StoreSearchState
from search_api.search.state import SearchState

FILES = {"io", "os.path", "pathlib", "shutil", "sqlite3", "Journal", "Store"}


def test_the_store_answers_all_of_it(tmp_path: Path) -> None:
    state: SearchState = StoreSearchState(tmp_path)
    with state.begin_request():
        assert state.live() is None


def test_nothing_that_searches_opens_a_file() -> None:
    """Another store may be behind a search than files of this machine."""
    for path in Path(search_api.search.__path__[0]).glob("*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                *(alias.name for alias in node.names),
                *([node.module or ""] if isinstance(node, ast.ImportFrom) else []),
            )
        }
        assert imported & FILES == set(), path.name
