"""Hansen's constants: where the mode of a skewed t lies and how wide its two pieces are, so that its variance is 1.

The two pieces, 1 + λ and 1 − λ times as wide as one, have the mean a = λm and the variance b² = 1 + λ²(3 − m²), where
½m is the mean absolute deviation of one. So the mode of the noise lies at −k = −a/b, and its scale is 1/b. Here are
these numbers with their derivatives by d = log(ν − 2) and κ, λ = tanh κ; nothing in them cancels.

Source: Hansen (1994), Autoregressive conditional density estimation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from likeliest.families.location_scale import product
from likeliest.families.tame import Tail
from likeliest.numerics import log_gamma_half_step, log_gamma_half_step_curvature, log_gamma_half_step_slope, plus

_LOG_2 = math.log(2)
_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
_FAR = 700.0
"""Where d is larger, both pieces are normal."""


@dataclass(frozen=True)
class Pieces:
    """What depends on d and κ alone: tensors, arrays or floats that broadcast."""

    skew: Any
    """λ."""
    below: Any
    """1 − λ, how wide the lower piece is."""
    above: Any
    """1 + λ."""
    excess: Any
    """ν − 2."""
    ratio: Any
    """Γ((ν + 1)/2)/(Γ(ν/2) √(ν/2))."""
    slope: Any
    """The derivative of its logarithm by log ν."""

    @classmethod
    def of(cls, log_excess: Tensor, skew: Tensor) -> Pieces:
        """Take the columns d and κ, in double precision."""
        excess = log_excess.clamp(max=_FAR).exp()
        x, lam = 0.5 * excess + 1, torch.tanh(skew)
        widths = zip((-lam, lam), log_shares(skew), strict=True)
        below, above = (torch.where(w > -0.5, 1 + w, log_share.exp()) for w, log_share in widths)
        return cls(lam, below, above, excess, log_gamma_half_step(x).exp(), log_gamma_half_step_slope(x))

    @classmethod
    def of_numbers(cls, tail: Tail, skew: Any) -> Pieces:
        """Take moderate ones, as floats or arrays."""
        lam = np.tanh(skew)
        below, above = (np.where(w > -0.5, 1 + w, 2 / (1 + np.exp(-2 * k))) for w, k in ((-lam, -skew), (lam, skew)))
        return cls(lam, below, above, tail.excess, np.exp(tail.step), tail.slope)

    @cached_property
    def peak(self) -> Any:
        """c, the density of one at its mode."""
        return _DENSITY_AT_0 * self.ratio * (1 + 2 / self.excess) ** 0.5

    @cached_property
    def most(self) -> Any:
        """Twice the mean absolute deviation of one: m = 4c(ν − 2)/(ν − 1)."""
        df = self.excess + 2
        return 4 * _DENSITY_AT_0 * self.ratio * self.excess**0.5 * df**0.5 / (df - 1)

    @cached_property
    def rise(self) -> Any:
        """The slope of log m by d."""
        df = self.excess + 2
        return (self.excess * self.slope + 1 / (df - 1)) / df

    @cached_property
    def shift(self) -> Any:
        """Their mean a."""
        return self.skew * self.most

    @cached_property
    def excess_square(self) -> Any:
        """3 − m², between 3 − 8/π and 3: b² − 1 over λ²."""
        return 3 - self.most**2

    @cached_property
    def square(self) -> Any:
        """Their variance b²."""
        return 1 + self.skew**2 * self.excess_square

    @cached_property
    def stretch(self) -> Any:
        """Their standard deviation b."""
        return self.square**0.5

    @cached_property
    def log_stretch(self) -> Any:
        """Its logarithm."""
        gain = self.skew**2 * self.excess_square
        return 0.5 * (torch.log1p(gain) if isinstance(gain, Tensor) else np.log1p(gain))

    @cached_property
    def both(self) -> Any:
        """1 − λ²."""
        return self.below * self.above

    @cached_property
    def mode_by_tail(self) -> Any:
        """The slope of k by d, times b."""
        return self.shift * self.rise * (1 + 3 * self.skew**2) / self.square

    @cached_property
    def mode_by_skew(self) -> Any:
        """The slope of k by κ, times b."""
        return self.both * self.most / self.square

    @cached_property
    def by_tail(self) -> Any:
        """The slope of log b by d."""
        return -(self.shift**2) * self.rise / self.square

    @cached_property
    def by_skew(self) -> Any:
        """The slope of log b by κ."""
        return self.both * self.skew * self.excess_square / self.square

    def stretched(self, z: Tensor) -> Tensor:
        """Return t = bz + a, which is 0 at the mode."""
        t: Tensor = self.stretch * z + self.shift
        return t

    def noise(self, t: Tensor) -> Tensor:
        """Return z = (t − a)/b."""
        z: Tensor = (t - self.shift) / self.stretch
        return z

    def side_of(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return whether a quantile lies below the mode, 1 ∓ λ there, and its level in the tail of one piece alone."""
        below = level < 0.5 * self.below
        share = torch.where(below, self.below, self.above)
        beyond = torch.where(below, level, 1 - level) / share
        return below, share, torch.where(share == 0, 0.5, beyond)

    def bends(self) -> Bends:
        """Return the second derivatives."""
        df, square, rise, m2 = self.excess + 2, self.square, self.rise, self.most**2
        share, a2 = self.excess / df, self.shift**2
        turn = share * (self.slope + share * self._turn - 1 / (df - 1) ** 2 - rise)
        bowed = 1 - self.skew**2 * (3 + self.excess_square * (1 + self.skew**2))
        return Bends(
            mode_dd=self.mode_by_tail * (rise * (1 + 3 * self.skew**2) / square - 2 * self.by_tail)
            + self.shift * (1 + 3 * self.skew**2) / square * turn,
            mode_dk=self.mode_by_skew * (rise - 3 * self.by_tail),
            mode_kk=-self.mode_by_skew * (2 * self.skew + 3 * self.by_skew),
            dd=-a2 / square * (2 * rise**2 + turn) - 2 * self.by_tail**2,
            dk=-2 * self.both * self.skew * m2 * rise / square**2,
            kk=self.both * self.excess_square / square**2 * bowed,
        )

    @property
    def _turn(self) -> Tensor:
        """The derivative of the slope by log ν."""
        turn: Tensor = self.slope + log_gamma_half_step_curvature(0.5 * self.excess + 1)
        return turn

    def moves(self, per: Tensor) -> Moves:
        """Return how mode and scale move with η, in units of the scale where ``per`` is one over it, b e^(−s)."""
        return Moves(per, -self.shift, -self.mode_by_tail, -self.mode_by_skew, -self.by_tail, -self.by_skew)


