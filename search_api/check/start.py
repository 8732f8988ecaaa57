"""The settings, and all that keeps a process from starting with them."""

import re
from collections.abc import Callable, Iterator

from indexer.errors import SettingsError
from indexer.registry import credentials_reader, tls_context
from indexer.settings import RegistrySettings, Settings
from search_api.check.findings import Finding, ok, wrong
from search_api.processes import NO_REGISTRY, make_engines

AREA = "settings"
_NAMED = re.compile(r"([A-Za-z0-9_.]+): (.*)")
_REMEDY = re.compile(
    r"(?:^|; |: )(?=(?:did you mean|known are|write|set|remove|name|use|pip install|correct"
    r"|REGSEARCH_REGISTRY=))"
)
_BY_CAUSE = {
    "No such file": "make that file, or correct the setting",
    "no such file": "make that file, or correct the setting",
    "Permission denied": "let the user of this process read it, or correct the setting",
}
_LOOK_UP = "correct it; docs/settings.md lists all settings with their values"


def explain_settings(error: SettingsError) -> list[Finding]:
    """Return what is wrong with settings that cannot be used, each line by itself."""
    return [_unusable(line) for line in str(error).splitlines()]


def check_start(settings: Settings, read_secrets: Callable[[], object]) -> Iterator[Finding]:
    """Yield what keeps the service from starting; ``read_secrets`` reads the webhook secrets."""
    registries = settings.registry
    if not registries:
        yield _unusable(NO_REGISTRY)
    tried: list[Callable[[], object]] = [lambda: make_engines(settings), read_secrets]
    tried += [lambda one=one: _read_credentials(one) for one in registries]  # type: ignore[misc]
    if settings.access.oidc:
        tried.append(settings.access.oidc.secret)
    is_right = bool(registries)
    for function in tried:
        try:
            function()
        except SettingsError as error:
            is_right = False
            yield from explain_settings(error)
    for name in ("htpasswd_file", "tokens_file", "session_secret_file"):
        path = getattr(settings.access, name)
        if name == "htpasswd_file" and path is not None and not path.is_file():
            is_right = False
            yield _unusable(f"access.{name}: no such file: {str(path)!r}")
    if is_right:
        names = ", ".join(one.name for one in registries)
        yield ok(AREA, "all", f"can be used; registries: {names}")


def _read_credentials(registry: RegistrySettings) -> None:
    registry.check_files()
    tls_context(registry)
    credentials_reader(registry)


def _unusable(line: str) -> Finding:
    """Return one line about settings, with what to do taken out of it where it says so."""
    named = _NAMED.match(line)
    thing, text = (named[1], named[2]) if named else ("all", line)
    thing = "all" if thing == "settings" else thing
    parts = _REMEDY.split(text, maxsplit=1)
    if len(parts) == 2:
        value, remedy = parts
    else:
        value, remedy = (
            text,
            next((do for cause, do in _BY_CAUSE.items() if cause in text), _LOOK_UP),
        )
    return wrong(AREA, thing, value or "cannot be used", remedy, stops_start=True)
