"""What tests of the transform u = F(y) share: their input, normal scores, and draws from the tail of true forecasts.

If every day's forecast distribution F is the true one, u is uniform on [0, 1] and independent from day to day
(Rosenblatt, 1952; Dawid, 1984; Diebold, Gunther and Tay, 1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from likeliest.errors import InputError
from likeliest.finance.backtests.base import Flags, Floats, days

_LEAST, _MOST = np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)


def transforms(what: str, u: ArrayLike, *, fewest: int, why: str) -> Floats:
    """Return probability integral transforms (n,), checked.

    Raises:
        ShapeError: u is not (n,).
        InputError: there are too few days, or a value lies outside [0, 1].
        SupportError: a value is not finite.
    """
    (u,) = days(what, {"u": u}, fewest=fewest, why=why)
    if len(wrong := np.flatnonzero((u < 0) | (u > 1))):
        raise InputError(
            f"{what} needs transforms u = F(y) in [0, 1], found u[{wrong[0]}] = {u[wrong[0]]:g}: give each return's "
            "probability under its own day's forecast"
        )
    return u


def inside(u: Floats) -> Floats:
    """Return u with 0 and 1 moved to the nearest numbers between them.

    They stand for probabilities that no number can hold: no return is impossible, and an infinite score would hide how
    the other days did.
    """
    return np.minimum(np.maximum(u, _LEAST), _MOST)


def normal_scores(u: Floats) -> Floats:
    """Return z = Φ⁻¹(u), standard normal under true forecasts, and finite.

    Example:
        >>> normal_scores(np.array([0.0, 0.5, 1.0])).round(1).tolist()
        [-38.5, 0.0, 8.2]
    """
    z: Floats = ndtri(inside(u))
    return z


def tail_draws(generator: np.random.Generator, m: int, n: int, level: float) -> tuple[Floats, Flags]:
    """Return the transforms u ≤ a of m histories of n days, (m, most), and which of these places are taken.

    Only the days in the tail are drawn: their number is binomial, and each is uniform on [0, a].
    """
    counts = generator.binomial(n, level, m)
    present = np.arange(max(int(counts.max()), 1)) < counts[:, None]
    return level * generator.random(present.shape), present
