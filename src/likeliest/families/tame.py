"""Rows of a standardised t where nothing over- or underflows: numpy's passes over them, and floats for what they share.

A pass of numpy over some thousand numbers takes half as long as one of torch, and a special function of one float a
tenth of what it takes of a tensor with one number. So a row costs what it has to in a fit whose every step is one
evaluation, as GARCH's are. Where a gradient is wanted, on an accelerator, and far out, tensors serve.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.families.base import named
from likeliest.interfaces import Eta
from likeliest.numerics import (
    log1p_below_tangent,
    log_gamma_half_step,
    log_gamma_half_step_slope,
    log_gamma_half_steps,
)

Numbers: TypeAlias = float | np.ndarray

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_TAME = 150.0
"""With columns up to here nothing over- or underflows as long as the ratio does not."""
MOST = 1e300
"""The largest ratio z²/(ν − 2)."""
_NEAR_NORMAL = 32.0
"""From this ν − 2 on, log(1 + z²/(ν − 2)) is told from its tangent, or the score of ν would cancel."""


class Tail(NamedTuple):
    """What depends on ν alone: floats where that is one number, or arrays that broadcast."""

    excess: Numbers
    """ν − 2."""
    step: Numbers
    """log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log ν/2."""
    slope: Numbers
    """Its derivative by log ν."""
    near_normal: bool
    """Whether some ν is large."""

    @classmethod
    def of(cls, log_excess: Numbers) -> Tail:
        """Take d: special functions of one float cost a tenth of what they cost of a tensor with one number."""
        if isinstance(log_excess, float):
            excess = math.exp(log_excess)
            return cls(excess, *log_gamma_half_steps(0.5 * excess + 1)[:2], excess > _NEAR_NORMAL)
        many = np.exp(log_excess)
        x = torch.from_numpy(0.5 * many + 1)
        step, slope = log_gamma_half_step(x).numpy(), log_gamma_half_step_slope(x).numpy()
        return cls(many, step, slope, bool(many.max() > _NEAR_NORMAL))

    @property
    def constant(self) -> Numbers:
        """Log of the density of a standard noise at its mean."""
        return self.step - _HALF_LOG_2PI + 0.5 * np.log1p(2 / self.excess)

    @property
    def rise(self) -> Numbers:
        """Its derivative by d."""
        return (self.excess * self.slope - 1) / (self.excess + 2)

    def by_tail(self, ratio: np.ndarray, growth: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return the score of d, from w = z²/(ν − 2), log(1 + w) and w/(1 + w).

        It is the rise + ½ (ν + 1) w/(1 + w) − ½ (ν − 2) log(1 + w), whose last two are as good as equal for large ν.
        """
        if self.near_normal:
            below = log1p_below_tangent(torch.from_numpy(np.minimum(ratio, 1.0))).numpy()
            gap = np.where(ratio < 1, ratio * share - below, growth - share)
            score: np.ndarray = 1.5 * share
            score -= (0.5 * self.excess) * gap
        else:
            score = (0.5 * self.excess + 1.5) * share
            score -= (0.5 * self.excess) * growth
        score += self.rise
        return score


def tame_numbers(eta: Eta, y: Tensor) -> tuple[Any, ...] | None:
    """Return η's columns, floats or arrays, and y, an array; or None unless they are here, and no gradient is wanted.

    Nor may columns after the first be large. Whether the first and y are shows in z.
    """
    columns, axes, graded = named(eta), y.ndim, torch.is_grad_enabled()
    if not axes or not y.numel() or y.is_cuda or any(c.is_cuda or (graded and c.requires_grad) for c in columns):
        return None
    given = [c.item() if c.numel() == 1 and c.ndim <= axes else c.detach().numpy() for c in columns]
    return (*given, y.double().numpy()) if all(map(_is_moderate, given[1:])) else None


def _is_moderate(column: Numbers) -> bool:
    if isinstance(column, float):
        return -_TAME <= column <= _TAME
    return bool(column.max() <= _TAME and column.min() >= -_TAME)


def one_number(column: Tensor) -> float | None:
    """Return the moderate number that a column is in every row, or None unless it is one, and no gradient is wanted."""
    if column.numel() != 1 or column.is_cuda or (column.requires_grad and torch.is_grad_enabled()):
        return None
    value = float(column)
    return value if _is_moderate(value) else None
