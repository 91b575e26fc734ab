"""Directional derivatives from values alone, each with a bound on its error.

Along a direction d the central difference D(h) = (f(θ + hd) − f(θ − hd)) / 2h misses the slope by O(h²) and by
round-off σ/h. On a ladder of steps h₀, h₀/r, h₀/r², … one Richardson step takes the h² away,

    R_k = D_k + (D_k − D_{k−1}) / (r² − 1).

σ is measured, for any f in any precision: a difference table of nearby values loses what is smooth and keeps the noise.
A rung is then as good as its round-off, plus all disagreement with finer rungs that their round-off does not explain;
the best one wins. Kinks and curvature beside θ spoil the coarse rungs, round-off the fine ones.

A kink at θ itself is a slope that differs between the two sides for every h: the bend (f(h) + f(−h) − 2f(0)) / h then
tends to the jump of the slope and not to 0, and there is no derivative.

Source: Ridders (1982), Accurate computation of F′(x) and F′(x)F″(x); Moré and Wild (2011), Estimating computational
noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.problem import Problem, Values
from likeliest.randomness import stream

RUNGS, RATIO = 13, 6.0
FEW_RUNGS, FAR = 7, 36.0
"""The same heights with fewer steps, for functions of so many parameters that an evaluation takes long."""
REACHES, REACH_RATIO = 7, 64.0
MODERATE = 0.1
"""The ladder starts where f has changed by at most so much of 1 + |f|: parameters and columns of x come in any unit."""
LONG = 2**14
"""With so many parameters an evaluation of f takes its time, and fewer have to do."""
SAFETY = 4.0
"""Round-off is allowed to be so many times its standard deviation, which is itself an estimate."""
_TABLE, _ORDERS, _NOISE_DIRECTIONS, _COARSER = 9, (4, 5, 6), 4, 6
_AT_ONCE, _DOUBT, _SMALLEST = 2**20, 8.0, 1e-6


class Slopes(NamedTuple):
    """What the values of f say along m directions.

    Attributes:
        slope: the mean of the slopes on both sides, which is the derivative where θ lies on no kink (m,).
        bound: on its error (m,).
        kink: whether θ lies on a kink (m,).
        jump: the slope ahead less the slope behind (m,); zero where there is no kink.
        steps: of the ladders (m, rungs).
        central: the difference quotients on them (m, rungs).
    """

    slope: np.ndarray
    bound: np.ndarray
    kink: np.ndarray
    jump: np.ndarray
    steps: np.ndarray
    central: np.ndarray


def slopes(
    values: Values, theta: Tensor, directions: Iterable[Tensor], sigma: float | None = None, *, sparse: bool = False
) -> Slopes:
    """Differentiate f at θ (P,) along directions (P,), which have unit length.

    Where f is not finite along a direction, the bound is infinite. σ of the round-off is measured if it is not given.
    Sparse ladders have fewer steps.
    """
    rungs, ratio = (FEW_RUNGS, FAR) if sparse else (RUNGS, RATIO)
    centre = float(values(theta[None])[0])
    sigma = noise(values, theta, centre) if sigma is None else sigma
    ladders = [_ladder(values, theta, d, centre, ratio ** -np.arange(rungs)) for d in directions]
    h, forward, backward = (np.stack(column) for column in zip(*ladders, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        return _extrapolated(h, forward, backward, centre, sigma, ratio)


def noise_of(problem: Problem, theta: Tensor) -> float:
    """σ of the round-off of a problem's f near θ, measured once for all that is compared there."""
    key = theta.numpy().tobytes()
    if key not in problem.noises:
        problem.noises[key] = noise(problem.values, theta, float(problem.values(theta[None])[0]))
    return problem.noises[key]


def noise(values: Values, theta: Tensor, centre: float) -> float:
    """σ of the round-off of f near θ, the largest along a few directions.

    The k-th differences of values with independent errors have variance σ² (2k)! / (k!)². The spacing is far above the
    last digits, which makes errors independent, and grows where f's own arithmetic is too coarse to see it.
    """
    return max(_noise_along(values, theta, direction, centre) for direction in _generic_directions(theta))


