"""nginx and Caddy with the files of ``deploy/proxies``, at a port and with addresses of a test."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.certificates import Certificate
from tests.end_to_end.nginx import nginx_command, nginx_configuration
from tests.end_to_end.ports import free_port, listening
from tests.end_to_end.processes import RunningProgram, log_tail
from tests.end_to_end.waiting import wait_until

RECIPES = Path(__file__).parents[2] / "deploy" / "proxies"
HOST = "registry.example.org"
REGISTRY, REGSEARCH = "127.0.0.1:5000", "127.0.0.1:8080"
NGINX, CADDY = "nginx", "caddy"
# No port but ours, no certificates from elsewhere.
_CADDY = """\
{{
	admin off
	auto_https disable_redirects
}}
{recipe}
"""


class Recipe:
    """A proxy with the recipe of its program; entered, it runs until the end of the block.

    With a ``certificate`` it speaks TLS. With a ``prefix`` such as ``/regsearch/``, only what is
    below it and ``/v1/`` reach regsearch.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        program: str,
        registry: str,
        regsearch: str,
        certificate: Certificate | None = None,
        prefix: str = "/",
    ) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self.url = f"{'https' if certificate else 'http'}://{self.host}"
        make = _nginx_text if name == NGINX else _caddy_text
        addresses = {REGISTRY: registry, REGSEARCH: regsearch}
        text = make(self.url, addresses, certificate, prefix)
        file = folder / (f"{name}.conf")
        file.write_text(text, "utf-8")
        self._log = folder / f"{name}.log"
        self._command = (
            nginx_command(program, folder, file=file.name)
            if name == NGINX
            else [program, "run", "--config", str(file), "--adapter", "caddyfile"]
        )
        self._environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        self._program: RunningProgram | None = None

    def __enter__(self) -> Self:
        self._program = RunningProgram(self._command, log=self._log, environment=self._environment)
        wait_until(self._is_up, 20, f"the proxy listens on {self.host}", every=0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._program is not None:
            self._program.terminate(5)
            self._program.kill()

    def _is_up(self) -> bool:
        ended = self._program is None or self._program.exit_code is not None
        assert not ended, f"the proxy ended:\n{log_tail(self._log)}"
        return listening(int(self.host.rpartition(":")[2]))


def _nginx_text(
    url: str, addresses: Mapping[str, str], certificate: Certificate | None, prefix: str
) -> str:
    text = _with_addresses(RECIPES / "nginx.conf", addresses)
    scheme, _, host = url.partition("://")
    text = _replaced(text, "listen 443 ssl;", f"listen {host}{' ssl' * (scheme == 'https')};")
    text = _replaced(text, "location / {", f"location {prefix} {{")
    text = re.sub(r"ssl_certificate.*\n", "", text)
    if certificate:
        files = f"ssl_certificate {certificate.public}; ssl_certificate_key {certificate.key};"
        text = _replaced(text, f"server_name {HOST};", files)
    return nginx_configuration(text)


def _caddy_text(
    url: str, addresses: Mapping[str, str], certificate: Certificate | None, prefix: str
) -> str:
    text = _with_addresses(RECIPES / "Caddyfile", addresses)
    tls = f"\ttls {certificate.public} {certificate.key}\n" if certificate else ""
    text = _replaced(text, f"\n{HOST} {{\n", f"\n{url} {{\n{tls}")
    return _CADDY.format(recipe=_replaced(text, "handle /* {", f"handle {prefix}* {{"))


def _with_addresses(recipe: Path, addresses: Mapping[str, str]) -> str:
    text = recipe.read_text("utf-8")
    for before, after in addresses.items():
        text = _replaced(text, before, after)
    return text


def _replaced(text: str, before: str, after: str) -> str:
    assert before in text, f"{before} is no part of the recipe"
    return text.replace(before, after)
