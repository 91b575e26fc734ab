"""Directional derivatives from values alone, each with a bound on its error.

Along a direction d the central difference D(h) = (f(θ + hd) − f(θ − hd)) / 2h misses the slope by O(h²) and by
round-off σ/h. On a ladder of steps h₀, h₀/r, h₀/r², … one Richardson step takes the h² away,

    R_k = D_k + (D_k − D_{k−1}) / (r² − 1).

σ is measured, for any f in any precision: a difference table of nearby values loses what is smooth and keeps the noise.
A rung is then as good as its round-off, plus all disagreement with finer rungs that their round-off does not explain;
the best one wins. Kinks and curvature beside θ spoil the coarse rungs, round-off the fine ones.

A kink at θ itself is a slope that differs between the two sides for every h: the bend (f(h) + f(−h) − 2f(0)) / h then
tends to the jump of the slope and not to 0. Any number between the two slopes is a derivative there.

Source: Ridders (1982), Accurate computation of F′(x) and F′(x)F″(x); Moré and Wild (2011), Estimating computational
noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Values: TypeAlias = Callable[[Tensor], Tensor]
"""Points (k, P) → f at each of them (k,), both in double precision."""

RUNGS, RATIO = 10, 6.0
REACHES, REACH_RATIO = 7, 64.0
MODERATE = 0.1
"""The ladder starts where f has changed by at most so much of 1 + |f|: parameters and columns of x come in any unit."""
SAFETY = 4.0
"""Round-off is allowed to be so many times its standard deviation, which is itself an estimate."""
_TABLE, _ORDERS = 9, (4, 5, 6)


class Slopes(NamedTuple):
    """Slopes along m directions, bounds on their errors, and half the jump of slope where θ is on a kink, each (m,)."""

    slope: np.ndarray
    bound: np.ndarray
    half_jump: np.ndarray


def slopes(values: Values, theta: Tensor, directions: Iterable[Tensor]) -> Slopes:
    """Differentiate f at θ (P,) along directions (P,), which have unit length.

    Where f is not finite along a direction, the bound is infinite.
    """
    centre = float(values(theta[None])[0])
    sigma = noise(values, theta)
    ladders = [_ladder(values, theta, d, centre) for d in directions]
    h, forward, backward = (np.stack(column) for column in zip(*ladders, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        return _extrapolated(h, forward, backward, centre, sigma)


def noise(values: Values, theta: Tensor) -> float:
    """σ of the round-off of f near θ.

    The k-th differences of values with independent errors have variance σ² (2k)! / (k!)². The spacing grows until most
    neighbouring values differ: below the resolution of f's own arithmetic there is nothing to see.
    """
    signs = torch.ones_like(theta)
    signs[1::2] = -1.0
    direction = signs * theta.abs().clamp(min=1.0)
    spacing = 2.0**-46
    for _ in range(6):
        f = values(theta + spacing * torch.arange(_TABLE, dtype=theta.dtype)[:, None] * direction).numpy()
        if not np.isfinite(f).all() or np.count_nonzero(np.diff(f)) > _TABLE // 2:
            break
        spacing *= 64
    if not np.isfinite(f).all():
        return math.inf
    levels = [np.mean(np.diff(f, k) ** 2) * math.factorial(k) ** 2 / math.factorial(2 * k) for k in _ORDERS]
    return max(math.sqrt(max(levels)), float(np.finfo(np.float64).eps * np.abs(f).max()) / 2)


def _ladder(values: Values, theta: Tensor, direction: Tensor, centre: float) -> tuple[np.ndarray, ...]:
    """The steps of the ladder along one direction, and f on both sides, each (RUNGS,)."""
    h = _reach(values, theta, direction, centre) * RATIO ** -np.arange(RUNGS)
    steps = torch.from_numpy(np.concatenate((h, -h)))
    f = values(theta + steps[:, None] * direction).numpy()
    return h, f[:RUNGS], f[RUNGS:]


def _reach(values: Values, theta: Tensor, direction: Tensor, centre: float) -> float:
    """The largest step from which on f changes moderately."""
    size = float(theta[direction != 0].abs().max())
    h = max(1.0, size) * REACH_RATIO ** -np.arange(REACHES)
    f = values(theta + torch.from_numpy(h)[:, None] * direction).numpy()
    far = np.flatnonzero(~(np.abs(f - centre) <= MODERATE * (1 + abs(centre))))
    return float(h[min(far[-1] + 1, REACHES - 1)] if len(far) else h[0])


def _extrapolated(h: np.ndarray, forward: np.ndarray, backward: np.ndarray, centre: float, sigma: float) -> Slopes:
    """The best rung of each ladder; arrays are (m, RUNGS)."""
    central = (forward - backward) / (2 * h)
    better = central[:, 1:] + np.diff(central) / (RATIO**2 - 1)
    rounding = SAFETY * sigma / h[:, 1:]
    error = _unexplained(better, rounding)[:, :-1] + rounding[:, :-1] + rounding[:, 1:]
    error = np.where(np.isfinite(error), error, np.inf)
    best = np.argmin(error, 1)[:, None]
    slope, bound = (np.take_along_axis(a, best, 1)[:, 0] for a in (better, error))
    bend = (forward - centre + backward - centre) / h
    jump = bend[:, 1:] + np.diff(bend) / (RATIO - 1)
    jump, doubt = (np.take_along_axis(a, best, 1)[:, 0] for a in (jump, _unexplained(jump, 4 * rounding)))
    at_kink = np.abs(jump) > doubt + 4 * bound
    return Slopes(slope, bound, np.where(at_kink, np.abs(jump) / 2, 0.0))


def _unexplained(estimates: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """For each rung, the largest disagreement with a finer one that the finer one's round-off does not explain."""
    apart = np.abs(estimates[:, :, None] - estimates[:, None, :]) - rounding[:, None, :]
    finer = np.triu(np.ones(apart.shape[1:], dtype=bool), 1)
    worst: np.ndarray = np.where(finer, apart, 0.0).clip(min=0.0).max(2)
    return worst
