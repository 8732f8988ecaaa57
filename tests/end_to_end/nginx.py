"""A real nginx in front of a registry, which answers some addresses by itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram, log_tail
from tests.end_to_end.waiting import wait_until

# One process that stays with us; all files are below its own folder.
_WHOLE = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{blocks}
}}
"""
_SERVER = """\
    server {{
        listen {host};
        location / {{
            proxy_pass {registry};
            proxy_set_header Host $http_host;
{users}
        }}
{search}{answers}
    }}
"""
# Without a header of its own, nginx sends the address that it passes requests on to as the host.
_SEARCH = """\
        location /v1/ {{
            proxy_pass {address};
            proxy_set_header X-Forwarded-Host $http_host;
        }}
"""
# nginx asks for a password, and says who it was; what a client says of that is replaced.
_USERS = """\
            auth_basic "users";
            auth_basic_user_file {file};
            proxy_set_header X-Forwarded-User $remote_user;
            proxy_set_header X-Forwarded-Groups "";
            proxy_set_header X-Forwarded-For $remote_addr;
"""
_MISSING = """\
        location = {path} {{
            return 404;
        }}
"""
_ANSWER = """\
        location = {path} {{
            default_type application/json;
            return 200 '{body}';
        }}
"""


def nginx_configuration(blocks: str) -> str:
    """Return a configuration with blocks of ``http``, such as those of a file of ``conf.d``."""
    return _WHOLE.format(blocks=blocks)


def nginx_command(program: str, folder: Path, *, file: str = "nginx.conf") -> list[str]:
    """Return the command that runs nginx with a configuration in ``folder``."""
    return [program, "-e", "stderr", "-p", str(folder), "-c", file]


class Nginx:
    """nginx on a port of its own; stopped at the end of the ``with`` block at the latest.

    ``program`` is its path, ``registry`` the address that it passes requests on to. Searches go to
    the address ``search``, if there is one. ``users`` is a file of users who must sign in, and whom
    it names in ``X-Forwarded-User``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        program: str,
        registry: str,
        search: str = "",
        users: Path | None = None,
    ) -> None:
        self._users = _USERS.format(file=users) if users else ""
        self.host = f"127.0.0.1:{free_port()}"
        self._registry = registry
        self._search = search
        self._command = nginx_command(program, folder)
        self._folder = folder
        self._log = folder / "nginx.log"
        self._program: RunningProgram | None = None

    @property
    def url(self) -> str:
        """The address over HTTP, without a slash at the end."""
        return f"http://{self.host}"

    def start(self, answers: Mapping[str, str], *, missing: Sequence[str] = ()) -> None:
        """Start, or start anew, to answer these paths with that JSON and pass on all others.

        The paths ``missing`` are answered 404.
        """
        self.stop()
        texts = [_ANSWER.format(path=path, body=body) for path, body in answers.items()]
        texts += [_MISSING.format(path=path) for path in missing]
        text = _SERVER.format(
            host=self.host,
            registry=self._registry,
            users=self._users,
            search=_SEARCH.format(address=self._search) if self._search else "",
            answers="".join(texts),
        )
        (self._folder / "nginx.conf").write_text(nginx_configuration(text), "utf-8")
        self._program = RunningProgram(self._command, log=self._log)
        wait_until(self._is_up, 20, f"nginx listens on {self.host}", every=0.02)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._program is not None:
            self._program.terminate(5)
            self._program.kill()
            self._program = None

    def _is_up(self) -> bool:
        ended = self._program is None or self._program.exit_code is not None
        assert not ended, f"nginx ended:\n{log_tail(self._log)}"
        return listening(int(self.host.rpartition(":")[2]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
