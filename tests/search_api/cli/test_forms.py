"""The forms of a list: templates, columns, CSV; what follows, and what a script asks for."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.store import Store
from search_api.cli.main import main
from search_api.web import make_web
from tests.builders import image
from tests.children import Children
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.search_api.filling import Pushed, bring_up_to_date, fill, put, settings_for
from tests.search_api.sample_content import WEB

Run = Callable[..., tuple[int, str, str]]
PROGRAM = str(Path(sys.executable).with_name("regsearch"))
WEB_REFERENCE = "registry.example/team/web:latest"


@pytest.fixture(scope="module")
def url(filled: Path) -> Iterator[str]:
    with serving(make_web(settings_for(filled))) as address:
        yield address


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REGSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("REGSEARCH_URL", url)

    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = 0
        # What was said while content was made.
        capfd.readouterr()
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_it


# Templates


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.Reference}}", WEB_REFERENCE),
        ("{{ .reference }} {{.Tags}}", f"{WEB_REFERENCE} latest 1.4"),
        ("{{.Name}}\\t{{.Kind}}", "registry.example/team/web\timage"),
        ("{{json .Tags}}", '["latest", "1.4"]'),
        ("plain", "plain"),
    ],
)
def test_a_template_is_a_line_for_each(run: Run, template: str, expected: str) -> None:
    assert run("search", "--format", template, "repo:team/web") == (0, f"{expected}\n", "")


def test_a_template_gives_json(run: Run) -> None:
    _, whole, _ = run("search", "--jsonl", "repo:team/web")
    for template in ("json", "{{json .}}"):
        _, out, _ = run("search", "--format", template, "repo:team/web")
        found = json.loads(out)
        assert found["reference"] == json.loads(whole)["reference"]


def test_a_template_is_a_table(run: Run) -> None:
    _, out, _ = run("search", "--format", "table {{.Repository}}\\t{{.Registry}}", "bistro")
    assert [line.split() for line in out.splitlines()] == [
        ["REPOSITORY", "REGISTRY"],
        ["bistro", "main"],
    ]


def test_what_is_shown_has_fields_too(run: Run) -> None:
    _, out, _ = run("show", "--format", "{{.Reference}} {{.Digest}}", "team/web:1.4")
    assert out == f"registry.example/team/web:1.4 {WEB.digest}\n"
    assert run("show", "--format", "{{.Reference}}", "team/web")[1] == f"{WEB_REFERENCE}\n"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.Colour}}", "unknown field 'Colour': known are Reference, Name"),
        ("{{.Referense}}", "unknown field 'Referense': did you mean Reference?"),
        ("{{upper .Name}}", "'{{upper .Name}}' is not understood: write {{.Reference}}"),
        ("{{.Name", "'{{.Name' is not understood"),
        ("{{.}}", "a field follows the point"),
    ],
)
def test_a_mistake_in_a_template_is_told_before_anybody_is_asked(
    run: Run, template: str, message: str
) -> None:
    status, out, err = run("search", "--url", "http://127.0.0.1:9", "--format", template)
    assert (status, out) == (1, "")
    assert message in err


def test_one_form_at_a_time(run: Run) -> None:
    for forms in (["--csv", "--format", "x"], ["--json", "--columns", "name"]):
        status, _, err = run("search", *forms)
        assert status == 2
        assert "are two forms: choose one" in err


# Tables


def test_columns_are_a_table(run: Run) -> None:
    _, out, _ = run("search", "--columns", "reference, size ,tags", "repo:team/web")
    head, row = out.splitlines()
    assert head.split() == ["REFERENCE", "SIZE", "TAGS"]
    assert row.split() == [WEB_REFERENCE, "2.2", "kB", "latest", "1.4"]
    assert row.index("latest 1.4") == head.index("TAGS")


def test_csv_has_exact_values(run: Run) -> None:
    _, out, _ = run("search", "--csv", "--columns", "reference,size,created,tags", "repo:team/web")
    (row,) = csv.DictReader(io.StringIO(out))
    assert row == {
        "Reference": WEB_REFERENCE,
        "Size": "2207",
        "Created": "2026-01-02T03:04:05.000000Z",
        "Tags": "latest 1.4",
    }
    _, out, _ = run("search", "--csv", "--type", "image")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 11
    assert not [row for row in rows if None in row or None in row.values()]


def test_nothing_is_only_a_head(run: Run) -> None:
    assert run("search", "--csv", "--columns", "name", "no-such-thing") == (0, "Name\n", "")
    assert run("search", "--columns", "name", "no-such-thing") == (0, "", "")


# For scripts


def test_the_exit_status_tells_whether_anything_was_found(run: Run) -> None:
    assert run("search", "--exit-status", "--names", "bistro")[0] == 0
    assert run("search", "--exit-status", "--names", "no-such-thing") == (1, "", "")
    assert run("search", "--names", "no-such-thing")[0] == 0


def test_a_pipe_that_ends_early_is_no_failure(url: str) -> None:
    with subprocess.Popen(
        [PROGRAM, "search", "--url", url, "--all", "--jsonl", "--type", "image"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as searching:
        assert searching.stdout is not None
        assert searching.stderr is not None
        searching.stdout.close()
        assert searching.stderr.read() == ""


# Pages


def test_the_address_of_the_page_is_printed(run: Run, url: str) -> None:
    query = ["--type", "image", "label:a=b c"]
    assert run("search", "--web", *query)[1] == f"{url}/search?q=label:a%3Db+c&type=image\n"
    assert run("search", "--web")[1] == f"{url}/search\n"
    assert run("show", "--web", "team/web:1.4")[1] == f"{url}/go?ref=team/web:1.4\n"
    assert run("changes", "--web", "--registry", "main")[1] == f"{url}/changes?registry=main\n"
    assert run("status", "--web")[1] == f"{url}/status\n"


# Changes


@pytest.fixture
async def changing(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    await fill(directory, [Pushed("one", image(seed="1"), "1.0"), Pushed("two", image(), "2.0")])
    return directory


def push(directory: Path, *pushed: Pushed) -> None:
    with closing(Store(directory)) as store:
        put(store, pushed, clock=ManualClock())


@pytest.mark.anyio
async def test_changes_are_listed_with_the_last_at_the_end(run: Run, changing: Path) -> None:
    again = image(seed="again")
    push(changing, Pushed("one", again, "1.0"))
    with serving(make_web(settings_for(changing))) as url:
        _, out, _ = run("changes", "--url", url, "--limit", "2")
        lines = out.splitlines()
        assert lines[0] == "registry.example/two:2.0"
        assert lines[3] == "registry.example/one:1.0"
        assert lines[4].endswith(", it moved")
        assert lines[5].strip() == again.digest
        template = "{{.Kind}} {{.Reference}} {{.Digest}}"
        _, out, _ = run("changes", "--url", url, "--limit", "1", "--format", template)
        assert out == f"tag.pushed registry.example/one:1.0 {again.digest}\n"
        _, out, _ = run("changes", "--url", url, "--repository", "two", "--csv", "--columns", "tag")
        assert out == "Tag\n2.0\n"
        body = json.loads(run("changes", "--url", url, "--json", "--registry", "main")[1])
        assert [one["reference"] for one in body["changes"]][-1] == "registry.example/one:1.0"
        assert run("changes", "--url", url, "--registry", "second")[1] == "no changes\n"


@pytest.mark.anyio
async def test_what_changes_later_follows(changing: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with serving(make_web(settings_for(changing))) as url, Children(folder) as children:
        template = ["--watch", "--format", "{{.Reference}}", "--url", url]
        changes = children.start("changes", [PROGRAM, "changes", *template])
        search = children.start("search", [PROGRAM, "search", "new", *template, "--type", "image"])
        begun = "registry.example/one:1.0\nregistry.example/two:2.0\n"
        children.wait_for("listed", lambda: changes.log.read_text() == begun, seconds=60)
        # Only from now on is anything new, so it is pushed until it is seen.
        for number in range(60):
            push(changing, Pushed("new", image(seed=str(number)), f"{number}.0"))
            await bring_up_to_date(changing, clock=ManualClock())
            time.sleep(1)
            if "new" in search.log.read_text() and "new" in changes.log.read_text():
                break
        children.check()
        seen = changes.log.read_text().removeprefix(begun).splitlines()
        assert seen[0] == "registry.example/new:0.0"
        assert len(seen) == len(set(seen))
        found = search.log.read_text().splitlines()
        assert {one.partition(":")[0] for one in found} == {"registry.example/new"}
