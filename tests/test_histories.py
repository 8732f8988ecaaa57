"""Random histories: any events in a registry, and any losses of its notifications.

Hypothesis makes up what users do in a registry, which events arrive, in which order and how often,
where the indexer is killed, and how far it gets in between. At every moment neither the store nor
the search has lost what exists and what it had seen. In the end, after one crawl that nobody
disturbs, registry, store and search say the same.

A test run takes a few histories, always the same. For 2,000 others, which are new each time::

    python -m tests.test_histories 2000
"""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from indexer.errors import CursorExpiredError
from indexer.model.event import Command, Event, Pull
from indexer.model.names import Digest, RepositoryName, is_system_tag
from tests.attachments import cosign_signature, referrers, signature
from tests.builders import BuiltManifest, image, index
from tests.fakes.content import Repository
from tests.following import Follower
from tests.indexer.stepping import KilledError, Stepping, deleted, pushed
from tests.series import series

STEPS = 50
EVENTS_KEPT = 40
"""Events that may still arrive, late or again."""

IMAGES = tuple(image(seed=seed, layers=1, labels={"team": seed}) for seed in "abc")
ARM = image(seed="m", layers=1, architecture="arm64")
# They share children with each other, with the images and, nested, a whole index.
MULTI = index([IMAGES[0], ARM])
OTHER = index([ARM, IMAGES[1]], annotations={"which": "other"})
NESTED = index([MULTI])
CONTENT = (*IMAGES, MULTI, OTHER, NESTED)
# Fewer than can be gone too many at once: the mass-removal guard has its own tests.
REPOSITORIES = ("web", "team/api", "team/web", "old")
TAGS = ("1", "2", "latest")

SIGNATURES = {one.digest: [signature(one, seed=n) for n in "12"] for one in CONTENT}
COSIGNED = cosign_signature()

Push = tuple[str, BuiltManifest, str]
PUSHES = st.tuples(
    st.sampled_from(REPOSITORIES), st.sampled_from(CONTENT), st.sampled_from((*TAGS, ""))
)

Result = TypeVar("Result")
Tag = tuple[str, str, str]


def is_signed(content: Repository, digest: str) -> bool:
    """Tell whether a digest, or a child of it, is signed in a repository, by the clients' rules."""
    if digest not in content.manifests:
        return False
    tag = digest.replace(":", "-")
    listed = content.manifests.get(content.tags.get(tag, ""))
    names = [one["digest"] for one in json.loads(listed.body)["manifests"]] if listed else None
    signatures = {one.digest for one in SIGNATURES.get(digest, ())} & set(content.manifests)
    if signatures if names is None else signatures & set(names):
        return True
    if content.tags.get(f"{tag}.sig") in content.manifests:
        return True
    children = json.loads(content.manifests[digest].body).get("manifests", ())
    return any(is_signed(content, child["digest"]) for child in children)


