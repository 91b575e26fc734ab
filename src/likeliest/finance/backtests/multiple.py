"""Who among several models has an edge? Holm's step-down, and the claim of an edge over a base rate.

The more models are tried, the better the best of them looks by luck. Holm tests m p-values in rising order, the i-th
(from 0) at α / (m − i), and stops at the first that fails: however they depend on one another, the chance of one wrong
claim or more is at most α.

Source: Holm (1979), A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.finance.backtests.base import Floats, days
from likeliest.finance.backtests.bootstrap import FEWEST, block_length, standard_error, student_draws, upper_draw
from likeliest.finance.backtests.long_run import is_constant
from likeliest.finance.backtests.monte_carlo import DRAWS, TIE
from likeliest.numerics.holm import holm, holm_levels

_WHAT = "an edge"


@dataclass(frozen=True, slots=True)
class Edge:
    """How much better than the base rate a model forecasts.

    Attributes:
        mean: mean difference of log scores a day, in nats; above 0 the model is better.
        low: lower end of its interval.
        high: upper end.
        level: at which Holm judged the model: the interval's own. As the models' intervals have several levels, they do
            not hold all true differences at once; the claims are what is safe.
        p_value: one-sided, adjusted by Holm: at most (1 − level asked for) / 2 where an edge is claimed.
        claimed: whether the interval lies above 0.
        block: mean block length of the bootstrap, in days.
        n: days.
    """

    mean: float
    low: float
    high: float
    level: float
    p_value: float
    claimed: bool
    block: float
    n: int

    def __str__(self) -> str:
        found = f"{self.mean:+.4g} nats a day ({self.level:.4g} interval {self.low:.4g} to {self.high:.4g})"
        return f"{'an edge' if self.claimed else 'no edge shown'}: {found}, {self.n} days"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        return asdict(self)


def edges(
    differences: Mapping[str, ArrayLike], *, horizon: int = 1, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> dict[str, Edge]:
    """Return of each model whether it forecasts better than the base rate, beyond chance and beyond having tried many.

    An edge is claimed where the two-sided interval of the mean difference, at Holm's level, lies above 0. Such claims
    are the rejections of Holm's procedure on the one-sided hypotheses "no better than the base rate" at
    (1 − level) / 2: with ``level`` 0.95 one wrong claim or more comes in 2.5 % of all families, however many models are
    tried. Intervals and p-values come from one percentile-t bootstrap of blocks, because log scores have heavy and
    skewed tails: a model that is seldom but badly wrong looks good on most samples to Student's t.

    Args:
        differences: of each model, log score of the model − log score of the base rate (n,), n of its own.
        horizon: days ahead of the forecasts; blocks are at least as long.
        level: of the intervals, before Holm.
        draws: resamples.
        seed: names them.

    Raises:
        ShapeError: there are no models, or a series is not (n,).
        InputError: there are fewer than 20 days, or a difference is one number other than 0 on all days.
        SupportError: a number is not finite.
        SpecificationError: level or horizon are none, or there are too few draws for so many models.

    Source: Politis and Romano (1994); Hall (1992); Holm (1979).

    Example:
        >>> noise = np.random.default_rng(0).standard_normal(500)
        >>> found = edges({"better": 0.2 + noise, "same": noise - noise.mean(), "base": 0 * noise}, draws=999)
        >>> [name for name, edge in found.items() if edge.claimed]
        ['better']
    """
    if not differences:
        raise ShapeError("edges need the differences of at least one model, found none")
    if not 0 < level < 1 or horizon < 1:
        raise SpecificationError(f"edges need a level between 0 and 1 and a horizon ≥ 1, found {level} and {horizon}")
    alpha = (1 - level) / 2
    if (draws + 1) * alpha < len(differences) * (1 - TIE):
        least = int(np.ceil(len(differences) / alpha))
        raise SpecificationError(
            f"at level {level} edges of {len(differences)} models need at least {least} draws, found {draws}: with "
            "fewer none could ever be claimed"
        )
    drawn = {name: _Drawn.of(name, d, horizon, draws, seed) for name, d in differences.items()}
    p = np.array([found.p for found in drawn.values()])
    judged = zip(drawn.items(), holm_levels(p, alpha), holm(p), strict=True)
    return {name: found.judged(float(share), float(adjusted)) for (name, found), share, adjusted in judged}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A model's difference and the distribution of its t under resampling, (draws,) rising."""

    mean: float
    error: float
    t: Floats
    block: float
    n: int

    @classmethod
    def of(cls, name: str, difference: ArrayLike, horizon: int, draws: int, seed: int) -> _Drawn:
        """Resample a model's days."""
        (d,) = days(
            f"{_WHAT} of {name}", {"differences": difference}, fewest=FEWEST, why="for blocks of them to differ"
        )
        if not d.any():
            return cls(0.0, 0.0, np.zeros(draws), 1.0, len(d))
        if is_constant(d):
            raise InputError(
                f"{_WHAT} of {name} needs differences that vary, found {d[0]:g} on all {len(d)} days: nothing tells "
                "what chance does to it"
            )
        block = max(block_length(d), float(horizon))
        return cls(
            float(d.mean()), standard_error(d, block), student_draws(d[None], block, draws, seed)[0], block, len(d)
        )

    @property
    def p(self) -> float:
        """One-sided p-value of a mean of at most 0."""
        if not self.error:
            return 1.0
        return float(1 + np.count_nonzero(self.t >= self.mean / self.error)) / (len(self.t) + 1)

    def judged(self, share: float, adjusted: float) -> Edge:
        """Return the model's edge: the interval leaves out a share on each side."""
        if not self.error:
            return Edge(0.0, 0.0, 0.0, 1 - 2 * share, adjusted, False, self.block, self.n)
        low = self.mean - self.error * upper_draw(self.t, share)
        high = self.mean + self.error * upper_draw(-self.t[::-1], share)
        return Edge(self.mean, low, high, 1 - 2 * share, adjusted, low > 0, self.block, self.n)
