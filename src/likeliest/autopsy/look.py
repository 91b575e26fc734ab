"""Looks: every so many steps, is the fit still finite? If so, what it is now is kept as the last good point.

A NaN in a gradient reaches θ within the step, and never leaves it; an overflow in a rule's memory stays there too. So
one norm of each of these tensors, now and then, misses nothing that lasts, and a healthy step pays nothing. A look
reads and never writes: a fit that is looked at has the same bytes as one that is not.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likeliest.interfaces import State

EVERY = 64
"""Steps between two looks."""
LEAP = 1e6
"""θ that has grown by more than this since the last good point is waited for, before it counts as good itself."""
PATIENCE = 16
"""For so many looks."""
LOOKED = ("best_value", "good_norm", "waited")
"""The numbers of a `Look` that a checkpoint keeps."""


@dataclass
class Snapshot:
    """A fit between two steps: θ, its average, the number of steps done, and the rule's memory."""

    theta: Tensor
    average: Tensor | None
    step: int
    memory: dict[str, Any]

    @classmethod
    def of(cls, theta: Tensor, average: Tensor | None, state: State) -> Snapshot:
        """A copy of what a fit is now."""
        return cls(theta.clone(), None if average is None else average.clone(), state.step, copied(state.memory))

    def take(self, theta: Tensor, average: Tensor | None, state: State) -> None:
        """Become a copy of what a fit is now, in the room that is there."""
        self.theta.copy_(theta)
        if average is not None and self.average is not None:
            self.average.copy_(average)
        self.step = state.step
        for name, value in state.memory.items():
            own = self.memory.get(name)
            if isinstance(value, Tensor) and isinstance(own, Tensor) and own.shape == value.shape:
                own.copy_(value)
            else:
                self.memory[name] = copied({name: value})[name]

    def state(self, steps: int | None) -> State:
        """A rule's state as it was then, with a memory of its own; ``steps`` is where the fit ends."""
        return State(step=self.step, steps=steps, memory=copied(self.memory))

    @property
    def measured_theta(self) -> Tensor:
        """The point that a fit measures: θ, or its average."""
        return self.theta if self.average is None else self.average


@dataclass
class Look:
    """What the looks at one run have found.

    Attributes:
        start: θ before the first step.
        good: the last point at which all was finite.
        best: the point of lowest measured value.
        best_value: that value.
        good_norm: ‖θ‖ of the last good point.
        waited: looks since then.
    """

    start: Tensor
    good: Snapshot
    best: Snapshot
    best_value: float = math.inf
    good_norm: float = 0.0
    waited: int = 0

    @classmethod
    def at_start(cls, theta: Tensor, average: Tensor | None, state: State) -> Look:
        """Before the first step, or where a fit is taken up again."""
        first, second = (Snapshot.of(theta, average, state) for _ in range(2))
        return cls(theta.clone(), first, second, good_norm=norm(theta))

    def fine(self, theta: Tensor, average: Tensor | None, state: State) -> bool:
        """Whether θ and the rule's memory are finite; where they are, they are kept."""
        size = norm(theta)
        if not (math.isfinite(size) and math.isfinite(moments(theta, state.memory))) and not _finite(theta, state):
            return False
        if size > LEAP * max(self.good_norm, 1.0) and self.waited < PATIENCE:
            self.waited += 1
        else:
            self.waited, self.good_norm = 0, size
            self.good.take(theta, average, state)
        return True

    def note(self, value: float, theta: Tensor, average: Tensor | None, state: State) -> None:
        """Take in what was measured at a point."""
        if value < self.best_value:
            self.best_value = value
            self.best.take(theta, average, state)

    def back_to(self, snapshot: Snapshot) -> None:
        """Be as after a look at a point that the fit goes back to."""
        self.waited, self.good_norm = 0, norm(snapshot.theta)
        self.good.take(snapshot.theta, snapshot.average, snapshot.state(None))


def norm(theta: Tensor) -> float:
    """‖θ‖, NaN or infinite where an entry is, or where the squares overflow."""
    return math.sqrt(float(torch.dot(theta, theta)))  # half the time of a norm's careful summation


def moments(theta: Tensor, memory: dict[str, Any]) -> float:
    """The sum of squares of all memory that is shaped like θ: what a rule has gathered of gradients."""
    total = 0.0
    for value in memory.values():
        if isinstance(value, Tensor) and value.shape == theta.shape and value.is_floating_point():
            total += float(torch.dot(value, value))
    return total


def all_finite(tensor: Tensor) -> bool:
    """Whether every entry is a finite number."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def finite_memory(theta: Tensor, memory: dict[str, Any]) -> bool:
    """Whether all memory that is shaped like θ is finite."""
    return all(all_finite(v) for v in memory.values() if isinstance(v, Tensor) and v.shape == theta.shape)


def _finite(theta: Tensor, state: State) -> bool:
    return all_finite(theta) and finite_memory(theta, state.memory)


def copied(memory: dict[str, Any]) -> dict[str, Any]:
    """A memory that shares nothing with this one."""
    return {k: v.clone() if isinstance(v, Tensor) else copy.deepcopy(v) for k, v in memory.items()}
