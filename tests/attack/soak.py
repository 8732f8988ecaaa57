"""A soak: hours of pushes, deletes and searches, with a hostile registry beside two good ones.

``python -m tests.attack.soak --minutes 60`` prints what went wrong, and how memory and descriptors
grew. It stops writing every ten minutes and compares what is found with what was pushed.
"""

import argparse
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import httpx2

from tests.attack.hostile import hostile_registry
from tests.attack.stub_registry import StubRegistry
from tests.builders import image
from tests.end_to_end.real_registry import (
    DISTRIBUTION_2,
    DISTRIBUTION_3,
    RealRegistry,
    Receiver,
)
from tests.end_to_end.service import WEBHOOK_SECRET, Service
from tests.fakes.events import CONTENT_TYPE, envelope, push_event
from tests.programs import find_program
from tests.push import client_for, push

GOOD = {"two": DISTRIBUTION_2, "three": DISTRIBUTION_3}
HOSTILE = "hostile"
PUSHES_A_SECOND = 5.0
SEARCHES_A_SECOND = 30.0
FORGED_A_SECOND = 5.0
REPOSITORIES = 40
TAGS_MAX = 8
"""Tags of a repository; the oldest is deleted then, so that the amount stays the same."""
SETTLED_MINUTES = 10.0
"""When memory is first looked at, and how often what is found is compared."""
IDLE_SECONDS = 60.0
"""How long all that was pushed may take to be found; a registry repeats every second."""
SAMPLE_SECONDS = 5.0
SAMPLES = 12
"""Samples of which the median is taken: one minute of them."""
CALLERS = 8
"""Addresses from which searches come, so that none of them is over its limit."""
WORDS = ("proxy", "billing", "storage", "gateway", "metrics", "queue", "mailer", "search")
SETTINGS = '[[registry]]\nname = "{name}"\nurl = "{url}"\n'


