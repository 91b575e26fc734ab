"""What a learning rule is: θ → θ′ given a local view of the objective."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Local, Need, Predictor, State
from likeliest.rules.hyperparameters import check_rate
from likeliest.rules.schedules import Rate, Schedule

LR = "lr"
"""The field that holds the learning rate, in rules that have one."""


@dataclass(frozen=True)
class Rule(ABC):
    """A learning rule: a frozen dataclass whose fields are its hyperparameters.

    A rule is asked for `step` alone; all else has a default, and a class attribute replaces a property. It never
    measures itself, never loops over batches and never draws random numbers: the driver does.

    Example:
        >>> @dataclass(frozen=True)
        ... class SignDescent(Rule):
        ...     lr: float = 0.01
        ...     formula = "θ ← θ − lr · sign(g)"
        ...     def step(self, local, state):
        ...         return local.theta - self.lr * local.grad.sign()
        >>> SignDescent().name, sorted(SignDescent().needs), SignDescent().with_lr(0.1)
        ('sign_descent', [<Need.GRAD: 'grad'>], SignDescent(lr=0.1))
    """

    @property
    def name(self) -> str:
        """What reports and the command line call the rule; by default the name of the class in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def needs(self) -> frozenset[Need]:
        """What the rule asks of an objective; a fit is refused before its first step where that is not on offer."""
        return frozenset({Need.GRAD})

    @property
    def full_batch(self) -> bool:
        """Whether the rule makes sense on all rows only."""
        return False

    @property
    def criterion(self) -> str:
        """What the rule minimises: ``"nll"``, or what it minimises in its place."""
        return "nll"

    @property
    def formula(self) -> str:
        """The update on one line, for reports."""
        return ""

    @property
    def source(self) -> str:
        """The paper or book that the rule comes from."""
        return ""

    @property
    def lr_range(self) -> tuple[float, float] | None:
        """The learning rates that a fair race searches, on a log scale; None: the rule has no learning rate."""
        return (1e-4, 1.0) if self._has_lr else None

    @property
    def _has_lr(self) -> bool:
        return any(field.name == LR for field in fields(self))

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return the state before the first step.

        Args:
            theta: (P,), or (R, P) for R independent runs in lockstep.
            predictor: for its ``parts``, where a rule treats some parts of θ differently.
        """
        return State()

    @abstractmethod
    def step(self, local: Local, state: State) -> Tensor:
        """Return the next θ, shaped like ``local.theta``, which may be changed in place and returned.

        ``local.grad`` is a buffer that the next view reuses: a rule that keeps it clones it. The driver has set
        ``state.step``, the number of steps done, and ``state.steps``. A rule that cannot move leaves θ as it is and
        says why in ``state.outcome``. Runs are independent: a run that has become NaN must not touch the others.
        """

    def with_lr(self, lr: Rate) -> Self:
        """Return the same rule with another learning rate; a number or tensor keeps the shape of a schedule.

        Raises:
            SpecificationError: the rule has no learning rate, or the rate is not positive and finite.
        """
        if not self._has_lr:
            raise SpecificationError(f"{self.name} has no learning rate; leave lr out")
        held: Rate = getattr(self, LR)
        if isinstance(held, Schedule) and not isinstance(lr, Schedule):
            lr = held.with_peak(lr)
        return replace(self, **{LR: lr})


def check_lr(rule: Rule, lr: Rate) -> None:
    """Refuse a learning rate that is neither positive nor a schedule.

    Raises:
        SpecificationError: naming the rule and what was found.
    """
    if not isinstance(lr, Schedule):
        check_rate(rule.name, lr)


def peak(lr: Rate) -> float | Tensor:
    """Return the number, or tensor (R, 1), inside a learning rate."""
    return lr.peak if isinstance(lr, Schedule) else lr


def current(lr: Rate, state: State) -> float | Tensor:
    """Return the learning rate of this step: a number, (R, 1), or the number () that the driver keeps on the device."""
    if state.rate is not None:
        return state.rate
    return lr.at(state.step, state.steps) if isinstance(lr, Schedule) else lr


def check_runs(rule: Rule, lr: Rate, theta: Tensor) -> None:
    """Refuse one learning rate a run where θ has other runs, or none.

    Raises:
        ShapeError: naming both shapes.
    """
    rates = peak(lr)
    if isinstance(rates, Tensor) and (theta.ndim != 2 or rates.shape[0] != theta.shape[0]):
        raise ShapeError(
            f"{rule.name}: lr has shape {tuple(rates.shape)}, one rate a run, but θ has shape {tuple(theta.shape)}; "
            f"give θ as ({rates.shape[0]}, P), or lr as a number"
        )


def add_scaled(theta: Tensor, direction: Tensor, lr: float | Tensor) -> Tensor:
    """Return θ + lr · direction, in place; lr is a number, () or (R, 1)."""
    if isinstance(lr, Tensor):
        return theta.addcmul_(direction, lr.to(theta))
    return theta.add_(direction, alpha=lr)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """⟨a, b⟩ of each run, with its axis kept: (1,) or (R, 1)."""
    product: Tensor = torch.linalg.vecdot(a, b)
    return product.unsqueeze(-1)
