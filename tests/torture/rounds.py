"""The rounds of the torture: a small history, a kill, a restart, and a comparison."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from indexer.model.event import Command
from tests.end_to_end.processes import RunningProgram
from tests.torture.checks import Findings
from tests.torture.processes import TortureError, wait_for
from tests.torture.scene import Reading, Scene
from tests.torture.steps import (
    AT_A_START,
    FIRST_START,
    INDEXER,
    MOMENT,
    READING,
    STEPS,
    WEB,
    Needs,
    Step,
)

BACKFILL_EVERY = 5
"""After so many rounds the whole registry is read, and nothing may differ from it any more."""
REPORT_EVERY = 25
CHANGES = (3, 8)
CHANGES_WHILE_DEAD = (0, 3)
PAUSE_MAX_SECONDS = 0.08
MOMENT_MAX_SECONDS = 0.7
"""A kill at any moment comes within this time of the first change."""
LATE_SECONDS = 0.4
BOTH = 0.2
"""The share of rounds in which the other process is killed too."""
SECOND_KILL = 0.4
"""The share of restarts in which the process is killed again while it makes up for the first."""
BY_COMMAND = 0.3
"""The share of crawls and rebuilds by the command, which takes over the work."""
EXTRA_REBUILD = 0.1
SILENT_CHANGES = 4
"""Changes before each crawl, which it must find."""
MASS_REMOVAL = 0.4
"""The share of crawls before which a third of all repositories is removed."""
TRIES = 3
DEATH_SECONDS = 60.0

_MOMENTS = [Step(MOMENT, victim) for victim in (WEB, INDEXER)] * 3
_RECOVERY = [step for step in STEPS if step.needs is Needs.PUSHES and step.name != READING]
_COMMANDS = {Needs.CRAWL: Command.CRAWL, Needs.REBUILD: Command.REBUILD}


@dataclass(slots=True)
class Tally:
    """The counts and failures of the rounds so far."""

    seed: str
    rounds: int = 0
    backfills: int = 0
    held_back: int = 0
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    acknowledged: int = 0
    seconds: float = 0.0
    findings: Findings = field(default_factory=Findings)

    def line(self) -> str:
        """Return everything in one line."""
        victims = Counter[str]()
        steps = Counter[str]()
        for (victim, step), count in self.kills.items():
            victims[victim] += count
            steps[step] += count
        killed = ", ".join(f"{victim} {victims[victim]}" for victim in (WEB, INDEXER))
        hit = ", ".join(f"{step} {count}" for step, count in sorted(steps.items()))
        return (
            f"rounds {self.rounds}, kills {self.kills.total()} ({killed}; {hit}),"
            f" acknowledged events {self.acknowledged}, lost {len(self.findings.lost)},"
            f" half-applied {len(self.findings.half_applied)},"
            f" differences {len(self.findings.differences)}"
        )


def torture(
    folder: Path, *, rounds: int, seed: str, report: Callable[[str], None] = print
) -> Tally:
    """Run so many rounds on a new data directory below ``folder``; ends at the first bad one.

    ``seed`` decides on every change, loss and kill; what the processes had done by then is up to
    the machine.
    """
    tally = Tally(seed)
    started = time.monotonic()
    with Scene(folder, seed=seed) as scene:
        run = _Rounds(scene, tally)
        for number in range(1, rounds + 1):
            try:
                run.round(number, crawled=number % BACKFILL_EVERY == 0 or number == rounds)
            except TortureError as error:
                tally.findings.half_applied.append(str(error))
            tally.rounds = number
            tally.acknowledged = len(scene.ledger.acknowledged)
            tally.seconds = time.monotonic() - started
            if tally.findings:
                report(f"round {number} failed; its data is in {folder}")
                report(f"to repeat: python -m tests.torture --seed {seed} --rounds {number}")
                report(str(tally.findings))
                break
            if number % REPORT_EVERY == 0:
                report(f"{tally.seconds:.0f} s: {tally.line()}")
    return tally


class _Rounds:
    def __init__(self, scene: Scene, tally: Tally) -> None:
        self._scene = scene
        self._processes = scene.processes
        self._tally = tally
        self._chance = random.Random()
        self._command: RunningProgram | None = None
        self._deck: list[Step] = []

    def round(self, number: int, *, crawled: bool) -> None:
        """Kill once or twice, and check the state; ``crawled`` after a complete crawl."""
        self._chance = random.Random(f"{self._tally.seed}/{number}")
        self._scene.history.start_round(self._chance)
        if number == 1:
            self._first_start()
        step = self._next_step()
        if step.needs in AT_A_START:
            self._kill_at_start(step)
        elif step.name == MOMENT:
            self._kill_at_any_moment(step.victim)
            self._come_back_from(step.victim)
        else:
            self._kill_at(step)
            self._come_back_from(step.victim)
        self._settle()
        self._check(crawled=crawled)

    def _next_step(self) -> Step:
        """Return each step once, and any moment some times, before any step a second time."""
        if not self._deck:
            self._deck = [*STEPS, *_MOMENTS]
            self._chance.shuffle(self._deck)
        return self._deck.pop()

    def _some_step(self, victim: str) -> Step:
        return self._chance.choice([step for step in _RECOVERY if step.victim == victim])

    # Killing

    def _first_start(self) -> None:
        for victim in (WEB, INDEXER):
            step = self._chance.choice(FIRST_START[victim])
            times = self._chance.randint(1, step.times)
            self._processes.arm(victim, step.name, times=times)
            self._processes.start(victim)
        self._change(CHANGES)
        self._settle()

    def _kill_at_start(self, step: Step) -> None:
        """Kill an indexer at any moment, and the next one at a step of its start."""
        self._kill_at_any_moment(step.victim)
        self._look_while_dead()
        if step.needs is Needs.OLD_ENTRIES:
            self._scene.age_journal(self._chance)
        elif step.needs is Needs.NO_INDEX:
            self._scene.remove_search_index()
        self._revive(step.victim, again=step)
        if step.needs is not Needs.NO_INDEX:
            # No start goes without it, while there may be nothing to fill a search index with.
            self._scene.wait_until(lambda: self._processes.is_dead(step.victim), step.name)

    def _kill_at_any_moment(self, victim: str) -> None:
        moment = time.monotonic() + self._chance.uniform(0, MOMENT_MAX_SECONDS)
        if self._chance.random() < EXTRA_REBUILD:
            self._scene.ask(Command.REBUILD)
        self._change(CHANGES, until=moment)
        time.sleep(max(0.0, moment - time.monotonic()))
        self._bury(victim)

    def _kill_at(self, step: Step) -> None:
        """Make changes until the victim dies at a step; after some tries it dies wherever it is."""
        for attempt in range(TRIES):
            times = self._chance.randint(1, step.times) if attempt == 0 else 1
            with ExitStack() as stack:
                reading = None
                if step.name == READING:
                    reading = stack.enter_context(self._scene.killing_reader(times=times))
                else:
                    self._processes.arm(step.victim, step.name, times=times)
                self._provoke(step)
                self._change(CHANGES)
                self._wait_for_death(step.victim)
            if self._processes.is_dead(step.victim):
                self._bury(step.victim, reading)
                return
        self._bury(step.victim)

    def _provoke(self, step: Step) -> None:
        if step.needs is Needs.LATE_PUSH:
            self._scene.history.push_late(seconds=LATE_SECONDS)
        elif step.needs is Needs.CRAWL:
            for _ in range(SILENT_CHANGES):
                self._scene.history.change_silently()
            if self._chance.random() < MASS_REMOVAL:
                self._scene.history.remove_many()
            self._scene.ledger.start_crawl()
        command = _COMMANDS.get(step.needs)
        if command is not None and self._chance.random() < BY_COMMAND:
            self._command = self._command or self._scene.command(command)
        elif command is not None or self._chance.random() < EXTRA_REBUILD:
            self._scene.ask(command or Command.REBUILD)

    def _change(self, how_often: tuple[int, int], *, until: float | None = None) -> None:
        """Make some random changes, with pauses between them that end at ``until``."""
        for _ in range(self._chance.randint(*how_often)):
            self._scene.history.change()
            pause = self._chance.uniform(0, PAUSE_MAX_SECONDS)
            if until is not None:
                pause = max(0.0, min(pause, until - time.monotonic()))
            time.sleep(pause)

    def _wait_for_death(self, victim: str) -> None:
        """Return when the victim is dead, or has nothing left to do that could kill it."""

        def is_over() -> bool:
            asked = self._command is not None and self._command.exit_code is None
            return self._processes.is_dead(victim) or (not asked and self._scene.is_idle())

        wait_for(is_over, DEATH_SECONDS, f"{victim} is dead or idle")

    def _bury(self, victim: str, reading: Reading | None = None) -> None:
        """Kill a process that lives, and write down at which step it died."""
        step = self._processes.disarm(victim)
        if reading is not None and reading.is_over:
            step = READING
        self._processes.kill(victim)
        self._tally.kills[victim, step or MOMENT] += 1

    # Coming back

    def _come_back_from(self, victim: str) -> None:
        """Start a dead process again; perhaps the other one dies too, perhaps it dies again."""
        again = self._chance.random() < SECOND_KILL
        victims = [WEB, INDEXER] if self._chance.random() < BOTH else [victim]
        for other in victims:
            if other != victim:
                self._bury(other)
        self._look_while_dead()
        for each in victims:
            self._revive(each, again=self._some_step(each) if again else None)

    def _look_while_dead(self) -> None:
        """Search without an indexer, and make changes without notifications."""
        if self._command is None and not self._processes.is_dead(WEB):
            twice = self._scene.answers_twice()
            self._tally.findings.half_applied.extend(f"while dead: {text}" for text in twice)
        self._change(CHANGES_WHILE_DEAD)

    def _revive(self, victim: str, *, again: Step | None) -> None:
        """Start a dead process, kill it at another step perhaps, and start it then for good."""
        if victim == INDEXER and self._command is not None:
            # The command does the work of the indexer that is gone, to its end.
            self._processes.end_command(self._command)
        if again is not None:
            self._processes.arm(victim, again.name, times=self._chance.randint(1, again.times))
        self._processes.start(victim)

    def _settle(self) -> None:
        """Return when there is nothing left to do; start again who is killed while doing it."""

        def is_over() -> bool:
            for victim in (WEB, INDEXER):
                if self._processes.is_dead(victim):
                    self._bury(victim)
                    self._processes.start(victim)
            return self._scene.is_idle()

        self._scene.wait_until(is_over, "idle")
        for victim in (WEB, INDEXER):
            step = self._processes.disarm(victim)
            if step:
                # It seemed to be idle, for it had not begun yet.
                self._tally.kills[victim, step] += 1
                self._processes.start(victim)
                self._scene.wait_until_idle()

    # Looking

    def _check(self, *, crawled: bool) -> None:
        if self._command is not None:
            self._processes.end_command(self._command)
            self._command = None
        self._tally.findings.add(self._scene.examine(crawled=False))
        if crawled and not self._tally.findings:
            self._tally.findings.half_applied.extend(self._scene.backfill())
            self._tally.backfills += 1
            self._tally.held_back = self._scene.held_back
            self._tally.findings.add(self._scene.examine(crawled=True))
            with self._scene.ledger.lock:
                self._scene.ledger.unheard.clear()
