"""Held-out error: what ranks rules whose criterion is not the NLL, and what a practitioner asks first of the others.

For classes it is the share of rows decided wrongly, for texts that of texts not read right to the last label, for
numbers the mean squared error. The delta rule fits y by η
itself, without a link: its decision between 0 and 1 falls at ½, and its prediction of a number is η.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor
from torch.nn.functional import pad

from likeliest.families import Family
from likeliest.families.base import single
from likeliest.families.ctc import collapse
from likeliest.interfaces import Draw, Eta, Need
from likeliest.local import Local, Meter
from likeliest.objective import Objective
from likeliest.predictors import Predictor, columns_of
from likeliest.rules import ErrorSignal, Rule

Loss: TypeAlias = Callable[[Family, Eta, Tensor], Tensor]
"""(family, η, y) → the error of each row (…, n)."""


def mistakes(family: Family, eta: Eta, y: Tensor) -> Tensor:
    """1 where the decision is wrong and 0 where it is right; a fraction where y is one."""
    return single(family.decision_error(eta, y)).abs().amax(-1)


def mistakes_at_half(family: Family, eta: Eta, y: Tensor) -> Tensor:
    """`mistakes`, with the boundary between 0 and 1 at η = ½."""
    return mistakes(family, single(eta) - 0.5, y)


def misread(family: Family, eta: Eta, y: Tensor) -> Tensor:
    """1 where the most probable path of a sequence says another text than y, and 0 where it says y."""
    said = collapse(single(eta).argmax(-1))
    longest = max(said.shape[-1], y.shape[-1])
    said, y = (pad(text, (0, longest - text.shape[-1])) for text in (said, y))
    return (said != y).any(-1).to(single(eta).dtype)


def squared_error(family: Family, eta: Eta, y: Tensor) -> Tensor:
    """(y − E[y | η])²."""
    return (y - family.mean(eta)).square()


def squared_linear_error(family: Family, eta: Eta, y: Tensor) -> Tensor:
    """(y − η)²."""
    return columns_of(family.linear_error(eta, y))[0].square()


def loss_of(rule: Rule, family: Family, classes: bool) -> Loss:
    """Return how the predictions of a model that a rule has trained are read."""
    if family.event_dims > 1:
        return misread
    linear = isinstance(rule, ErrorSignal) and rule.error == "linear"
    if classes:
        return mistakes_at_half if linear else mistakes
    return squared_linear_error if linear else squared_error


class HeldOutError(Objective):
    """Rows whose value at θ is the weighted mean of an error in place of the NLL.

    Args:
        family: p(y | η).
        predictor: η = f(x; θ).
        rows: x, y, weight and offset, as `Objective` takes them.
        loss: the error of each row.
    """

    def __init__(self, family: Family, predictor: Predictor, *rows: Any, loss: Loss) -> None:
        super().__init__(family, predictor, *rows)
        self.loss = loss

    def at(
        self,
        theta: Tensor,
        rows: Tensor | None = None,
        needs: frozenset[Need] = frozenset(),
        meter: Meter | None = None,
        draw: Draw | None = None,
    ) -> Local:
        """Return a view whose value is the mean error."""
        return _ErrorView(self, self.loss, theta, rows, needs, meter, draw)


class _ErrorView(Local):
    __slots__ = ("_loss",)

    def __init__(self, objective: Objective, loss: Loss, *where: Any) -> None:
        super().__init__(objective, *where)
        self._loss = loss

    @property
    def value(self) -> Tensor:
        """Mean error: (…)."""
        return self._sum(0.0, lambda b: (self._loss(self.family, b.eta, b.y).double() * b.scale).sum(-1))