class Bends(NamedTuple):
    """Second derivatives by d and κ of k, times b, and of log b."""

    mode_dd: Tensor
    mode_dk: Tensor
    mode_kk: Tensor
    dd: Tensor
    dk: Tensor
    kk: Tensor


class Moves(NamedTuple):
    """The Jacobian J of (mode, log of the scale, d) by η; what is not named in its rows is 0, or 1."""

    mode_by_mean: Tensor
    mode_by_scale: Tensor
    mode_by_tail: Tensor
    mode_by_skew: Tensor
    scale_by_tail: Tensor
    scale_by_skew: Tensor

    def pushed(self, v: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Return J v."""
        mode = reduce(plus, map(product, self[:4], v))
        scale = reduce(plus, (v[1], product(self.scale_by_tail, v[2]), product(self.scale_by_skew, v[3])))
        return mode, scale, v[2]

    def pulled(self, mode: Tensor, scale: Tensor, tail: Tensor, skew: Tensor) -> tuple[Tensor, ...]:
        """Return Jᵀ u, with u of κ beside J's rows."""
        return (
            product(self.mode_by_mean, mode),
            plus(scale, product(self.mode_by_scale, mode)),
            reduce(plus, (tail, product(self.mode_by_tail, mode), product(self.scale_by_tail, scale))),
            reduce(plus, (skew, product(self.mode_by_skew, mode), product(self.scale_by_skew, scale))),
        )


def log_shares(skew: Tensor) -> tuple[Tensor, Tensor]:
    """Return log(1 − λ) and log(1 + λ)."""
    return _LOG_2 + logsigmoid(-2 * skew), _LOG_2 + logsigmoid(2 * skew)
