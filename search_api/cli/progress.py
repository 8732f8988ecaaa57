"""The progress of a job: a bar on a terminal, else one line at the end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from indexer.model import one_line
from search_api.cli.common import print_error
from search_api.cli.jobs import Progress

PROBLEM_MAX = 200


@contextmanager
def progress(name: str) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows progress: a bar on a terminal, else one line at the end."""
    console = Console(stderr=True)
    last = Progress(0, 0, "")
    with _Bar(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None, count="")

        def report(now: Progress) -> None:
            nonlocal last
            last = now
            speed = bar.tasks[0].speed
            rate = f" {speed:.0f}/s" if speed else ""
            bar.problem = one_line(now.problem, limit=PROBLEM_MAX)
            bar.update(
                task,
                completed=now.done,
                total=now.total or None,
                description=f"{name}: {now.what}",
                count=f"{now.done}/{now.total}{rate}" if now.total else "",
            )

        yield report
    if last.is_finished and not last.problem:
        console.print(f"{name}: done, {last.what}", highlight=False)
    for note in last.notes if last.is_finished else ():
        print_error(f"note: {note}")


class _Bar(ProgressBar):
    """A bar as wide as the terminal, with a problem on lines of its own."""

    def __init__(self, *, console: Console, disable: bool) -> None:
        self.problem = ""
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=disable,
            expand=True,
            # The line at the end says what is worth keeping.
            transient=True,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Give what is shown now."""
        yield self.make_tasks_table(self.tasks)
        if self.problem:
            yield Text(self.problem)
