"""The commands of searching: their output in each form, and their exit status."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from search_api.cli.client import connect
from search_api.cli.main import main
from search_api.cli.search import AskedSearch, find
from search_api.web import make_web
from tests.end_to_end.ports import free_port
from tests.fakes.clock import ManualClock
from tests.fakes.serving import serving
from tests.search_api.conformance.breaking import Broken, BrokenServer
from tests.search_api.filling import settings_for
from tests.search_api.sample_content import MAIN_NAMES, NGINX, WEB

Run = Callable[..., tuple[int, str, str]]
PROGRAM = str(Path(sys.executable).with_name("regsearch"))


@pytest.fixture(scope="module")
def url(filled: Path) -> Iterator[str]:
    """Give the address of a service with the sample content."""
    with serving(make_web(settings_for(filled))) as address:
        yield address


@pytest.fixture(autouse=True)
def _settings(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REGSEARCH_")]:
        monkeypatch.delenv(name)
    # Nothing but the address of the service is needed.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REGSEARCH_URL", url)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_it


class TestSearch:
    def test_names_are_what_to_type_after_docker_pull(self, run: Run) -> None:
        status, out, _ = run("search", "--names", "repo:team/web")
        assert (status, out) == (0, "registry.example/team/web:latest\n")

    def test_a_name_meets_the_conditions_in_every_form(self, run: Run) -> None:
        assert run("search", "--names", "nginx:1.25", "Front")[1] == "registry.example/nginx:1.25\n"
        assert "registry.example/nginx:1.25" in run("search", "nginx:1.25")[1]

    def test_each_line_is_a_result(self, run: Run) -> None:
        _, out, _ = run("search", "--jsonl", "--type", "image", "--sort", "name")
        results = [json.loads(line) for line in out.splitlines()]
        names = [one["repository"] for one in results]
        assert len(names) > 1
        assert names == sorted(names)

    @pytest.mark.parametrize("form", ["--json", "--jsonl"])
    def test_json_says_which_texts_match_as_the_api_does(self, run: Run, form: str) -> None:
        body = json.loads(run("search", form, "front", "label:team")[1])
        (result,) = body["results"] if form == "--json" else [body]
        assert "description" in {one["field"] for one in result["match"]["highlights"]}

    def test_a_minus_reverses_the_order(self, run: Run) -> None:
        forth = run("search", "--names", "--sort", "size", "--type", "image")[1].splitlines()
        back = run("search", "--names", "--sort", "-size", "--type", "image")[1].splitlines()
        assert forth[0] != back[0]
        assert set(forth) == set(back)

    def test_facets_are_counted_below_the_table(self, run: Run) -> None:
        _, out, _ = run("search", "--facets", "registry,license", "--limit", "1")
        assert "registry: main 8, second 2\n" in out
        assert "license: none\n" in out

    def test_all_pages_are_one_list(self, url: str) -> None:
        asked = AskedSearch({"sort": "name", "limit": "3", "registry": "main"}, everything=True)
        with connect(url) as service:
            body = find(service, asked)
        assert [one["repository"] for one in body["results"]] == MAIN_NAMES
        assert body["next"] is None

    def test_an_unknown_facet_is_named(self, run: Run) -> None:
        status, _, err = run("search", "--facets", "colour")
        assert status == 1
        assert "unknown facet 'colour'" in err

    def test_a_slip_is_corrected_and_said(self, run: Run) -> None:
        _, out, _ = run("search", "ingerss")
        assert "team/nginx-ingress" in out
        assert "these match: ingress" in out


class TestShow:
    def test_a_tag_is_an_image_with_its_history(self, run: Run) -> None:
        status, out, _ = run("show", "registry.example/team/web:1.4")
        assert status == 0
        for text in (WEB.digest, "linux/arm64", "The shop's front", "team", "payments"):
            assert text in out, text

    @pytest.mark.parametrize("name", ["nginx", "main/nginx", "registry.example/nginx"])
    def test_a_name_alone_is_a_repository(self, run: Run, name: str) -> None:
        body = json.loads(run("show", "--json", name)[1])
        assert body["repository"]["repository"] == "nginx"
        assert {one["tag"] for one in body["tags"]} == {"latest", "1.25"}

    def test_a_digest_is_an_image_or_a_layer(self, run: Run) -> None:
        image = json.loads(run("show", "--json", NGINX.digest)[1])["image"]
        assert image["digest"] == NGINX.digest
        digest = next(one["digest"] for one in image["layers"] if one["digest"])
        layer = json.loads(run("show", "--json", digest)[1])["layer"]
        assert layer["digest"] == digest
        assert digest in run("show", digest)[1]

    def test_what_several_registries_have_is_asked_for_by_registry(self, run: Run) -> None:
        status, _, err = run("show", "team/nginx")
        assert status == 1
        assert "name one of main/team/nginx, second/team/nginx" in err
        assert run("show", "second.example:5000/team/nginx:2")[0] == 0

    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            ("nothing/here", "no repository 'nothing/here' in any registry"),
            ("nginx:9.9", "no tag '9.9'"),
            ("@", "not a reference: '@'"),
            (f"sha256:{'0' * 64}", "no layer"),
            ("nginx@sha256:12", "sha256:12"),
        ],
    )
    def test_what_is_not_there_is_named(self, run: Run, reference: str, message: str) -> None:
        status, out, err = run("show", reference)
        assert (status, out) == (1, "")
        assert message in err

    def test_hostile_text_reaches_no_terminal(self, run: Run) -> None:
        _, out, _ = run("show", "evil:latest")
        assert not {"\x1b", "\x9b", "\u202e", "\x07", "\x00"} & set(out)


class TestConformance:
    @pytest.fixture
    def serve(self, filled: Path) -> Iterator[Callable[..., str]]:
        with ExitStack() as stack:

            def start(broken: Broken | None = None) -> str:
                app = make_web(settings_for(filled), clock=ManualClock())
                server = BrokenServer(app, broken) if broken else app
                return stack.enter_context(serving(server))

            yield start

    def test_each_check_is_a_line(self, run: Run, serve: Callable[..., str]) -> None:
        status, out, err = run("conformance", serve())
        assert (status, err) == (0, "")
        assert {line.split()[0] for line in out.splitlines()} == {"ok"}

    def test_what_fails_is_told_and_counted(self, run: Run, serve: Callable[..., str]) -> None:
        status, out, err = run("conformance", "--json", serve(Broken(path="/api/v1/status")))
        assert (status, err) == (0, "")
        assert {one["state"] for one in json.loads(out)["checks"]} == {"passed"}
        broken = Broken(path="/v2/_oci", body=lambda _: {})
        status, out, err = run("conformance", serve(broken))
        assert status == 1
        assert "FAILED" in out
        assert err.startswith("regsearch: 2 of ")

    def test_what_is_no_address_is_refused(self, run: Run) -> None:
        status, _, err = run("conformance", f"localhost:{free_port()}")
        assert status == 2
        assert "is no http:// or https:// address" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_printed(run: Run, shell: str) -> None:
    status, out, _ = run("completion", shell)
    assert status == 0
    assert "_REGSEARCH_COMPLETE" in out
