"""The learning-rate range test: raise the rate from step to step, and see where the loss falls and explodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.batches import Batches
from likeliest.errors import ShapeError, SpecificationError
from likeliest.fit import check_on_offer
from likeliest.interfaces import Need
from likeliest.objective import Objective
from likeliest.randomness import stream
from likeliest.rules import Rule, Scaled
from likeliest.rules import rule as rule_by_name

MEMORY = 0.9
"""The share of the running mean of losses, by which an explosion is seen, that is left after a step."""
WINDOW = 1 / 20
"""The standard deviation of the window in which losses are smoothed, as a share of the sweep."""
FEWEST = 10
"""Steps below which no curve can be made out."""


@dataclass(frozen=True)
class RangeTest:
    """What a sweep of learning rates has seen, for a chart of loss against rate on a log scale.

    Attributes:
        rates: (m,) the rate of each step that was made.
        losses: (m,) the objective on that step's batch, before the step: mean NLL and penalty.
        smooth: (m,) a local straight line through the losses at each step.
        suggestion: the rate at which the smooth loss falls fastest for a factor in the rate, or a tenth of ``lowest``
            where that is more: easy data are learnt before the rate is any good.
        lowest: the rate at which the smooth loss is lowest: too large to begin with.
        exploded: the rate at which the sweep was given up; None where it came to its end.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smooth: NDArray[np.float64]
    suggestion: float
    lowest: float
    exploded: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for charts and reports."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}


@dataclass(frozen=True)
class _Sweep(Scaled):
    """Equal factors from one step to the next, from ``low`` to ``lr``."""

    low: float = 1e-6

    def factor(self, step: int, steps: int | None) -> float:
        """Return the factor; that of the last step is 1."""
        return float((self.low / float(self.lr)) ** (1 - step / (self._end(steps) - 1)))


def find_lr(
    objective: Objective,
    rule: Rule | str = "adam",
    *,
    batch_size: int | None = 32,
    theta: Tensor | None = None,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    seed: int = 0,
) -> RangeTest:
    """Sweep the learning rate exponentially from ``low`` to ``high`` and suggest one.

    The sweep is given up when a loss is not finite, or when its running mean rises above the start by more than it has
    ever fallen below it. Neither ``theta`` nor the objective changes; the same seed gives the same test.

    Args:
        objective: what a fit would minimise.
        rule: a rule with a learning rate, or the name of one; a schedule of its own is put aside.
        batch_size: rows to a step, as in the fit to come; None is all of them.
        theta: where to start, (P,); None draws it as `fit` does.
        low: the first rate.
        high: the last rate.
        steps: of the sweep; some 100 or more, for the curve to be smooth.
        seed: names the initial θ and the order of rows.

    Returns:
        A `RangeTest`.

    Raises:
        SpecificationError: no 0 < low < high < ∞; fewer than ten steps; a rule without a learning rate; a loss that is
            not finite, or explodes, before ten steps are made.
        NotOnOfferError: the rule needs what the objective cannot give.
        ShapeError: θ is not of the shape (P,).

    Source: Smith (2017), Cyclical learning rates for training neural networks, section 3.3.

    Example:
        >>> import likeliest as lk, torch
        >>> x = torch.linspace(-1, 1, 256)[:, None]
        >>> objective = lk.Objective(lk.family("bernoulli"), lk.MLP((1, 16, 1)), x, (x[:, 0].abs() > 0.5).float())
        >>> found = lk.find_lr(objective, "adam", batch_size=32)
        >>> 1e-4 < found.suggestion < found.lowest < 10
        True
    """
    if not 0 < low < high < math.inf or steps < FEWEST:
        raise SpecificationError(
            f"a range test goes from low > 0 up to a finite high in at least {FEWEST} steps; found {low:g}, {high:g} "
            f"and {steps}"
        )
    rule = (rule_by_name(rule) if isinstance(rule, str) else rule).with_lr(_Sweep(high, low))
    check_on_offer(objective, rule, batch_size)
    theta = _start(objective, theta, seed)
    with torch.no_grad():
        losses, exploded = _swept(objective, rule, theta, batch_size, steps, seed)
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    if len(losses) < FEWEST:
        raise SpecificationError(
            f"the loss exploded within {len(losses)} steps at rates up to {rates[len(losses)]:.1e}; lower low, or look "
            "at the data and the start"
        )
    smooth, slope = _smoothed(losses, WINDOW * steps)
    lowest = int(smooth.argmin())
    steepest = int(slope[: lowest + 1].argmin())
    suggestion = max(float(rates[steepest]), float(rates[lowest]) / 10)
    gave_up = float(rates[len(losses) - 1]) if exploded else None
    return RangeTest(rates[: len(losses)], losses, smooth, suggestion, float(rates[lowest]), gave_up)


def _start(objective: Objective, theta: Tensor | None, seed: int) -> Tensor:
    """A θ of the test's own."""
    size = objective.predictor.size
    if theta is None:
        return objective.predictor.init([stream(seed, "init")], objective.dtype)[0].clone()
    if tuple(theta.shape) != (size,):
        raise ShapeError(f"θ needs the shape ({size},), found {tuple(theta.shape)}")
    return theta.detach().clone()


def _swept(
    objective: Objective, rule: Rule, theta: Tensor, batch_size: int | None, steps: int, seed: int
) -> tuple[NDArray[np.float64], bool]:
    """The finite losses of the sweep in order, and whether it was given up."""
    state = rule.init(theta, objective.predictor)
    state.steps = steps
    draws = None if batch_size is None else Batches(objective.n, batch_size, seed, theta.device).after(0)
    losses: list[float] = []
    watch = _Watch()
    for step in range(steps):
        draw = None if draws is None else next(draws)
        local = objective.at(theta, None if draw is None else draw.rows, rule.needs | {Need.VALUE}, None, draw)
        if Need.GRAD in rule.needs:
            _ = local.grad  # and the value by the same pass
        loss = float(local.value)
        if not math.isfinite(loss):
            return np.asarray(losses), True
        losses.append(loss)
        if watch.exploded(loss):
            return np.asarray(losses), True
        state.step = step
        theta = rule.step(local, state)
    return np.asarray(losses), False


class _Watch:
    """Whether the running mean of losses has risen above its start by more than it ever fell, and than batches differ.

    NLLs may be negative, so that multiples of the lowest, which other tests compare with, mean nothing here.
    """

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._mean = 0.0
        self._best = math.inf

    def exploded(self, loss: float) -> bool:
        """Take in the next loss."""
        self._losses.append(loss)
        t = len(self._losses)
        self._mean = MEMORY * self._mean + (1 - MEMORY) * loss
        mean = self._mean / (1 - MEMORY**t)
        if t < FEWEST:
            return False
        first = self._losses[:FEWEST]
        self._best = min(self._best, mean)
        start = float(np.mean(first))
        return mean > start + max(start - self._best, 0.0) + 3 * float(np.std(first))


def _smoothed(losses: NDArray[np.float64], width: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The height and the slope at each step of a straight line through its neighbours, weighted by a normal density."""
    steps = np.arange(len(losses))
    away = steps[None, :] - steps[:, None]
    weight = np.exp(-0.5 * (away / width) ** 2)
    s0, s1, s2 = (np.sum(weight * away**k, 1) for k in range(3))
    t0, t1 = weight @ losses, (weight * away) @ losses
    determinant = s0 * s2 - s1 * s1
    return (s2 * t0 - s1 * t1) / determinant, (s0 * t1 - s1 * t0) / determinant
