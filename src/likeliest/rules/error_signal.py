"""Rosenblatt's perceptron and Widrow and Hoff's delta rule: an error is pulled back through the predictor.

Gradient descent on the NLL adds lr · Jᵀscore, and under a canonical link score = y − μ. These two older rules have the
same shape with another signal in its place: the error of the decision, or that of the linear output itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Local, Need, Predictor, State
from likeliest.rules.base import Rule, add_scaled, check_lr, check_runs, current
from likeliest.rules.schedules import Rate

_NAMES = {"decision": "perceptron", "linear": "delta_rule"}
_CRITERIA = {"decision": "mistakes", "linear": "squared error in η"}
_FORMULAS = {"decision": "θ ← θ + lr·Jᵀ(y − [η > 0])", "linear": "θ ← θ + lr·Jᵀ(y − η)"}
_SOURCES = {"decision": "Rosenblatt (1958)", "linear": "Widrow & Hoff (1960)"}


@dataclass(frozen=True)
class ErrorSignal(Rule):
    """θ ← θ + lr · Jᵀe, with e the family's decision error or linear error. θ changes in place.

    It minimises no NLL: ``criterion`` says what it minimises. Use `perceptron` and `delta_rule` to make one.

    Args:
        error: ``"decision"``, for a bernoulli y − [η > 0], or ``"linear"``, y − η.
        lr: a number, a tensor (R, 1) with one number a run, or a `Schedule`.

    Raises:
        SpecificationError: a hyperparameter lies outside its range.
        ShapeError: (from ``init``) lr is given for other runs than θ has.
    """

    error: Literal["decision", "linear"]
    lr: Rate = 0.1

    lr_range = (1e-3, 10.0)

    def __post_init__(self) -> None:
        if self.error not in _NAMES:
            raise SpecificationError(f"ErrorSignal: error must be one of {sorted(_NAMES)}, found {self.error!r}")
        check_lr(self, self.lr)

    @property
    def name(self) -> str:
        """``"perceptron"`` or ``"delta_rule"``."""
        return _NAMES[self.error]

    @property
    def needs(self) -> frozenset[Need]:
        """A pullback, and for the perceptron a family that decides between classes."""
        return frozenset({Need.PULLBACK, Need.DECISION} if self.error == "decision" else {Need.PULLBACK})

    @property
    def criterion(self) -> str:
        """``"mistakes"`` or ``"squared error in η"``."""
        return _CRITERIA[self.error]

    @property
    def formula(self) -> str:
        """The update on one line."""
        return _FORMULAS[self.error]

    @property
    def source(self) -> str:
        """The paper."""
        return _SOURCES[self.error]

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return an empty state."""
        check_runs(self, self.lr, theta)
        return State()

    def step(self, local: Local, state: State) -> Tensor:
        """Return θ + lr · Jᵀe, a mean over the batch."""
        family = local.family
        signal = family.decision_error if self.error == "decision" else family.linear_error
        return add_scaled(local.theta, local.pullback(signal), current(self.lr, state))


def perceptron(lr: Rate = 1.0) -> ErrorSignal:
    """θ ← θ + lr · Jᵀ(y − [η > 0]): only mistakes move θ; on separable rows it stops making them.

    Source: Rosenblatt (1958), The perceptron: a probabilistic model for information storage and organization in the
    brain.
    """
    return ErrorSignal("decision", lr)


def delta_rule(lr: Rate = 0.1) -> ErrorSignal:
    """θ ← θ + lr · Jᵀ(y − η): least mean squares on the linear output.

    Source: Widrow & Hoff (1960), Adaptive switching circuits.
    """
    return ErrorSignal("linear", lr)
