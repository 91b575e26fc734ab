"""On a kink there is no derivative, but not every number will do: a subgradient lies between the one-sided slopes."""

from __future__ import annotations

import numpy as np

from likeliest.certify.compare import Check


def outside(check: Check, beside: Check) -> np.ndarray:
    """Where a gradient on a kink is none (m,), by the round-off that was measured beside it.

    Along a direction without a kink there is a derivative, whatever happens along others. Along an entry with a kink
    the value lies between the slopes of both sides, or is what autograd says, which takes one subgradient of every
    rectifier: the sum of those need not lie between the slopes of the sum. For that reason random directions with a
    kink, which cross many, tell nothing.
    """
    k = len(check.entries)
    single = np.arange(len(check.along)) < k
    rounding = np.where(single, beside.rounding, beside.spread)
    beyond = check.errors - np.abs(check.found.jump) / 2 - 2 * check.found.bound - rounding
    off: np.ndarray = ~(beyond <= 0) & np.isfinite(check.found.bound) & (single | ~check.found.kink)
    if check.expected is not None:
        off[:k] &= check.apart[check.entries] > beside.closeness
        off[k:] &= bool((check.apart > beside.closeness).any())
    return off


def one_sided(check: Check, row: int) -> tuple[float, float]:
    """The slopes behind and ahead of θ along one direction."""
    slope, half = float(check.found.slope[row]), float(check.found.jump[row]) / 2
    return slope - half, slope + half
