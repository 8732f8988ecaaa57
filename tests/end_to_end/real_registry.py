"""A real registry process, of one version or the other, on a port and a folder of its own."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram, log_tail
from tests.end_to_end.waiting import wait_until

# The programs: Distribution 2.8 as Debian has it, and 3.1 as most people run it.
DISTRIBUTION_2 = "docker-registry"
DISTRIBUTION_3 = "registry"
USERNAME = "alice"
PASSWORD = "secret"
# Made by bcrypt at its lowest cost: the registry checks it on every single request.
HTPASSWD_LINE = f"{USERNAME}:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"
# 3.1 sends traces to a port of this machine unless it is told not to.
_UNTRACED = {"OTEL_TRACES_EXPORTER": "none"}


_ACCESS = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.1" (\d{3}) \S+ "[^"]*" "([^"]*)"')
"""One request in the access log."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a registry answered, with the status of the answer."""

    method: str
    path: str
    status: int

    @property
    def brings_a_body(self) -> bool:
        """Whether the answer was the content, and not only something about it."""
        return self.method == "GET" and self.status == 200


@dataclass(frozen=True, slots=True)
class Receiver:
    """The target of a registry's notifications, its secret, and which pulls are included."""

    url: str
    secret: str
    counts_pulls: bool = False
    wants_blobs: bool = False


class RealRegistry:
    """A registry with files below one folder; keeps address and content over restarts.

    ``program`` is its path. With ``upstream``, the address of another registry, it is a
    pull-through cache of that one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        program: str,
        receiver: Receiver | None = None,
        password_needed: bool = False,
        upstream: str = "",
    ) -> None:
        self.token_auth: dict[str, str] = {}
        """The settings of its token service, from the next start on; none without any."""
        self.tls: dict[str, object] = {}
        """Its settings for TLS, with which it is reached over HTTPS; none without any."""
        self.port = free_port()
        self.logs_requests = False
        self._upstream = upstream
        self._program_path = program
        self.receiver = receiver
        self._pasted = ""
        self.password_needed = password_needed
        self._folder = folder
        self._log = folder / "registry.log"
        self._program: RunningProgram | None = None

    @property
    def host(self) -> str:
        """The host and port as clients write it in front of a repository name."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def pid(self) -> int:
        """The process id of the registry, which runs."""
        assert self._program is not None, "the registry was not started"
        return self._program.pid

    def start(self) -> None:
        """Start the process with the present settings; return when it answers."""
        config = self._folder / "registry.yml"
        # A key a line, with JSON behind it, is YAML that more can be pasted to.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in self._config().items()]
        config.write_text("".join(lines) + self._pasted, "utf-8")
        if self.password_needed:
            self._htpasswd.write_text(HTPASSWD_LINE, "utf-8")
        command = [self._program_path, "serve", str(config)]
        self._program = RunningProgram(command, log=self._log, environment=os.environ | _UNTRACED)
        wait_until(self._is_up, 20, f"the registry listens on port {self.port}", every=0.02)

    def stop(self) -> None:
        """End the process in good order; what waits in its notification queue is lost."""
        if self._program is not None:
            self._program.terminate(5)
        self.kill()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        if self._program is not None:
            self._program.kill()
            self._program = None

    def change_password(self, password: str) -> None:
        """Let the user in with this password, and no longer with the one before, at once."""
        made = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        self._htpasswd.write_text(f"{USERNAME}:{made}\n", "utf-8")

    def restart(self) -> None:
        """Stop and start on the same port and content."""
        self.stop()
        self.start()

    def paste(self, notifications: str) -> None:
        """Use this block of YAML in the configuration, in place of our own, from the next start.

        ``regsearch serve`` prints such a block.
        """
        self._pasted, self.receiver = notifications, None

    def remove_repository_folder(self, name: str) -> None:
        """Remove a repository from the disk, as an administrator does; no event tells of it."""
        shutil.rmtree(self._repositories / name)

    def copy_repository_folder(self, name: str, copy: str) -> None:
        """Copy a repository on the disk, faster than a push; no event tells of it."""
        shutil.copytree(self._repositories / name, self._repositories / copy)

    def copy_tag_folder(self, name: str, tag: str, copy: str) -> None:
        """Give what a tag points to one more tag on the disk; no event tells of it."""
        tags = self._repositories / name / "_manifests" / "tags"
        shutil.copytree(tags / tag, tags / copy)

    def restart_on_an_empty_disk(self) -> None:
        """Stop and start as if the disk with all content were not mounted; it is kept aside."""
        self.stop()
        (self._folder / "data").rename(self._folder / "data-not-mounted")
        self.start()

    def restart_on_its_own_disk(self) -> None:
        """Stop and start with the content that was kept aside."""
        self.stop()
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        (self._folder / "data-not-mounted").rename(self._folder / "data")
        self.start()

    def log_text(self) -> str:
        """What the process wrote, its last part, without its answers to requests."""
        lines = log_tail(self._log).splitlines()
        shown = (line for line in lines if not _ACCESS.search(line))
        return "\n".join(line for line in shown if "response completed with error" not in line)

    def requests(self, user_agent: str = "") -> list[Request]:
        """The requests that were answered, in order, all or those of one kind of client.

        ``logs_requests`` must be set before the start.
        """
        found = _ACCESS.findall(self._log.read_text("utf-8", "replace"))
        return [
            Request(method, path, int(status))
            for method, path, status, agent in found
            if user_agent in agent
        ]

    @property
    def _repositories(self) -> Path:
        return self._folder / "data/docker/registry/v2/repositories"

    @property
    def _htpasswd(self) -> Path:
        return self._folder / "htpasswd"

    def _is_up(self) -> bool:
        ended = self._program is None or self._program.exit_code is not None
        assert not ended, f"the registry ended:\n{self.log_text()}"
        return listening(self.port)

    def _config(self) -> dict[str, object]:
        config: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": not self.logs_requests}},
            "storage": {
                "cache": {"blobdescriptor": "inmemory"},
                "filesystem": {"rootdirectory": str(self._folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": self.host, "secret": "shared by nobody"},
        }
        if self.tls:
            config["http"] = {"addr": self.host, "secret": "shared by nobody", "tls": self.tls}
        if self._upstream:
            config["proxy"] = {"remoteurl": self._upstream}
        if self.password_needed:
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self._htpasswd)}}
        if self.token_auth:
            config["auth"] = {"token": self.token_auth}
        if self.receiver is not None:
            config["notifications"] = {"endpoints": [_endpoint(self.receiver)]}
        return config


def _endpoint(receiver: Receiver) -> dict[str, object]:
    return {
        "name": "regsearch",
        "url": receiver.url,
        "headers": {"Authorization": [f"Bearer {receiver.secret}"]},
        # What is not taken in this time is sent again, and then a pull is counted twice.
        "timeout": "10s",
        "threshold": 5,
        "backoff": "1s",
        "ignore": {
            "actions": [] if receiver.counts_pulls else ["pull"],
            "mediatypes": [] if receiver.wants_blobs else ["application/octet-stream"],
        },
    }
