"""What a fit says of itself whenever it is measured, to callbacks that may look, keep what they saw, or stop it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from torch import Tensor

from likeliest.interfaces import Record


@dataclass(frozen=True, slots=True)
class Progress:
    """A fit at one measurement.

    Attributes:
        record: what was measured.
        theta: what was measured at, (P,) or (R, P), in the user's units. The fit goes on to write to it: clone it to
            keep it.
        steps: the number of steps after which the fit ends at the latest; None where that is not known.
        seconds: on the clock since the fit began, or went on from a checkpoint, with all that was measured.
        rows_per_second: row-gradient evaluations per second of learning, without what was measured; 0 at the start.
        seconds_left: on the clock until ``steps`` at the present pace; None where that is not known.

    Example:
        >>> import likeliest as lk, torch
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([0.0, 1.0, 0.0, 1.0])
        >>> objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y)
        >>> def far_enough(progress):
        ...     return float(progress.record.value[0]) < 0.67
        >>> lk.fit(objective, "gradient_descent", callbacks=[far_enough]).verdict.kind
        <VerdictKind.STOPPED: 'stopped'>
    """

    record: Record
    theta: Tensor
    steps: int | None
    seconds: float
    rows_per_second: float
    seconds_left: float | None

    @property
    def step(self) -> int:
        """The number of steps done."""
        return self.record.step

    def replaced(self, *, record: Record | None = None, theta: Tensor | None = None) -> Progress:
        """Return the same with the record or θ in other units."""
        return replace(self, record=record or self.record, theta=self.theta if theta is None else theta)

    def __str__(self) -> str:
        """One line for people: the step, the NLLs (means over runs), rows a second and the time left."""
        record, of = self.record, "" if self.steps is None else f"/{self.steps}"
        held_out = "" if record.validation is None else f"  held-out {np.mean(record.validation):.6f}"
        left = "" if self.seconds_left is None else f"  {_clock(self.seconds_left)} left"
        measured = f"step {record.step:>6}{of}  passes {record.work:>7.2f}  NLL {np.mean(record.value):.6f}{held_out}"
        return f"{measured}  {self.rows_per_second:>9,.0f} rows/s{left}"


Callback: TypeAlias = Callable[[Progress], bool | None]
"""Called at each measurement; one that returns True stops the fit."""


def adapted(callback: Callback, change: Callable[[Progress], Progress]) -> Callback:
    """Return a callback to which progress is told after a change, of its units say."""
    return lambda progress: callback(change(progress))


def show(progress: Progress) -> None:
    """A callback that writes each measurement as a line on stderr."""
    print(progress, file=sys.stderr, flush=True)


def told(callbacks: Sequence[Callback], progress: Progress) -> bool:
    """Tell every callback; say whether any wants the fit to stop."""
    wants = [bool(callback(progress)) for callback in callbacks]  # every one is called, whatever the first has said
    return any(wants)


class Pace:
    """The clock of a fit as its callbacks see it: from the first measurement of this run of the program."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._first = 0

    def at(self, record: Record, theta: Tensor, steps: int | None, rows: int) -> Progress:
        """Return the progress that a record makes, of an objective with so many rows."""
        now = time.perf_counter()
        if self._began is None:
            self._began, self._first = now, record.step
        seconds, done = now - self._began, record.step - self._first
        left = seconds / done * (steps - record.step) if steps is not None and done else None
        rate = record.work * rows / record.seconds if record.seconds else 0.0
        return Progress(record, theta, steps, seconds, rate, left)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
