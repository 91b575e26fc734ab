"""Progress on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from likeliest.interfaces import Record


class Progress:
    """Says on stderr what is being done; this one says nothing."""

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


@contextmanager
def stages(*, quiet: bool = False) -> Iterator[Progress]:
    """A spinner with the stage and the latest measurement, on a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield _Spinner(lambda words: status.update(words))


def watcher() -> Callable[[Record], None]:
    """A function that prints every measurement as a line."""
    return lambda record: print(_measured(record), flush=True)


def _measured(record: Record) -> str:
    held_out = f"  held-out NLL {record.validation[0]:.6f}" if record.validation is not None else ""
    return f"step {record.step:>7}  passes {record.work:>8.2f}  NLL {record.value[0]:.6f}{held_out}"
