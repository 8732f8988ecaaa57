"""A registry with content and the service beside it, to try: ``python -m tests.demo``.

Starts the real ``docker-registry`` where it is installed, else the fake one of the tests; pushes
half of the content, starts the service, pushes the other half, says what to try, and runs until
it is stopped. ``--exit-when-ready`` stops by itself then.
"""

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx2

from tests import demo_content
from tests.children import ChildError, Children
from tests.end_to_end.ports import free_port
from tests.push import push_many

LISTEN = "127.0.0.1:8080"
REGISTRY_PORT = 5000
START_SECONDS = 60.0
FILL_SECONDS = 120.0


class DemoError(Exception):
    """The demo cannot run; the message names the remedy in one line."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the demo: hosts and ports of two servers, the folders, the webhook secret."""

    registry: str
    listen: str
    data: Path
    folder: Path
    secret: str

    @property
    def service_environment(self) -> dict[str, str]:
        """Return the settings that the service and its command line need."""
        return {
            "REGSEARCH_REGISTRY": f"http://{self.registry}",
            "REGSEARCH_DATA_DIR": str(self.data),
            "REGSEARCH_LISTEN": self.listen,
        }


def find_places(
    folder: Path, environment: Mapping[str, str], *, registry_port: int = REGISTRY_PORT
) -> Places:
    """Return free places; :class:`DemoError` if the wanted address is taken.

    The registry gets ``registry_port`` if it can.
    """
    listen = environment.get("REGSEARCH_LISTEN") or LISTEN
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise DemoError(f"REGSEARCH_LISTEN is {listen!r}: give it as {LISTEN}")
    if not _is_free(host or "127.0.0.1", int(port)):
        raise DemoError(f"{listen} is taken: set REGSEARCH_LISTEN to another address")
    if not _is_free("127.0.0.1", registry_port):
        registry_port = free_port()
    return Places(
        registry=f"127.0.0.1:{registry_port}",
        listen=listen,
        data=Path(environment.get("REGSEARCH_DATA_DIR") or folder / "data").absolute(),
        folder=folder,
        secret=secrets.token_hex(16),
    )


def registry_command(places: Places, *, program: str | None) -> list[str]:
    """Return how to start the registry: the real ``program``, or the fake without one.

    Both report pushes and deletes of manifests to the service, and neither pulls nor blobs.
    """
    hook = f"http://{places.listen}/webhooks/default"
    if program is None:
        fake = [sys.executable, "-m", "tests.fakes.registry", "--listen", places.registry]
        notify = ["--notify", hook, "--authorization", f"Bearer {places.secret}"]
        ignore = ["--ignore-action", "pull", "--ignore-media-type", "application/octet-stream"]
        return [*fake, *notify, *ignore]
    endpoint = {
        "name": "regsearch",
        "url": hook,
        "headers": {"Authorization": [f"Bearer {places.secret}"]},
        "timeout": "1s",
        "threshold": 5,
        "backoff": "1s",
        # Both keys are needed: with the actions alone, old versions ignore nothing.
        "ignore": {"actions": ["pull"], "mediatypes": ["application/octet-stream"]},
    }
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": str(places.folder / "registry")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": places.registry},
        "notifications": {"endpoints": [endpoint]},
    }
    config = places.folder / "registry.yml"
    # Every JSON text is YAML, which is what the registry reads.
    config.write_text(json.dumps(settings, indent=2))
    return [program, "serve", str(config)]