class Histories(RuleBasedStateMachine):
    """One registry with its indexer, and the events that are on their way between them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stepping = Stepping(Path(self.folder.name), max_in_flight=1)
        self.run(self.stepping.open())
        self.events: list[Event] = []
        self.numbers = 0
        self.seen: set[Tag] = set()
        self.found: set[tuple[Tag, str]] = set()
        self.pulls: Counter[tuple[str, str]] = Counter()
        self.follower = Follower(self.stepping)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    def happened(self, *events: Event) -> None:
        """Give events their times and ids, and forget what the registry does not hold any more."""
        for event in events:
            self.numbers += 1
            self.stepping.clock.advance(0.001)
            at = self.stepping.clock.now()
            self.events.append(replace(event, event_id=f"e{self.numbers}", occurred_at=at))
        del self.events[:-EVENTS_KEPT]
        truth = self.stepping.truth()
        self.seen &= set(truth)
        self.found &= set(truth.items())

    def tags(self) -> list[tuple[str, str, str]]:
        """Return each repository and tag of the registry, with the digest."""
        return sorted(
            (name, tag, digest) for (_, name, tag), digest in self.stepping.truth().items()
        )

    def manifests(self) -> list[tuple[str, str]]:
        content = self.stepping.registry.content.repositories
        return sorted((name, digest) for name, one in content.items() for digest in one.manifests)

    # What users do

    @initialize(before=st.lists(PUSHES, max_size=8))
    def begin(self, before: list[Push]) -> None:
        """Begin with something that no event tells of, and with all of it seen and found."""
        for repository, built, tag in before:
            self.stepping.registry.put(repository, built, tag=tag, notify=False)
        self.quiet()

    @rule(pushes=st.lists(PUSHES, min_size=1, max_size=4))
    def push(self, pushes: list[Push]) -> None:
        """Push something new or known, to a new tag or one that moves by it, or to no tag."""
        for repository, built, tag in pushes:
            self.stepping.registry.put(repository, built, tag=tag, notify=False)
            events = [pushed(repository, child.digest) for child in built.children]
            self.happened(*events, pushed(repository, built.digest, tag=tag))

    @precondition(lambda self: self.tags())
    @rule(data=st.data(), built=st.sampled_from(CONTENT))
    def move(self, data: st.DataObject, built: BuiltManifest) -> None:
        """Push something to a tag that is there."""
        repository, tag, _ = data.draw(st.sampled_from(self.tags()))
        self.push([(repository, built, tag)])

    @precondition(lambda self: self.tags())
    @rule(data=st.data(), tag=st.sampled_from(TAGS))
    def tag_again(self, data: st.DataObject, tag: str) -> None:
        """Let a second tag point where one points; or the same again, which changes nothing."""
        repository, _, digest = data.draw(st.sampled_from(self.tags()))
        self.stepping.registry.content.repositories[repository].tags[tag] = digest
        self.happened(pushed(repository, digest, tag=tag))

    @precondition(lambda self: self.tags())
    @rule(data=st.data())
    def delete_tag(self, data: st.DataObject) -> None:
        repository, tag, _ = data.draw(st.sampled_from(self.tags()))
        self.stepping.registry.delete_tag(repository, tag, notify=False)
        self.happened(deleted(repository, tag=tag))

    @precondition(lambda self: self.manifests())
    @rule(data=st.data(), is_silent=st.booleans())
    def delete_digest(self, data: st.DataObject, is_silent: bool) -> None:
        """Delete a manifest with its tags, be it the child of an index or not.

        ``is_silent`` removes its whole repository instead, on the disk, which nothing tells of.
        """
        repository, digest = data.draw(st.sampled_from(self.manifests()))
        if is_silent:
            self.stepping.registry.delete_repository(repository)
            self.happened()
            return
        tags = [tag for name, tag, at in self.tags() if (name, at) == (repository, digest)]
        self.stepping.registry.delete_digest(repository, digest, notify=False)
        gone = [deleted(repository, tag=tag) for tag in tags]
        self.happened(deleted(repository, digest=digest), *gone)

    @precondition(lambda self: self.tags())
    @rule(data=st.data(), way=st.sampled_from(("subject", "list", "cosign")))
    def attach(self, data: st.DataObject, way: str) -> None:
        """Sign something that has a tag; a list of signatures may name fewer than before."""
        repository, _, digest = data.draw(st.sampled_from(self.tags()))
        if digest not in SIGNATURES:
            return
        registry, tag = self.stepping.registry, digest.replace(":", "-")
        if way == "cosign":
            built, at = COSIGNED, f"{tag}.sig"
        elif way == "subject":
            built, at = data.draw(st.sampled_from(SIGNATURES[digest])), ""
        else:
            listed = data.draw(st.lists(st.sampled_from(SIGNATURES[digest]), unique_by=id))
            built, at = referrers(listed), tag
        registry.put(repository, built, tag=at, notify=False)
        events = [pushed(repository, child.digest) for child in built.children]
        self.happened(*events, pushed(repository, built.digest, tag=at))

    def signed(self) -> set[tuple[str, str]]:
        """Return what the registry says is signed: each digest with a tag, by its repository."""
        found = set()
        for name, content in self.stepping.registry.content.repositories.items():
            for tag, digest in content.tags.items():
                if not is_system_tag(tag) and is_signed(content, digest):
                    found.add((name, digest))
        return found

    @precondition(lambda self: self.manifests())
    @rule(data=st.data(), times=st.integers(1, 3))
    def pull(self, data: st.DataObject, times: int) -> None:
        """Pull something; the registry tells of it and is heard."""
        repository, digest = data.draw(st.sampled_from(self.manifests()))
        pulled = Pull(RepositoryName(repository), Digest(digest))
        at = self.stepping.clock.now()
        self.stepping.journal.append([("default", pulled)] * times, received_at=at)
        self.pulls[repository, digest] += times

    # What arrives

    @precondition(lambda self: self.events)
    @rule(
        picks=st.lists(st.integers(0, EVENTS_KEPT - 1), min_size=1, max_size=8),
        again=st.booleans(),
    )
    def deliver(self, picks: list[int], again: bool) -> None:
        """Deliver some events in any order, also such as came already; the others are lost."""
        chosen = [self.events[-1 - pick % len(self.events)] for pick in picks]
        if again:
            # From a sender that gives it a new id.
            self.numbers += 1
            chosen.append(replace(chosen[0], event_id=f"again{self.numbers}"))
        self.stepping.deliver(*chosen)

    @rule()
    def ask_for_crawl(self) -> None:
        self.stepping.deliver(Command.CRAWL)

    # What the indexer does

    @rule(rounds=st.integers(1, 4), seconds=st.sampled_from((0.0, 0.2, 3.0, 30.0)))
    def work(self, rounds: int, seconds: float) -> None:
        """Run some of what is due: at most two refreshes a round."""
        self.stepping.clock.advance(seconds)
        self.run(self.work_for(rounds))

    async def work_for(self, rounds: int) -> None:
        await self.stepping.enqueue_refreshes()
        worker = self.stepping.worker
        for _ in range(rounds):
            await worker._look_after()
            await worker._start_refreshes()
            while worker._running:
                await worker._wait()

    @rule(dies_at=st.integers(1, 40), crawls=st.booleans())
    def kill(self, dies_at: int, crawls: bool) -> None:
        """Start anew and be killed before a transaction, if there are so many; start again."""
        self.run(self.work_until_killed(dies_at, crawls=crawls))

    async def work_until_killed(self, dies_at: int, *, crawls: bool) -> None:
        await self.stepping.reopen(dies_at=dies_at)
        try:
            await (self.stepping.crawl() if crawls else self.stepping.settle())
            self.stepping.move_pulls()
            await self.stepping.index()
        except KilledError:
            pass
        await self.stepping.reopen()

    @rule(days=st.sampled_from((0.0, 1.0, 100.0)), hidden=st.sampled_from((0, 2)))
    def forget(self, days: float, hidden: int) -> None:
        """Forget all hidden content, even the newest; counts go with the pulled content."""
        self.stepping.move_pulls()
        self.stepping.clock.advance(days * 86_400)
        old = {"hidden_retention": timedelta(days=hidden), "history_retention": timedelta(days=9)}
        before = self.counts()
        self.stepping.forget(**old)
        left = self.counts()
        assert left.items() <= before.items()
        self.pulls = Counter({key: n for key, n in self.pulls.items() if key in left})

    @rule(limit=st.integers(1, 5))
    def follow(self, limit: int) -> None:
        """Follow the changes; if they are pruned, begin again with a listing."""
        try:
            self.follower.read_on(limit=limit)
        except CursorExpiredError:
            self.follower.list_anew()

    @rule()
    def settle(self) -> None:
        self.run(self.stepping.settle())

    @rule()
    def quiet(self) -> None:
        """Nothing disturbs a crawl, so that all is seen and found."""
        self.run(self.stepping.crawl())
        self.index()
        assert self.stepping.visible() == self.stepping.searchable() == self.stepping.truth()

    @rule()
    def index(self) -> None:
        """Bring the search up to date: what exists and was found is still found where it was."""
        self.run(self.stepping.index())
        searchable = self.stepping.searchable()
        assert self.found <= set(searchable.items()), "what exists and was found is not removed"
        self.found |= {(tag, at) for tag, at in searchable.items() if self.is_confirmed(tag, at)}

    @invariant()
    def nothing_that_exists_is_removed(self) -> None:
        visible = set(self.stepping.visible())
        assert self.seen <= visible, "what exists and was seen is not removed"
        self.seen |= {tag for tag in visible if self.is_confirmed(tag)}

    def is_confirmed(self, tag: Tag, digest: str = "") -> bool:
        """Tell whether a tag exists and no crawl was told otherwise before it was pushed again.

        What a crawl does not find is hidden at its end; its absence is only noted until then.
        """
        there = self.stepping.truth().get(tag)
        return there is not None and digest in {"", there} and tag not in self.absences()

    def absences(self) -> set[Tag]:
        rows = self.stepping.store._database.execute(
            "SELECT name, tag FROM absences JOIN repositories ON repositories.id = repository_id"
        )
        return {("default", name, tag) for name, tag in rows}

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how often each digest of each repository was pulled, as the store says."""
        rows = self.stepping.store._database.execute(
            "SELECT name, digest, pulls FROM pulls JOIN repositories ON id = repository_id"
            " WHERE digest <> ''"
        )
        return {(name, digest): pulls for name, digest, pulls in rows}

    def teardown(self) -> None:
        try:
            self.run(self.check_the_truth())
        finally:
            self.run(self.stepping.close())
            self.runner.close()
            self.folder.cleanup()

    async def check_the_truth(self) -> None:
        """Crawl undisturbed: registry, store and search say the same, and so does a rebuild."""
        stepping = self.stepping
        await stepping.crawl()
        await stepping.index()
        assert stepping.visible() == stepping.truth()
        assert stepping.searchable() == stepping.truth()
        assert stepping.waiting() == 0
        self.follow(1)
        self.follower.read_all()
        assert self.follower.tags == stepping.visible(), "what changed tells of all that is shown"
        [registry] = stepping.store.shown.registries()
        names = {name for _, name, _ in stepping.visible()}
        assert (registry.repositories, registry.tags) == (len(names), len(stepping.visible()))
        assert stepping.latest_crawl().complete
        stepping.move_pulls()
        assert self.counts() == self.pulls, "every pull is counted once"
        await stepping.index()
        found = stepping.results("is:signed")
        told = {(one["repository"], one["digest"]) for one in found}
        # Of a signature that no list and no tag names only an event tells, which may be lost.
        assert told <= self.signed()
        live = stepping.documents()
        await stepping.rebuild()
        assert stepping.documents() == live, "a rebuild equals what live updates made"


def check(histories: int, *, always_the_same: bool) -> None:
    """Try so many histories; the shortest that fails is printed and raised."""
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=always_the_same,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("histories", series((8, 40), short=1))
def test_any_history_ends_in_the_truth_and_removes_nothing_that_exists(histories: int) -> None:
    check(histories, always_the_same=True)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.monotonic()
    check(int(sys.argv[1]), always_the_same=False)
    print(f"{sys.argv[1]} histories in {time.monotonic() - began:.0f} s")
