"""Holm's step-down: which of several hypotheses to reject, so that one wrong rejection or more is seldom.

m p-values in rising order, the i-th (from 0) judged at α / (m − i), up to the first that fails. However they depend on
one another, the chance of one wrong rejection or more is at most α.

Source: Holm (1979), A simple sequentially rejective multiple test procedure.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import ShapeError, SupportError

Floats: TypeAlias = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Return Holm's adjusted p-values (m,): those at most α are rejected at family-wise level α.

    Raises:
        ShapeError: they are not (m,).
        SupportError: one is not between 0 and 1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = _probabilities(p_values)
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def holm_levels(p_values: ArrayLike, alpha: float) -> Floats:
    """Return the level (m,) at which Holm judges each p-value; all after the first that fails share its level.

    Raises:
        ShapeError: they are not (m,).
        SupportError: one is not between 0 and 1.

    Example:
        >>> holm_levels([0.01, 0.04, 0.03], 0.05).round(4).tolist()
        [0.0167, 0.025, 0.025]
    """
    p = _probabilities(p_values)
    order = np.argsort(p, kind="stable")
    levels = alpha / (len(p) - np.arange(len(p)))
    failed = np.flatnonzero(p[order] > levels)
    if len(failed):
        levels[failed[0] :] = levels[failed[0]]
    judged = np.empty_like(p)
    judged[order] = levels
    return judged


def _probabilities(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1:
        raise ShapeError(f"Holm's procedure needs p-values (m,), found {p.shape}")
    if len(wrong := np.flatnonzero(~((p >= 0) & (p <= 1)))):
        raise SupportError(f"Holm's procedure needs p-values between 0 and 1, found p[{wrong[0]}] = {p[wrong[0]]}")
    return p
