"""Numbers of twice the digits, as unevaluated sums of two doubles: for what cancels or is exponentiated afterwards.

Source: Dekker (1971), A floating-point technique for extending the available precision; Tang (1989), Table-driven
implementation of the exponential function.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache

import torch
from torch import Tensor

from likeliest.numerics.stable import polynomial

_SPLIT = 2.0**27 + 1
_STEPS = 64
_FROM, _TO = -32, 448
_GRID = 1.5 * 2.0**20
"""Added and taken away again, it rounds small numbers to multiples of 2⁻³²."""
_ABOVE_LINE = torch.tensor((1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320), dtype=torch.float64)
"""(e^x − 1 − x)/x² as a series."""


def two_product(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rounded product of two doubles and what its rounding lost, exactly, where nothing over- or underflows.

    Example:
        >>> x = torch.tensor(1 + 2.0**-30, dtype=torch.float64)
        >>> product, lost = two_product(x, x)
        >>> float(lost) == 2.0**-60
        True
    """
    product = x * y
    x_high, x_low = _halves(x)
    y_high, y_low = _halves(y)
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x as a sum of two numbers of 26 bits."""
    scaled = _SPLIT * x
    high = scaled - (scaled - x)
    return high, x - high


def exp_pair(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return e^x for −½ ≤ x ≤ 7 as the sum of a double and a correction below 2⁻¹² of it, to 64 bits together.

    With c the multiple of 1/64 next to x, and d = x − c, e^x = e^c (1 + d + (e^d − 1 − d)). e^c comes from a table, its
    leading 26 bits apart, so that its product with the leading bits of d is exact.

    Example:
        >>> high, low = exp_pair(torch.tensor(1.0, dtype=torch.float64))
        >>> float(high) + float(low)
        2.718281828459045
    """
    at = torch.round(x * _STEPS)
    d = x - at / _STEPS
    d_high = (d + _GRID) - _GRID
    bent = d.square() * polynomial(d, _ABOVE_LINE)
    high, low = _exponentials(x.device)[:, at.nan_to_num().long() - _FROM]
    product = high * d_high
    total = high + product
    lost = product - (total - high)
    return total, lost + (high * ((d - d_high) + bent) + low * (1 + d + bent))


@cache
def _exponentials(device: torch.device) -> Tensor:
    """e^(j/64) for −32 ≤ j ≤ 448, each as a number of 26 bits and the rest, (2, 481)."""
    with localcontext(prec=50):
        exact = [(Decimal(j) / _STEPS).exp() for j in range(_FROM, _TO + 1)]
        high, _ = _halves(torch.tensor([float(e) for e in exact], dtype=torch.float64))
        low = [float(e - Decimal(h)) for e, h in zip(exact, high.tolist(), strict=True)]
    return torch.stack((high, torch.tensor(low, dtype=torch.float64))).to(device)
