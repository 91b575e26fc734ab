"""Which of several models may be the best? The model confidence set.

With d̄ᵢⱼ the difference of mean losses of models i and j, and V its variance under a bootstrap of blocks, let
tᵢⱼ = d̄ᵢⱼ / √V. Round by round the model i of the largest tᵢⱼ is struck off, and the p-value of a round is how often
chance makes the largest so large. A model's p-value is the largest of its own round and the rounds before; those above
1 − level are the set: it holds the best model, all of them if several are equally good, with probability ``level`` at
least in long samples.

Source: Hansen, Lunde and Nason (2011), The model confidence set, with the range statistic T_R; Politis and Romano
(1994) for the bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from likeliest.errors import ShapeError, SpecificationError
from likeliest.finance.backtests.base import Floats, days
from likeliest.finance.backtests.bootstrap import FEWEST, block_length, resamples
from likeliest.finance.backtests.long_run import is_constant
from likeliest.finance.backtests.monte_carlo import DRAWS, enough_draws

_WHAT = "a model confidence set"


@dataclass(frozen=True, slots=True)
class ConfidenceSet:
    """Models that may be the best.

    Attributes:
        p_values: of each model, the least probable first; 1 for the last one left.
        included: the models of the set, in the order given.
        level: how often such sets hold the best model.
        block: mean block length of the bootstrap, in days.
        n: days.
    """

    p_values: Mapping[str, float]
    included: tuple[str, ...]
    level: float
    block: float
    n: int

    def __str__(self) -> str:
        return f"{len(self.included)} of {len(self.p_values)} models may be the best: {', '.join(self.included)}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        return {
            "p_values": dict(self.p_values),
            "included": list(self.included),
            "level": self.level,
            "block": self.block,
            "n": self.n,
        }


def confidence_set(
    losses: Mapping[str, ArrayLike],
    *,
    level: float = 0.95,
    block: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> ConfidenceSet:
    """Return the models that may be the best, by their losses on the same days.

    Args:
        losses: of each model (n,), the smaller the better.
        level: how often the set is to hold the best model.
        block: mean length of a block in days, ≥ 1; None takes the longest that `block_length` chooses for a model's
            loss beside the mean of all models.
        draws: resamples.
        seed: names them.

    Raises:
        ShapeError: there are fewer than two models, or series do not have one length.
        InputError: there are fewer than 20 days.
        SupportError: a number is not finite.
        SpecificationError: level, block or draws are none.

    Source: Hansen, Lunde and Nason (2011), The model confidence set.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((3, 300))
        >>> found = confidence_set(dict(zip("abc", noise + [[0.0], [0.0], [0.5]], strict=True)), draws=999)
        >>> print(found)
        2 of 3 models may be the best: a, b
    """
    if len(losses) < 2:
        raise ShapeError(f"{_WHAT} needs at least two models, found {len(losses)}")
    if not 0 < level < 1:
        raise SpecificationError(f"{_WHAT} has a level between 0 and 1, found {level}")
    names = list(losses)
    x = np.stack(days(_WHAT, losses, fewest=FEWEST, why="for blocks of them to differ"))
    x = x - x.mean(0)  # what all models share cancels in their differences
    length = max(map(_length, x)) if block is None else float(block)
    if not length >= 1:
        raise SpecificationError(f"{_WHAT} needs blocks of at least 1 day, found {block}")
    t, drawn = _ratios(x, length, enough_draws(draws), seed)
    p = _eliminated(t, drawn)
    order = sorted(p, key=lambda i: p[i])
    included = tuple(name for i, name in enumerate(names) if p[i] > 1 - level)
    return ConfidenceSet({names[i]: p[i] for i in order}, included, level, length, x.shape[1])


def _length(x: Floats) -> float:
    return 1.0 if is_constant(x) else block_length(x)


def _ratios(x: Floats, block: float, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return t (k, k) of mean losses i less j for losses (k, n), and those of resamples about these (draws, k, k)."""
    means = np.concatenate([x[:, index].mean(-1).T for index in resamples(x.shape[1], block, draws, seed, len(x))])
    means -= x.mean(-1)
    apart = means[:, :, None] - means[:, None, :]
    error = np.sqrt(np.mean(apart**2, axis=0))
    difference = x.mean(-1)[:, None] - x.mean(-1)
    alike = error <= 64 * np.finfo(np.float64).eps * np.abs(x).max()  # two models of one loss, or a constant apart
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(alike & (np.abs(difference) <= error), 0.0, difference / np.where(alike, 0.0, error))
    return t, np.divide(apart, error, out=np.zeros_like(apart), where=~alike)


def _eliminated(t: Floats, drawn: Floats) -> dict[int, float]:
    """Return each model's p-value, in the order in which they are struck off."""
    left, p, largest = list(range(len(t))), {}, 0.0
    while len(left) > 1:
        own = t[np.ix_(left, left)]
        chance = drawn[:, left][:, :, left].max((1, 2))
        worst = left[int(own.max(1).argmax())]
        largest = max(largest, (1 + np.count_nonzero(chance >= own.max())) / (len(chance) + 1))
        p[worst] = largest
        left.remove(worst)
    p[left[0]] = 1.0
    return p
