"""The standard normal distribution to the last digits: its two tails, their logarithms, and its hazard.

All stands on two functions. e^(−x²/2) takes x² apart, for the rounding of the square alone costs hundreds of units in
the last place far out. And the excess g(x) = φ(x)/Φ(−x) − x of the hazard over its asymptote is smooth and slow on
x ≥ 0, down to 1/x at infinity, so that one polynomial of t = (x − 4)/(x + 4) gives (x + 5/4) g(x) everywhere. Its
coefficients are those of the Chebyshev series, which falls below 10⁻¹⁷ at degree 28.

Source: Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from likeliest.numerics.stable import polynomial

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
_ROOT_HALF = math.sqrt(0.5)
_INNER = 1.0
"""Up to here erfc of the rounded x/√2 is as good as erfc of the true one."""
# fmt: off
_EXCESS = torch.tensor([
    1.1844375085697232, -0.15540205677598162, -0.14259871052441345, 0.18248125713271846, -0.06750053480954152,
    -0.025396637048681683, 0.03236023191588967, -0.0027683668116408535, -0.010095793216229111, 0.003681723238261603,
    0.002491568737638462, -0.001759721016890752, -0.0004641139744087998, 0.0006412121123393074, 3.890635841987643e-05,
    -0.00019809565043695621, 1.7180749123460826e-05, 5.284790724129358e-05, -1.2051890103000121e-05,
    -1.1847764277302993e-05, 4.875790430587051e-06, 2.0428924318403356e-06, -1.5395924194295698e-06,
    -2.0930034524345943e-07, 3.837840059032627e-07, -2.2069880099076346e-09, -6.754962087309244e-08,
    2.7904590995897916e-09, 6.153295933975157e-09,
], dtype=torch.float64)
# fmt: on


def gaussian_power(x: Tensor) -> Tensor:
    """Return e^(−x²/2) in double precision: e^(−h²/2) e^((h² − x²)/2), with h next to x on a grid of exact squares.

    Example:
        >>> gaussian_power(torch.tensor([0.0, torch.inf], dtype=torch.float64)).tolist()
        [1.0, 0.0]
    """
    x = x.clamp(-40.0, 40.0)
    h = torch.round(x * 1024) / 1024
    power = torch.exp(-0.5 * h.square())
    return power + power * torch.expm1(-0.5 * (x - h) * (x + h))


def normal_tails(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return Φ(x) and Φ(−x) in double precision.

    Example:
        >>> [f"{float(p):.4g}" for p in normal_tails(torch.tensor(-30.0, dtype=torch.float64))]
        ['4.907e-198', '1']
    """
    tail = _tail(_size(x))
    return _in_order(x, tail, 1 - tail)


def normal_log_tails(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return log Φ(x) and log Φ(−x) in double precision: −x²/2 − ½ log 2π − log λ(|x|) far out, λ the hazard.

    Example:
        >>> [f"{float(p):.4g}" for p in normal_log_tails(torch.tensor(-30.0, dtype=torch.float64))]
        ['-454.3', '-4.907e-198']
    """
    size = _size(x)
    tail = _tail(size)
    outer = size.clamp(min=_INNER)
    far = -0.5 * outer.square() - _HALF_LOG_2PI - torch.log(outer + hazard_excess(outer))
    near = torch.log(_inner_tail(size))
    return _in_order(x, torch.where(size < _INNER, near, far), torch.log1p(-tail))


def normal_hazards(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return λ(−x) = φ(x)/Φ(x) and λ(x) = φ(x)/Φ(−x) in double precision, the slopes of log Φ(x) and of −log Φ(−x).

    Example:
        >>> [f"{float(slope):.4g}" for slope in normal_hazards(torch.tensor(-30.0, dtype=torch.float64))]
        ['30.03', '1.474e-196']
    """
    size = _size(x)
    below = gaussian_power(size) * (2 * _DENSITY_AT_0) / torch.special.erfc(-size * _ROOT_HALF)
    return _in_order(x, size + hazard_excess(size), below)


def hazard_excess(x: Tensor) -> Tensor:
    """Return g(x) = λ(x) − x for x ≥ 0 in double precision, with λ(x) = φ(x)/Φ(−x); g(x) → 1/x.

    Its derivative is λ g − 1.

    Example:
        >>> [f"{float(g):.6g}" for g in hazard_excess(torch.tensor([0.0, 1e9], dtype=torch.float64))]
        ['0.797885', '1e-09']
    """
    x = x.clamp(max=1e300)
    return polynomial((x - 4) / (x + 4), _EXCESS) / (x + 1.25)


def _size(x: Tensor) -> Tensor:
    """Return |x| with slope 1 at 0, so that a function put together from both signs keeps its own slope there."""
    return torch.where(x < 0, -x, x)


def _tail(size: Tensor) -> Tensor:
    """Return Φ(−|x|)."""
    far = gaussian_power(size) * _DENSITY_AT_0 / (size + hazard_excess(size))
    return torch.where(size < _INNER, _inner_tail(size), far)


def _inner_tail(size: Tensor) -> Tensor:
    twice: Tensor = torch.special.erfc(size.clamp(max=_INNER) * _ROOT_HALF)
    return 0.5 * twice


def _in_order(x: Tensor, small: Tensor, large: Tensor) -> tuple[Tensor, Tensor]:
    """Return what belongs to Φ(x) and what to Φ(−x), given what belongs to the smaller and to the larger of them."""
    below = x < 0
    return torch.where(below, small, large), torch.where(below, large, small)
