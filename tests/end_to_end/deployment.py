"""A real registry and a real service that know each other."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.end_to_end.real_registry import PASSWORD, USERNAME, RealRegistry
from tests.end_to_end.service import Service

SETTINGS = """\
[[registry]]
name = "{name}"
url = "{url}"
username = "{username}"
password = "{password}"
access = "public"
"""


class Deployment:
    """One registry and one service; entered, it guarantees that neither outlives it.

    Neither is started: tests differ in what comes first. ``program`` is the registry's path.
    """

    def __init__(self, folder: Path, *, program: str, password_needed: bool = False) -> None:
        self._folder = folder
        self.service = Service(folder, registry="private" if password_needed else "default")
        self.registry = RealRegistry(
            folder,
            program=program,
            receiver=self.service.receiver,
            password_needed=password_needed,
        )
        if password_needed:
            self.set_credentials(USERNAME, PASSWORD)
        else:
            self.service.configure(REGSEARCH_REGISTRY=self.registry.url)

    def count_pulls(self) -> None:
        """Have both count pulls from the next start on."""
        assert self.registry.receiver is not None
        self.registry.receiver = replace(self.registry.receiver, counts_pulls=True)
        file = self._folder / "regsearch.toml"
        file.write_text(f'[[registry]]\nurl = "{self.registry.url}"\ncount_pulls = true\n', "utf-8")
        self.service.configure(REGSEARCH_CONFIG=str(file))

    def set_credentials(self, username: str, password: str) -> None:
        """Name the registry in a ``regsearch.toml``, with these credentials."""
        file = self._folder / "regsearch.toml"
        text = SETTINGS.format(
            name=self.service.registry,
            url=self.registry.url,
            username=username,
            password=password,
        )
        file.write_text(text, "utf-8")
        self.service.configure(REGSEARCH_CONFIG=str(file))

    def start(self) -> None:
        """Start the registry, then the service; return when the first backfill is done."""
        self.registry.start()
        self.service.start()
        self.service.wait_until_idle()

    def log_text(self) -> str:
        """What both wrote, the last part of each."""
        return f"registry:\n{self.registry.log_text()}\nservice:\n{self.service.log_text()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # A fixture that fails to start is in no test's arguments, so it shows its own log.
            print(self.log_text())
        self.service.close()
        self.registry.stop()
