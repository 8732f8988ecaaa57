"""A real Pulp: a registry whose own token service decides who may pull from which repository."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx2
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.end_to_end.nginx import nginx_command, nginx_configuration
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram, log_tail, run_well
from tests.end_to_end.waiting import wait_until

ADMINISTRATOR = "admin"
PASSWORD = "secret-of-admin"
_API = "/pulp/api/v3/"
_READER = "container.containerdistribution_consumer"
"""The role that may pull from a private repository."""
_START_SECONDS = 600
_SETTINGS = """\
SECRET_KEY = "only for a test, on this machine, for a minute"
DB_ENCRYPTION_KEY = "{folder}/fernet.key"
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "{folder}",
        "NAME": "postgres",
        "USER": "pulp",
    }}
}}
ALLOWED_HOSTS = ["*"]
CONTENT_ORIGIN = "{url}"
TOKEN_SERVER = "{url}/token/"
TOKEN_SIGNATURE_ALGORITHM = "ES256"
PUBLIC_KEY_PATH = "{folder}/public.pem"
PRIVATE_KEY_PATH = "{folder}/private.pem"
DEPLOY_ROOT = "{folder}"
MEDIA_ROOT = "{folder}/media"
STATIC_ROOT = "{folder}/static"
WORKING_DIRECTORY = "{folder}/work"
FILE_UPLOAD_TEMP_DIR = "{folder}/work"
"""
# Clients try TLS first, and Pulp's own server waits ten seconds for the rest of such a request.
_BLOCKS = """\
    client_max_body_size 0;
    proxy_set_header Host $http_host;
    server {{
        listen {host};
        location / {{ proxy_pass http://{api}; }}
        location /pulp/container/ {{ proxy_pass http://{content}; }}
    }}
"""


class Pulp:
    """Pulp with a database of its own behind nginx; stopped at the end of the ``with`` block.

    ``folder`` is for Pulp alone, with a short path, for the socket of the database. ``programs`` is
    the folder of Pulp's programs, ``postgres`` that of PostgreSQL's, ``nginx`` a path.
    """

    def __init__(self, folder: Path, *, programs: Path, postgres: Path, nginx: str) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.host}"
        self._api, self._content = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._folder = folder / "pulp"
        self._programs = programs
        self._postgres = postgres
        self._nginx = nginx
        self._running: list[RunningProgram] = []
        self._http = httpx2.Client(
            base_url=self.url,
            auth=(ADMINISTRATOR, PASSWORD),
            timeout=30,
            trust_env=False,
        )

    def start(self) -> None:
        """Make the database, start everything; return when it answers."""
        self._folder.mkdir()
        # The database has an account of its own, if we are root.
        self._folder.parent.chmod(0o755)
        self._folder.chmod(0o777)
        for name in ("media", "static", "work", "nginx"):
            (self._folder / name).mkdir()
        self._start_database()
        self._write_keys()
        settings = _SETTINGS.format(folder=self._folder, url=self.url)
        (self._folder / "settings.py").write_text(settings, "utf-8")
        self._manage("migrate", "--noinput")
        self._manage("reset-admin-password", "--password", PASSWORD)
        self._run("pulpcore-api", "--bind", self._api, "--workers", "2")
        self._run("pulpcore-content", "--bind", self._content, "--workers", "1")
        self._run("pulpcore-worker")
        folder = self._folder / "nginx"
        blocks = _BLOCKS.format(host=self.host, api=self._api, content=self._content)
        (folder / "nginx.conf").write_text(nginx_configuration(blocks), "utf-8")
        self._start("nginx", nginx_command(self._nginx, folder))
        wait_until(self._is_up, _START_SECONDS, "Pulp answers", every=0.2)

    def add_user(self, name: str, password: str) -> None:
        """Add a user who may do nothing yet."""
        self._ask("POST", f"{_API}users/", username=name, password=password)

    def make_private(self, repository: str) -> None:
        """Let nobody pull from a repository but users that it is opened to."""
        self._ask("PATCH", self._distribution(repository), private=True)

    def open_to(self, user: str, repository: str) -> None:
        """Let a user pull from a private repository."""
        path = f"{self._distribution(repository)}add_role/"
        self._ask("POST", path, role=_READER, users=[user])

    def close_to(self, user: str, repository: str) -> None:
        """Take that right away."""
        path = f"{self._distribution(repository)}remove_role/"
        self._ask("POST", path, role=_READER, users=[user])

    def log_text(self) -> str:
        """What its programs wrote, the last part of each."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log_tail(log)}" for log in logs)

    def _distribution(self, repository: str) -> str:
        found = self._ask("GET", f"{_API}distributions/container/container/?base_path={repository}")
        [one] = found["results"]
        return str(one["pulp_href"])

    def _ask(self, method: str, path: str, **body: object) -> Mapping[str, Any]:
        """Return the JSON of an answer; wait for what is done afterwards."""
        answer = self._http.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Mapping[str, Any] = answer.json()
        if task := found.get("task"):
            wait_until(
                lambda: self._ask("GET", task)["state"] == "completed", 60, f"{path} is done"
            )
        return found

    def _start_database(self) -> None:
        account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        before = account if os.geteuid() == 0 else []
        data = str(self._folder / "database")
        make = [str(self._postgres / "initdb"), "--auth=trust", "--username=pulp", "--no-sync"]
        run_well([*before, *make, "--encoding=UTF8", data], folder=self._folder)
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(self._folder)]
        command = [str(self._postgres / "postgres"), "-D", data, *options]
        self._start("database", [*before, *command])
        socket = self._folder / ".s.PGSQL.5432"
        wait_until(socket.exists, 30, "the database listens")

    def _write_keys(self) -> None:
        (self._folder / "fernet.key").write_bytes(Fernet.generate_key())
        key = ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        private = serialization.PrivateFormat.PKCS8
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        secret = key.private_bytes(pem, private, serialization.NoEncryption())
        (self._folder / "private.pem").write_bytes(secret)
        (self._folder / "public.pem").write_bytes(key.public_key().public_bytes(pem, public))

    def _manage(self, *words: str) -> None:
        command = [str(self._programs / "pulpcore-manager"), *words]
        run_well(command, seconds=_START_SECONDS, environment=self._environment())

    def _run(self, program: str, *words: str) -> None:
        self._start(program, [str(self._programs / program), *words])

    def _start(self, name: str, command: list[str]) -> None:
        self._running.append(
            RunningProgram(
                command,
                log=self._folder / f"{name}.log",
                environment=self._environment(),
                folder=self._folder,
            )
        )

    def _environment(self) -> dict[str, str]:
        path = f"{self._programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return os.environ | {"PULP_SETTINGS": str(self._folder / "settings.py"), "PATH": path}

    def _is_up(self) -> bool:
        ended = [program for program in self._running if program.exit_code is not None]
        assert not ended, f"a program of Pulp ended:\n{self.log_text()}"
        port = int(self.host.rpartition(":")[2])
        return listening(port) and self._http.get(f"{_API}status/").status_code == 200

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        # The database goes last, and in good order.
        for program in reversed(self._running):
            program.terminate(15)
            program.kill()


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian has one for each version."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None
