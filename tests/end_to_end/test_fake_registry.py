"""The fake registry serves the real clients, and holds what the real registry holds."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from indexer.model.media_types import ACCEPT_MANIFESTS
from tests import demo, demo_content
from tests.builders import image, index
from tests.children import Children
from tests.end_to_end.event_listener import EventListener
from tests.end_to_end.podman_client import storage
from tests.end_to_end.ports import free_port
from tests.end_to_end.real_registry import DISTRIBUTION_2, DISTRIBUTION_3
from tests.fakes.registry import FakeRegistry
from tests.fakes.serving import serving
from tests.programs import NeedsProgram
from tests.push import push, push_many

IMAGE = image(labels={"team": "payments"}, seed="web")


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def address(registry: FakeRegistry) -> Iterator[str]:
    """The host and port of the served registry."""
    with serving(registry.app) as url:
        yield url.removeprefix("http://")


def run(*command: str, folder: Path) -> str:
    """Run a program to its end and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_skopeo_inspects_copies_and_deletes(
    registry: FakeRegistry, address: str, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    skopeo = needs_program("skopeo")
    built = index([IMAGE, image(architecture="arm64", variant="v8")], attestations=True)
    push(f"http://{address}", "team/web", built, "1.0")
    source, target = f"docker://{address}/team/web:1.0", f"docker://{address}/my/deep/copy:2"
    tls = ("--src-tls-verify=false", "--dest-tls-verify=false")
    run(skopeo, "copy", "--all", *tls, source, target, folder=tmp_path)
    assert registry.content.get("my/deep/copy").tags == {"2": built.digest}
    config = run(skopeo, "inspect", "--config", "--tls-verify=false", target, folder=tmp_path)
    assert json.loads(config)["config"]["Labels"] == {"team": "payments"}
    tags = run(skopeo, "list-tags", "--tls-verify=false", source[:-4], folder=tmp_path)
    assert json.loads(tags)["Tags"] == ["1.0"]
    run(skopeo, "delete", "--tls-verify=false", target, folder=tmp_path)
    assert registry.content.get("my/deep/copy").tags == {}


def test_skopeo_pushes_in_both_formats(
    registry: FakeRegistry, address: str, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    skopeo = needs_program("skopeo")
    push(f"http://{address}", "team/web", IMAGE, "1.0")
    source, layout = f"docker://{address}/team/web:1.0", "oci:layout:1"
    run(skopeo, "copy", "--src-tls-verify=false", source, layout, folder=tmp_path)
    for form in ("oci", "v2s2"):
        target = f"docker://{address}/new/{form}:1"
        options = ("--format", form, "--dest-tls-verify=false")
        run(skopeo, "copy", *options, layout, target, folder=tmp_path)
    assert registry.content.get("new/oci").tags == {"1": IMAGE.digest}
    [docker] = registry.content.get("new/v2s2").manifests.values()
    assert docker.media_type == "application/vnd.docker.distribution.manifest.v2+json"


def test_oras_pushes_attaches_pulls_and_deletes(
    registry: FakeRegistry, address: str, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    oras = needs_program("oras")
    (tmp_path / "hello.txt").write_text("hello")
    plain, kind = "--plain-http", ("--artifact-type", "application/vnd.acme.widget")
    name = f"{address}/files/hello:1"
    run(oras, "push", plain, *kind, name, "hello.txt:text/plain", folder=tmp_path)
    run(oras, "attach", plain, *kind, name, "hello.txt:text/plain", folder=tmp_path)
    run(oras, "tag", plain, name, "latest", folder=tmp_path)
    run(oras, "pull", plain, "--output", "out", name, folder=tmp_path)
    assert (tmp_path / "out" / "hello.txt").read_text() == "hello"
    tags = run(oras, "repo", "tags", plain, f"{address}/files/hello", folder=tmp_path).split()
    assert {"1", "latest"} <= set(tags)
    assert any(tag.startswith("sha256-") for tag in tags), "the attachment without a referrers API"
    assert run(oras, "repo", "ls", plain, address, folder=tmp_path).split() == ["files/hello"]
    run(oras, "cp", "--from-plain-http", "--to-plain-http", name, f"{address}/a:1", folder=tmp_path)
    run(oras, "manifest", "delete", plain, "--force", name, folder=tmp_path)
    assert {"1", "latest"}.isdisjoint(registry.content.get("files/hello").tags)
    assert "1" in registry.content.get("a").tags


def test_podman_builds_pushes_and_searches(
    registry: FakeRegistry,
    address: str,
    tmp_path: Path,
    short_folder: Path,
    needs_program: NeedsProgram,
) -> None:
    program = needs_program("podman")
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY Containerfile /\nLABEL a=b\n")
    podman = (program, *storage(short_folder / "build"))
    run(*podman, "build", "--quiet", "--tag", "built", ".", folder=tmp_path)
    name = f"{address}/team/built:1"
    run(*podman, "push", "--quiet", "--tls-verify=false", "built", name, folder=tmp_path)
    run(*podman, "pull", "--quiet", "--tls-verify=false", name, folder=tmp_path)
    assert list(registry.content.get("team/built").tags) == ["1"]
    search = ("search", "--tls-verify=false", "--format", "{{.Name}}", f"{address}/buil")
    assert run(*podman, *search, folder=tmp_path).split() == [f"{address}/team/built"]


def listing(url: str) -> dict[str, Any]:
    """Return every repository with its tags and the digests and types they resolve to."""
    found: dict[str, Any] = {}
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        for name in client.get("/v2/_catalog?n=1000").json()["repositories"]:
            for tag in sorted(client.get(f"/v2/{name}/tags/list").json()["tags"]):
                accept = {"Accept": ACCEPT_MANIFESTS}
                answer = client.get(f"/v2/{name}/manifests/{tag}", headers=accept)
                keep = ("content-type", "content-length", "docker-content-digest", "etag")
                found[f"{name}:{tag}"] = {key: answer.headers[key] for key in keep}
    return found


def told_and_answered(folder: Path, program: str | None, *, v3: bool) -> dict[str, Any]:
    """Push everything to a registry, delete a digest and a tag; return what it told and said."""
    folder.mkdir()
    with EventListener() as listener, Children(folder) as children:
        address = f"127.0.0.1:{free_port()}"
        where = demo.Places(address, listener.host, folder / "data", folder, "secret-of-the-demo")
        command = demo.registry_command(where, program=program)
        children.start("registry", [*command, "--v3"] if v3 and program is None else command)
        url = f"http://{address}"
        children.wait_for("registry", lambda: demo.is_up(f"{url}/v2/"), seconds=60)
        everything = [*demo_content.before(), *demo_content.after()]
        push_many(url, everything, threads=1)
        told: dict[str, Any] = {"listing": listing(url)}
        by_digest, by_tag = everything[:2]
        for name, pushed, reference, is_told in (
            ("digest deleted", by_digest, by_digest.built.digest, True),
            ("tag deleted", by_tag, by_tag.tag, v3),
        ):
            path = f"{url}/v2/{pushed.repository}/manifests/{reference}"
            told[name] = httpx2.delete(path, timeout=30, trust_env=False).status_code
            if is_told:
                listener.wait_for("delete", pushed.repository, pushed.tag)
    keys = ("repository", "mediaType", "digest", "tag")
    told["events"] = [
        (event["action"], *(event["target"].get(key) for key in keys)) for event in listener.events
    ]
    return told


@pytest.mark.parametrize(
    ("name", "v3"), [(DISTRIBUTION_2, False), (DISTRIBUTION_3, True)], ids=["2.8", "3.1"]
)
def test_it_holds_and_reports_what_the_real_registry_does(
    tmp_path: Path, needs_program: NeedsProgram, name: str, v3: bool
) -> None:
    """The same pushes and deletes end in the same answers and the same events."""
    real = told_and_answered(tmp_path / "real", needs_program(name), v3=v3)
    fake = told_and_answered(tmp_path / "fake", None, v3=v3)
    assert fake == real
    last = real["events"][-1]
    if v3:
        assert real["tag deleted"] == 202
        assert last == ("delete", "base/runtime", "", "", "3.13")
    else:
        assert real["tag deleted"] == 400
        assert last == ("delete", "base/debian", None, None, "13-slim")