def things_to_try(places: Places) -> Iterator[tuple[str, str]]:
    """Give each command with the words above it; every one can be pasted as it is."""
    api = f"http://{places.listen}/api/v1"
    registry = places.registry
    yield "Search as docker and podman do", f"docker search {places.listen}/web"
    yield "", f"podman search --tls-verify=false {places.listen}/web"
    yield "Search by field: what runs on arm64", f"curl -s '{api}/search?q=arch:arm64'"
    yield "Find images by a label", f"curl -s '{api}/search?q=label:team=payments&type=image'"
    yield "Search on the command line", _command_line(places)
    copy = f"docker://{registry}/team/web:1.1 docker://{registry}/my/copy:1"
    yield (
        "Push something, and search for it a second later",
        f"skopeo copy --src-tls-verify=false --dest-tls-verify=false {copy}",
    )
    source, target = f"{registry}/team/web:1.1", f"{registry}/my/image:1"
    push = f"docker pull {source} && docker tag {source} {target} && docker push {target}"
    yield "", push
    yield "", f"curl -s '{api}/search?q=my'"


def _command_line(places: Places) -> str:
    script = Path(sys.executable).with_name("regsearch")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "search_api"]
    return shlex.join([*command, "search", "--url", f"http://{places.listen}", "web"])


def message(places: Places) -> str:
    """Return the output of the running demo."""
    count = len(demo_content.repositories())
    lines = [
        f"Open http://{places.listen}/ in a browser: regsearch has found {count} repositories",
        f"of the registry at {places.registry}. In another terminal, try:",
    ]
    for title, command in things_to_try(places):
        if title:
            lines += ["", f"{title}:"]
        program = shlex.split(command)[0]
        note = "" if shutil.which(program) else f"  # {program} is not installed here"
        lines.append(f"  {command}{note}")
    return "\n".join(lines)


def run(places: Places, children: Children) -> None:
    """Start and fill everything; return when a search finds all of it."""
    program = shutil.which("docker-registry")
    print(
        f"Starting {'docker-registry' if program else 'the fake registry of the tests'} ...",
        flush=True,
    )
    # Distribution 3 would send traces to a collector that is not there, and log each failure.
    untraced = {"OTEL_TRACES_EXPORTER": "none"}
    children.start("registry", registry_command(places, program=program), environment=untraced)
    registry = f"http://{places.registry}"
    children.wait_for(
        "the registry answers", lambda: is_up(f"{registry}/v2/"), seconds=START_SECONDS
    )
    push_many(registry, demo_content.before(), threads=2)
    print("Starting regsearch ...", flush=True)
    secret = {"REGSEARCH_WEBHOOK_SECRET": places.secret}
    serve = [sys.executable, "-m", "search_api", "serve"]
    children.start("regsearch", serve, environment=places.service_environment | secret)
    service = f"http://{places.listen}"
    children.wait_for(
        "regsearch is ready", lambda: is_up(f"{service}/readyz"), seconds=START_SECONDS
    )
    push_many(registry, demo_content.after(), threads=2)
    expected = demo_content.repositories()
    children.wait_for(
        f"a search finds {len(expected)} repositories",
        lambda: expected <= _found(service),
        seconds=FILL_SECONDS,
    )


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def is_up(url: str) -> bool:
    """Tell whether a GET of ``url`` is answered with 200."""
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def _found(service: str) -> set[str]:
    """Return the repositories that an empty search lists; none while it does not answer."""
    try:
        answer = httpx2.get(f"{service}/api/v1/search?q=&limit=100", trust_env=False)
    except httpx2.TransportError:
        return set()
    if answer.status_code != 200:
        return set()
    return {result["repository"] for result in answer.json()["results"]}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _handle_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def _show(places: Places, children: Children, *, exit_when_ready: bool) -> None:
    run(places, children)
    print(message(places), flush=True)
    if not exit_when_ready:
        print("\nCtrl-C stops everything.", flush=True)
        children.watch()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--exit-when-ready", action="store_true", help="fill, print and stop")
    given = parser.parse_args(arguments)
    _handle_signals(_interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="regsearch-demo-") as name:
            places = find_places(Path(name), os.environ)
            with Children(Path(name)) as children:
                try:
                    _show(places, children, exit_when_ready=given.exit_when_ready)
                finally:
                    # Stopping must not be interrupted: something would be left running.
                    _handle_signals(signal.SIG_IGN)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (DemoError, ChildError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
