"""Learning rates that change with the step.

A learning rate is a number, a tensor (R, 1) with one number for each of R runs, or a `Schedule` around either. Steps
are counted from 0: ``at(0, steps)`` is the rate of the first step.

Example:
    >>> schedule = Warmup(steps=2, then=Cosine(lr=0.1))
    >>> [round(schedule.at(step, 6), 4) for step in range(6)]
    [0.05, 0.1, 0.1, 0.0854, 0.05, 0.0146]
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.rules.hyperparameters import check_count, check_number, check_rate


class Schedule(ABC):
    """A learning rate as a function of the step; one of your own derives from `Scaled` and states its ``factor``."""

    @property
    @abstractmethod
    def peak(self) -> float | Tensor:
        """The rate that the schedule scales: what a race varies."""

    @abstractmethod
    def with_peak(self, lr: float | Tensor) -> Self:
        """Return the same schedule around another rate."""

    @abstractmethod
    def at(self, step: int, steps: int | None) -> float | Tensor:
        """Return the rate of step ``step`` (from 0) out of ``steps`` (None: the end is not known)."""


Rate: TypeAlias = float | Tensor | Schedule


@dataclass(frozen=True)
class Scaled(Schedule):
    """A rate times a factor of the step.

    Args:
        lr: the rate where the factor is 1, a number or a tensor (R, 1).
    """

    lr: float | Tensor

    def __post_init__(self) -> None:
        check_rate(type(self).__name__, self.lr)

    @property
    def peak(self) -> float | Tensor:
        """The rate where the factor is 1."""
        return self.lr

    def with_peak(self, lr: float | Tensor) -> Self:
        """Return the same factor around another rate."""
        return replace(self, lr=lr)

    def at(self, step: int, steps: int | None) -> float | Tensor:
        """Return lr · factor."""
        return self.lr * self.factor(step, steps)

    @abstractmethod
    def factor(self, step: int, steps: int | None) -> float:
        """Return the factor of step ``step`` (from 0) out of ``steps``."""

    def _end(self, steps: int | None) -> int:
        if steps is None:
            name = type(self).__name__
            raise SpecificationError(f"{name} needs to know where the fit ends; give it a budget, or use InverseTime")
        return max(steps, 1)


@dataclass(frozen=True)
class Constant(Scaled):
    """The same rate at every step."""

    def factor(self, step: int, steps: int | None) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Cosine(Scaled):
    """Half a cosine from lr down to final · lr: final + (1 − final)(1 + cos πt/T)/2.

    Args:
        lr: the rate at the start.
        final: the share of it that is left at the end.

    Source: Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts (without the restarts).
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Cosine", "final", self.final)

    def factor(self, step: int, steps: int | None) -> float:
        """Return the factor; it stays at ``final`` after the end."""
        return _half_cosine(1.0, self.final, step / self._end(steps))


@dataclass(frozen=True)
class OneCycle(Scaled):
    """Half a cosine up to lr, then half a cosine down to almost nothing.

    Args:
        lr: the rate at the top.
        rise: the share of the steps spent on the way up, in (0, 1).
        start: the share of lr to begin with.
        final: the share of lr to end with.

    Source: Smith & Topin (2018), Super-convergence: very fast training of neural networks using large learning rates.
    """

    rise: float = 0.3
    start: float = 1 / 25
    final: float = 1 / 250_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("OneCycle", "rise", self.rise, high=1.0, open_low=True)
        check_number("OneCycle", "start", self.start)
        check_number("OneCycle", "final", self.final)

    def factor(self, step: int, steps: int | None) -> float:
        """Return the factor: the top is step rise · T − 1, the bottom step T − 1."""
        last = self._end(steps) - 1
        top = self.rise * (last + 1) - 1
        if step <= top:
            return _half_cosine(self.start, 1.0, step / top if top > 0 else 1.0)
        return _half_cosine(1.0, self.final, (step - top) / (last - top))


@dataclass(frozen=True)
class InverseTime(Scaled):
    """lr / (1 + decay · t): the rates sum to infinity and their squares do not, so that noise averages out.

    Args:
        lr: the rate of the first step.
        decay: how fast it falls; after 1 / decay steps it has halved.

    Source: Robbins & Monro (1951), A stochastic approximation method.
    """

    decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("InverseTime", "decay", self.decay)

    def factor(self, step: int, steps: int | None) -> float:
        """Return 1 / (1 + decay · t)."""
        return 1.0 / (1.0 + self.decay * step)


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line up to the peak of another schedule, which follows it with the steps that are left.

    Args:
        steps: the length of the line; its last step has the full rate.
        then: the schedule that follows.

    Source: Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour.
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        check_count("Warmup", "steps", self.steps)
        if not isinstance(self.then, Schedule):
            raise SpecificationError(f"Warmup: then must be a Schedule, found {self.then!r}; use Constant(lr)")

    @property
    def peak(self) -> float | Tensor:
        """The peak of what follows."""
        return self.then.peak

    def with_peak(self, lr: float | Tensor) -> Self:
        """Return the same schedule around another peak."""
        return replace(self, then=self.then.with_peak(lr))

    def at(self, step: int, steps: int | None) -> float | Tensor:
        """Return peak · (t + 1) / steps on the line, then what follows, counted from its own 0."""
        if step < self.steps:
            return self.peak * ((step + 1) / self.steps)
        return self.then.at(step - self.steps, None if steps is None else steps - self.steps)


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * min(share, 1.0))) / 2
