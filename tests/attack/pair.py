"""One service beside two registries: a hostile one, and a good one whose pushes must be found."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import httpx2

from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.service import WEBHOOK_SECRET, Service
from tests.fakes.events import CONTENT_TYPE, envelope, push_event

GOOD, HOSTILE = "good", "hostile"
SETTINGS = '[[registry]]\nname = "{name}"\nurl = "{url}"\n'


@dataclass
class Pair:
    """The service, both registries, and how long the good one's pushes took to be found."""

    service: Service
    good: StubRegistry
    hostile: StubRegistry
    seconds: list[float] = field(default_factory=list)

    def push(self, *, patience: float = 60) -> float:
        """Push an image to the good registry; return the seconds until it is found."""
        built = image(seed=f"push {len(self.seconds)}")
        tag = f"push-{len(self.seconds)}"
        self.good.push("team/web", tag, built)
        start = time.monotonic()
        self.service.notify(push_event("team/web", built.digest, tag=tag))
        self.service.wait_until(
            lambda: self.service.finds(f"registry:{GOOD} tag:{tag}"), patience, f"{tag} is found"
        )
        self.seconds.append(time.monotonic() - start)
        return self.seconds[-1]

    def push_for(self, seconds: float, *, least: int = 5) -> None:
        """Push again and again for so long, and at least a few times."""
        until = time.monotonic() + seconds
        while len(self.seconds) < least or time.monotonic() < until:
            self.push()

    def crawl(self, path: str) -> None:
        """Let the hostile registry be read; return when it was asked for ``path``."""
        before = len(self.hostile.asked)
        log = self.service.data.parent / "backfill.log"
        backfill = self.service.command_in_background("backfill", HOSTILE, log=log)
        try:
            self.service.wait_until(
                lambda: any(one.path.startswith(path) for one in self.hostile.asked[before:]),
                30,
                f"the hostile registry is asked for {path}",
            )
        finally:
            backfill.kill()

    def tell(self, repository: str, tag: str, digest: str) -> None:
        """Send the notification of a push to the hostile registry."""
        response = httpx2.post(
            f"{self.service.url}/webhooks/{HOSTILE}",
            headers={"Authorization": f"Bearer {WEBHOOK_SECRET}", "Content-Type": CONTENT_TYPE},
            content=envelope([push_event(repository, digest, tag=tag)]),
            trust_env=False,
        )
        assert response.status_code == 202, response.text

    def status(self, name: str = HOSTILE) -> dict[str, object]:
        """Return the status of a registry."""
        found = self.service.get("/api/v1/status").json()["registries"][name]
        assert isinstance(found, dict)
        return found

    def memory_peak(self) -> int:
        """Return the most memory that the indexer had, in megabytes."""
        pid = self.service.child_pid("indexer")
        text = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) // 1_024

    def said(self) -> str:
        """Return how long pushes took to be found, for a figure."""
        ordered = sorted(self.seconds)
        p95 = quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
        return f"push to found p95 {p95:.2f} s, most {ordered[-1]:.2f} s of {len(ordered)}"


@contextmanager
def started_pair(folder: Path) -> Iterator[Pair]:
    """Start a service that has read a good registry with one image, and an empty hostile one."""
    with StubRegistry() as good, StubRegistry() as hostile:
        good.push("team/web", "1.0", image(seed="web"))
        service = Service(folder, registry=GOOD)
        config = folder / "regsearch.toml"
        urls = {GOOD: good.url, HOSTILE: hostile.url}
        parts = [SETTINGS.format(name=name, url=url) for name, url in urls.items()]
        config.write_text("".join(parts), "utf-8")
        service.configure(REGSEARCH_CONFIG=str(config))
        try:
            service.start()
            service.wait_until_idle()
            yield Pair(service, good, hostile)
        finally:
            service.close()
