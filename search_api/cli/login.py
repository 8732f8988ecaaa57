"""The commands ``login`` and ``logout``."""

import sys

import click

from indexer.errors import InvalidValueError
from search_api.cli.client import check_login, host_of, is_open_to_others
from search_api.cli.common import print_error
from search_api.cli.docker_auths import Login, forget_login, keep_login

TOKEN_USER = "token"  # noqa: S105 - the user name beside a token, which counts for nothing
SECRET_MAX = 10_000


def log_in(url: str, *, username: str, from_stdin: bool) -> None:
    """Ask for credentials, check them at the service, and keep them."""
    host = host_of(url)
    if is_open_to_others(url):
        print_error(f"regsearch: {host} is asked without TLS: others on the way can read this")
    if from_stdin:
        secret = sys.stdin.read(SECRET_MAX).rstrip("\r\n")
    else:
        username = username or click.prompt(
            "User name (none for a token)", default="", show_default=False, err=True
        )
        what = "Password" if username else "Token"
        secret = click.prompt(what, hide_input=True, default="", show_default=False, err=True)
    if ":" in username or not secret:
        raise InvalidValueError("a user name without a colon, and a password or token, are needed")
    login = Login(username or TOKEN_USER, secret)
    check_login(url, login)
    place = keep_login(host, login)
    click.echo(f"signed in at {host}; kept in {place}")


def log_out(url: str) -> None:
    """Forget the credentials for a service."""
    host = host_of(url)
    was_there = forget_login(host)
    click.echo(f"signed out of {host}" if was_there else f"nothing was kept for {host}")