@dataclass
class Findings:
    """What a soak found; numbers are those of the whole run."""

    pushed: int = 0
    deleted: int = 0
    forged: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    compared: int = 0
    seconds: list[float] = field(default_factory=list)
    """Of each search."""
    settled: dict[str, float] = field(default_factory=dict)
    """Megabytes and descriptors of all processes after ten minutes."""
    ended: dict[str, float] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield what is printed at the end."""
        p95 = quantiles(self.seconds, n=20)[-1] * 1000 if len(self.seconds) > 1 else 0.0
        yield f"{self.pushed} pushes, {self.deleted} deletes, {self.forged} forged events"
        yield f"{len(self.seconds)} searches, p95 {p95:.1f} ms"
        yield f"errors: {sum(self.errors.values())} {dict(self.errors)}"
        yield f"differences: {len(self.differences)} in {self.compared} comparisons"
        yield from self.differences[:20]
        for what, before in self.settled.items():
            now = self.ended.get(what, 0.0)
            yield f"{what}: {before:.0f} -> {now:.0f} ({now / before - 1:+.1%})"


class Soak:
    """One run; threads write and search until :meth:`stop`."""

    def __init__(self, service: Service, registries: dict[str, RealRegistry]) -> None:
        self.findings = Findings()
        self.service = service
        self._registries = registries
        self._truth: dict[str, dict[tuple[str, str], str]] = {name: {} for name in registries}
        self._is_over = threading.Event()
        self._may_write = threading.Event()
        self._may_write.set()
        self._writing = threading.Lock()
        self._threads = [
            *(threading.Thread(target=self._write, args=(name,)) for name in registries),
            *(threading.Thread(target=self._search, args=(number,)) for number in range(CALLERS)),
            threading.Thread(target=self._forge),
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write and search meanwhile."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._may_write.set()
            for thread in self._threads:
                thread.join()

    def compare(self) -> None:
        """Stop writing, and compare what is found in the end with what was pushed."""
        self._may_write.clear()
        with self._writing:
            try:
                self.service.wait_until(
                    self._is_right, IDLE_SECONDS, "all that was pushed is found"
                )
            except AssertionError as error:
                self.findings.differences += self._wrong() or [f"never idle: {error}"]
        self.findings.compared += 1
        self._may_write.set()

    def _wrong(self) -> list[str]:
        """Return what is found and was not pushed, and the other way round."""
        wrong = []
        for name, truth in self._truth.items():
            found = {
                (one.repository, tag): one.digest
                for one in self.service.everything(f"registry:{name}")
                for tag in one.tags
            }
            for key in sorted(found.keys() | truth.keys()):
                if found.get(key) != truth.get(key):
                    there, pushed = found.get(key), truth.get(key)
                    wrong.append(f"{name} {':'.join(key)}: {there} is found, {pushed} was pushed")
        return wrong

    def _is_right(self) -> bool:
        """Tell whether nothing waits, and all is found; a registry tells us a little later."""
        return self._is_idle() and not self._wrong()

    def _is_idle(self) -> bool:
        freshness = self.service.search("", limit=1).freshness
        if any("not indexed" in reason for reason in freshness.behind):
            return False
        return all(freshness.registries[name].idle for name in self._registries)

    def _write(self, name: str) -> None:
        """Push and delete in one registry."""
        pushed: dict[str, list[tuple[str, str]]] = {}
        with client_for(self._registries[name].url) as client:
            for number in self._paced(PUSHES_A_SECOND / len(self._registries)):
                self._may_write.wait()
                # One lock for all writers: a comparison holds it.
                with self._writing:
                    repository = f"team{number % 5}/{WORDS[number % 8]}-{number % REPOSITORIES}"
                    self._push(client, name, repository, number)
                    tags = pushed.setdefault(repository, [])
                    tags.append((f"1.{number}", self._truth[name][repository, f"1.{number}"]))
                    if len(tags) > TAGS_MAX:
                        self._delete(client, name, repository, *tags.pop(0))

    def _push(self, client: httpx2.Client, name: str, repository: str, number: int) -> None:
        labels = {"org.opencontainers.image.description": f"A {WORDS[number % 8]} of {name}"}
        built = image(seed=f"{name} {number}", layers=1, labels=labels)
        with self._counting("push"):
            push(client, repository, built, f"1.{number}")
            push(client, repository, built, "latest")
        self._truth[name][repository, f"1.{number}"] = built.digest
        self._truth[name][repository, "latest"] = built.digest
        self.findings.pushed += 1

    def _delete(
        self, client: httpx2.Client, name: str, repository: str, tag: str, digest: str
    ) -> None:
        with self._counting("delete"):
            client.delete(f"/v2/{repository}/manifests/{digest}").raise_for_status()
        del self._truth[name][repository, tag]
        self.findings.deleted += 1

    def _search(self, caller: int) -> None:
        chance = random.Random(caller)
        transport = httpx2.HTTPTransport(local_address=f"127.0.0.{10 + caller}")
        with httpx2.Client(
            base_url=self.service.url, transport=transport, timeout=20, trust_env=False
        ) as client:
            for _ in self._paced(SEARCHES_A_SECOND / CALLERS):
                path = _question(chance)
                started = time.monotonic()
                with self._counting("search"):
                    client.get(path).raise_for_status()
                self.findings.seconds.append(time.monotonic() - started)

    def _forge(self) -> None:
        """Tell of pushes to the hostile registry, and sometimes with a wrong secret."""
        chance = random.Random("forge")
        url = f"{self.service.url}/webhooks/{HOSTILE}"
        transport = httpx2.HTTPTransport(local_address="127.0.0.9")
        with httpx2.Client(transport=transport, timeout=20, trust_env=False) as client:
            for number in self._paced(FORGED_A_SECOND):
                secret = WEBHOOK_SECRET if number % 10 else "not the secret at all"
                digest = image(seed=f"forged {number}").digest
                event = push_event(f"evil/r{chance.randrange(50)}", digest, tag=f"t{number}")
                with self._counting("notification"):
                    client.post(
                        url,
                        content=envelope([event]),
                        headers={"Authorization": f"Bearer {secret}", "Content-Type": CONTENT_TYPE},
                    )
                self.findings.forged += 1

    def _paced(self, a_second: float) -> Iterator[int]:
        start = time.monotonic()
        for number in itertools.count():
            if self._is_over.wait(max(0.0, start + number / a_second - time.monotonic())):
                return
            yield number

    @contextmanager
    def _counting(self, what: str) -> Iterator[None]:
        try:
            yield
        except httpx2.HTTPStatusError as error:
            self.findings.errors[f"{what}: {error.response.status_code}"] += 1
        except httpx2.TransportError as error:
            self.findings.errors[f"{what}: {type(error).__name__}"] += 1


def _question(chance: random.Random) -> str:
    word = chance.choice(WORDS)
    return chance.choice(
        [
            f"/v1/search?q={word}&n=25",
            f"/api/v1/search?q={word}&type=image&limit=20",
            f"/api/v1/search?q={word[:4]}*&facets=arch,os",
            f"/api/v1/search?q={word}+gatewy",
            f"/api/v1/search?q=registry:two+{word}&sort=pushed",
            f"/api/v1/suggest?q={word[:3]}",
            "/api/v1/search?q=tag:latest&type=image",
        ]
    )


def measure(service: Service) -> dict[str, float]:
    """Return the resident megabytes and the descriptors of all processes of a service."""
    megabytes, descriptors = 0.0, 0
    for pid in service.processes():
        try:
            status = Path(f"/proc/{pid}/status").read_text("utf-8")
            descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except OSError:
            continue  # It ended meanwhile.
        # A process that has just ended has no memory any more, and no line of it.
        resident = next((one for one in status.splitlines() if one.startswith("VmRSS")), "VmRSS 0")
        megabytes += int(resident.split()[1]) / 1024
    return {"memory, MB": megabytes, "descriptors": float(descriptors)}


def soak(folder: Path, *, minutes: float, say: Callable[[str], None] = print) -> Findings:
    """Run for some minutes, in an empty folder, and return what was found."""
    with ExitStack() as stack:
        service = Service(folder, registry="two")
        stack.callback(service.close)
        registries = {}
        for name, program in GOOD.items():
            own = folder / name
            own.mkdir()
            receiver = Receiver(f"{service.url}/webhooks/{name}", WEBHOOK_SECRET)
            path = find_program(program)
            if path is None:
                raise SystemExit(f"{program} is missing: make programs, or its Debian package")
            registry = RealRegistry(own, program=path, receiver=receiver)
            stack.callback(registry.stop)
            registry.start()
            registries[name] = registry
        hostile = stack.enter_context(hostile_registry())
        _configure(service, registries, hostile)
        service.start()
        run = Soak(service, registries)
        with run.running():
            _watch(run, minutes=minutes, say=say)
        run.compare()
        restarts = service.log_text().count("process_died")
        if restarts:
            run.findings.errors["process died"] += restarts
        return run.findings


def _configure(
    service: Service, registries: dict[str, RealRegistry], hostile: StubRegistry
) -> None:
    urls = {name: one.url for name, one in registries.items()} | {HOSTILE: hostile.url}
    config = service.data.parent / "regsearch.toml"
    parts = [SETTINGS.format(name=name, url=url) for name, url in urls.items()]
    config.write_text("".join(parts), "utf-8")
    service.configure(REGSEARCH_CONFIG=str(config))


def _watch(run: Soak, *, minutes: float, say: Callable[[str], None]) -> None:
    """Measure and compare until the time is over."""
    start = time.monotonic()
    settled = min(SETTLED_MINUTES, minutes / 2) * 60
    samples: list[dict[str, float]] = []
    next_compare = settled
    while (passed := time.monotonic() - start) < minutes * 60:
        time.sleep(SAMPLE_SECONDS)
        samples = [*samples, measure(run.service)][-SAMPLES:]
        if passed >= next_compare:
            if not run.findings.settled:
                run.findings.settled = _medians(samples)
            next_compare += SETTLED_MINUTES * 60
            run.compare()
            found = run.findings
            say(
                f"{passed / 60:.0f} min: {found.pushed} pushes, {len(found.seconds)} searches,"
                f" errors {sum(found.errors.values())}, differences {len(found.differences)},"
                f" {_medians(samples)}"
            )
    run.findings.ended = _medians(samples)


def _medians(samples: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(one[key] for one in samples) for key in samples[0]}


def main() -> None:
    """Soak, and print what was found; exit 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    with TemporaryDirectory(prefix="soak-") as folder:
        found = soak(Path(folder), minutes=minutes)
    for line in found.lines():
        print(line)
    raise SystemExit(1 if found.errors or found.differences else 0)


if __name__ == "__main__":
    main()
