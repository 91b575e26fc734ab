"""Progress on stderr: a spinner on a terminal, silence in a pipe, the whole trace for those who ask."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from likeliest.interfaces import Record


class Progress:
    """What is told of the work as it goes on; this one says nothing."""

    def stage(self, words: str) -> None:
        """A new stage has begun."""

    def record(self, record: Record) -> None:
        """A fit was measured."""


class _Spinner(Progress):
    """One line that changes."""

    def __init__(self, update: Callable[[str], None]) -> None:
        self._update, self._words = update, ""

    def stage(self, words: str) -> None:
        self._words = words
        self._update(words)

    def record(self, record: Record) -> None:
        self._update(f"{self._words}: {_measured(record)}")


class _Trace(Progress):
    """A line for every stage and every measurement."""

    def stage(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    def record(self, record: Record) -> None:
        print(_measured(record), file=sys.stderr, flush=True)


@contextmanager
def stages(*, watch: bool = False) -> Iterator[Progress]:
    """The whole trace if it is to be watched; else a spinner on a terminal, and nothing in a pipe."""
    if watch or not sys.stderr.isatty():
        yield _Trace() if watch else Progress()
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield _Spinner(status.update)


def _measured(record: Record) -> str:
    held_out = f"  held-out NLL {record.validation[0]:.6f}" if record.validation is not None else ""
    return f"step {record.step:>7}  passes {record.work:>8.2f}  NLL {record.value[0]:.6f}{held_out}"
