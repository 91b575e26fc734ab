"""Progress on stderr: a spinner on a terminal, silence in a pipe, the whole trace for those who ask."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from likeliest.progress import Progress


class Stages:
    """What is told of the work as it goes on; this one says nothing."""

    def stage(self, words: str) -> None:
        """A new stage has begun."""

    def progress(self, seen: Progress) -> None:
        """A fit was measured."""


class _Spinner(Stages):
    """One line that changes."""

    def __init__(self, update: Callable[[str], None]) -> None:
        self._update, self._words = update, ""

    def stage(self, words: str) -> None:
        self._words = words
        self._update(words)

    def progress(self, seen: Progress) -> None:
        self._update(f"{self._words}: {seen}")


class _Trace(Stages):
    """A line for every stage and every measurement."""

    def stage(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    def progress(self, seen: Progress) -> None:
        print(seen, file=sys.stderr, flush=True)


@contextmanager
def stages(*, watch: bool = False) -> Iterator[Stages]:
    """The whole trace if it is to be watched; else a spinner on a terminal, and nothing in a pipe."""
    if watch or not sys.stderr.isatty():
        yield _Trace() if watch else Stages()
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield _Spinner(status.update)


@contextmanager
def bar() -> Iterator[Callable[[int, int], None]]:
    """A function (done, of) that draws a progress bar on a terminal, with the time left; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("predicting")
        yield lambda done, of: drawn.update(task, completed=done, total=of)
