"""On a kink there is no derivative, but not every number will do: a subgradient lies between the one-sided slopes."""

from __future__ import annotations

import numpy as np
import torch

from likeliest.certify.compare import Check, projected
from likeliest.certify.problem import Problem
from likeliest.randomness import stream

DRAWS = 32


def around(problem: Problem, seed: int) -> np.ndarray:
    """The gradient at points all around θ, close by (DRAWS, P).

    Clarke's subdifferential is the hull of the limits of such gradients. Where many kinks cross θ, an algorithm may
    take any side of each of them, so that its value may lie farther out than a few draws do: but not by far.
    """
    theta, near = problem.theta, problem.epsilon.sqrt()
    size = near * theta.abs().clamp(min=float(theta.abs().mean()) or 1.0)
    steps = (torch.from_numpy(stream(seed, "around", k).uniform(-1.0, 1.0, len(theta))) for k in range(DRAWS))
    return torch.stack([problem.gradient(problem.rounded(theta + size * step)) for step in steps]).numpy()


def outside(check: Check, beside: Check, near: np.ndarray) -> np.ndarray:
    """Where a gradient on a kink is none (m,), by the round-off that was measured beside it.

    Along a direction without a kink there is a derivative, whatever happens along others. Along an entry with a kink
    the value lies between the slopes of both sides, or is what autograd says, which takes one subgradient of every
    rectifier: the sum of those need not lie between the slopes of the sum, but near the gradients around θ. For that
    reason random directions with a kink, which cross many, tell nothing.
    """
    k = len(check.entries)
    single = np.arange(len(check.along)) < k
    rounding = np.where(single, beside.rounding, beside.spread)
    beyond = check.errors - np.abs(check.found.jump) / 2 - 2 * check.found.bound - rounding
    off: np.ndarray = ~(beyond <= 0) & np.isfinite(check.found.bound) & (single | ~check.found.kink)
    seen = np.stack([projected(g[check.part.slice], check.entries, check.signs) for g in near])
    low, high = seen.min(0), seen.max(0)
    off &= np.abs(check.along - (low + high) / 2) > high - low + rounding
    if check.expected is not None:
        off[:k] &= check.apart[check.entries] > beside.closeness
        off[k:] &= bool((check.apart > beside.closeness).any())
    return off


def one_sided(check: Check, row: int) -> tuple[float, float]:
    """The slopes behind and ahead of θ along one direction."""
    slope, half = float(check.found.slope[row]), float(check.found.jump[row]) / 2
    return slope - half, slope + half