def _generic_directions(theta: Tensor) -> Iterator[Tensor]:
    """Every second one in proportion to θ; along others, a large entry lets the small ones show their round-off too."""
    draws = stream(0, "noise")
    for k in range(_NOISE_DIRECTIONS if len(theta) <= LONG else 1):
        drawn = torch.from_numpy(draws.uniform(-1.0, 1.0, len(theta)))
        yield drawn if k % 2 else drawn * theta.abs().clamp(min=1.0)


def _noise_along(values: Values, theta: Tensor, direction: Tensor, centre: float) -> float:
    spacing = reach(values, theta, direction, centre) * 2.0**-27
    for _ in range(_COARSER):
        f = _along(values, theta, direction, spacing * np.arange(_TABLE))
        if not np.isfinite(f).all():
            return math.inf
        if np.count_nonzero(np.diff(f)) > _TABLE // 2:
            break
        spacing *= 16
    levels = [np.mean(np.diff(f, k) ** 2) * math.factorial(k) ** 2 / math.factorial(2 * k) for k in _ORDERS]
    return max(math.sqrt(max(levels)), float(np.finfo(np.float64).eps * np.abs(f).max()) / 2)


def _ladder(
    values: Values, theta: Tensor, direction: Tensor, centre: float, heights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The steps of the ladder along one direction, and f on both sides, each (rungs,)."""
    h = reach(values, theta, direction, centre) * heights
    f = _along(values, theta, direction, np.concatenate((h, -h)))
    return h, f[: len(h)], f[len(h) :]


def _along(values: Values, theta: Tensor, direction: Tensor, steps: np.ndarray) -> np.ndarray:
    """Evaluate f at θ + h d for every step h, one at a time where θ is long."""
    if len(theta) > _AT_ONCE // len(steps):
        return np.array([float(values(torch.add(theta, direction, alpha=h)[None])[0]) for h in steps.tolist()])
    return values(theta + torch.from_numpy(steps)[:, None] * direction).numpy()


def reach(values: Values, theta: Tensor, direction: Tensor, centre: float) -> float:
    """The largest step from which on f changes moderately; no step is far larger than θ, which would hide kinks."""
    size = float(theta[direction != 0].abs().max())
    whole = float(theta.abs().max())
    unit = min(1.0, max(whole, _SMALLEST)) if whole > 0 else 1.0
    h = max(unit, size) * REACH_RATIO ** -np.arange(REACHES)
    moderate = 0
    for step in h:
        f = _along(values, theta, direction, np.array([step]))
        moderate = moderate + 1 if abs(f[0] - centre) <= MODERATE * (1 + abs(centre)) else 0
        if moderate == 2:
            return float(step * REACH_RATIO)
    return float(h[-1])


def _extrapolated(
    h: np.ndarray, forward: np.ndarray, backward: np.ndarray, centre: float, sigma: float, ratio: float
) -> Slopes:
    """Slopes, and jumps of them, without their leading errors, from the ladders (m, rungs)."""
    central = (forward - backward) / (2 * h)
    slope, bound = _settled(central[:, 1:] + np.diff(central) / (ratio**2 - 1), SAFETY * sigma / h[:, 1:])
    bend = (forward - centre + backward - centre) / h
    jump, doubt = _settled(bend[:, 1:] + np.diff(bend) / (ratio - 1), 4 * SAFETY * sigma / h[:, 1:])
    kink = np.abs(jump) > SAFETY * doubt
    return Slopes(slope, bound, kink, np.where(kink, jump, 0.0), h, central)


def _settled(estimates: np.ndarray, rounding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best of the estimates on each ladder (m, rungs), and a bound on its error, each (m,).

    An estimate is off by no more than it differs from a finer one, plus what that one is off: here several times as
    much, for kinks beside θ at many distances make one rung after the other agree with the next by chance.
    """
    apart = np.abs(estimates[:, :, None] - estimates[:, None, :]) - rounding[:, None, :]
    finer = np.triu(np.ones(apart.shape[1:], dtype=bool), 1)
    unexplained = np.where(finer, apart, 0.0).clip(min=0.0).max(2)
    error = rounding[:, :-1] + 2 * rounding[:, 1:] + _DOUBT * unexplained[:, :-1]
    error = np.where(np.isfinite(error), error, np.inf)
    best = np.argmin(error, 1)[:, None]
    return np.take_along_axis(estimates, best, 1)[:, 0], np.take_along_axis(error, best, 1)[:, 0]
