"""Products, differences, exponentials and means that keep what matters at zeros, ties and infinities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GRID = 1.5 * 2.0**26
"""Added and taken away again, it rounds small numbers to multiples of 2⁻²⁶."""


def xmul(x: Tensor, y: Tensor) -> Tensor:
    """Return x·y, and 0 wherever x = 0, whatever y is: a term with no weight is no term, even an infinite one.

    Example:
        >>> xmul(torch.tensor([0.0, 2.0]), torch.tensor([-torch.inf, -3.0])).tolist()
        [0.0, -6.0]
    """
    return (x * y).masked_fill_(x == 0, 0.0)


def gap(x: Tensor, y: Tensor) -> Tensor:
    """Return x − y, and 0 between two equal infinities.

    Example:
        >>> gap(torch.tensor([torch.inf, 1.0]), torch.tensor([torch.inf, torch.inf])).tolist()
        [0.0, -inf]
    """
    return (x - y).masked_fill_((x == y) & x.isinf(), 0.0)


def plus(own: Tensor, other: Tensor) -> Tensor:
    """Return own + other, and own where they are opposite infinities.

    Example:
        >>> plus(torch.tensor([torch.inf, 1.0]), torch.tensor([-torch.inf, 1.0])).tolist()
        [inf, 2.0]
    """
    total = own + other
    return torch.where(own.isinf() & ~other.isnan(), own, total)


def finite(x: Tensor) -> Tensor:
    """Return a copy of x in which the largest finite number of its sign stands for ±inf; NaN stays.

    Example:
        >>> finite(torch.tensor([1.0, torch.inf])).tolist() == [1.0, torch.finfo(torch.float32).max]
        True
    """
    largest = torch.finfo(x.dtype).max
    return x.clamp(-largest, largest)


def is_within(x: Tensor, low: float, high: float) -> bool:
    """Return whether low ≤ x ≤ high everywhere, which NaN is not: then nobody needs to work out what holds beyond.

    On CUDA it is always no: the answer would take longer to arrive than what holds beyond takes to work out.

    Example:
        >>> is_within(torch.tensor([1.0, 2.0]), 1.0, 9.0), is_within(torch.tensor([1.0, torch.nan]), 1.0, 9.0)
        (True, False)
    """
    if not x.numel():
        return True
    if x.is_cuda:
        return False
    least, largest = torch.aminmax(x.detach())
    return low <= float(least) and float(largest) <= high


def polynomial(x: Tensor, coefficients: Tensor) -> Tensor:
    """Return Σ cₖ xᵏ by Horner's rule, each step in one pass over x.

    Args:
        x: of any shape.
        coefficients: (degree + 1,) from degree 1 on; or (degree + 1, m) of m polynomials at once, for (m, *x.shape).

    Example:
        >>> polynomial(torch.tensor([2.0, 3.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 0.0]])).tolist()
        [[13.0, 28.0], [2.0, 3.0]]
    """
    shape = coefficients.shape[:2] + (1,) * x.ndim
    *rest, last, top = coefficients.to(x).reshape(shape).unbind()
    total = torch.addcmul(last, x, top)
    for row in reversed(rest):
        total = torch.addcmul(row, total, x)
    return total


def exp_below(x: Tensor, top: Tensor) -> Tensor:
    """Overwrite x ≤ top, both finite, and return e^(x − ⌊top⌋), right to an ulp or two; between 1 and e where x = top.

    Rounding the difference d costs e^d a relative error of |d|/2 ulp. What it lost is known: with n = ⌊top⌋ it is
    x − (d + n), exactly, for an integer is a multiple of the last place of any x that has a fraction. e^d (1 + lost)
    makes up for it, and does not overwrite e^d where autograd needs it.

    Args:
        x: (…, K).
        top: (…, 1), the largest of each row.

    Source: Dekker (1971), A floating-point technique for extending the available precision.

    Example:
        >>> exp_below(torch.tensor([-40.3, 2.5]), torch.tensor([2.5])).tolist()
        [4.25935...e-19, 1.64872...]
    """
    shift = top.floor()
    below = x - shift
    lost = x.sub_(below + shift).clamp_(-1, 1)
    powers = below.exp_()
    return powers.addcmul(powers, lost) if powers.requires_grad else powers.addcmul_(powers, lost)


def log_sum_exp_below(powers: Tensor, at: Tensor) -> Tensor:
    """Return log Σ_k powers_k / powers_at over the last axis, without cancellation, where none is larger than that.

    Args:
        powers: (…, K), from `exp_below`.
        at: (…, 1), the index of one maximum; it stays out of the sum, so that log1p sees what is left however small.

    Example:
        >>> log_sum_exp_below(torch.tensor([1e-30, 1.0]), torch.tensor([1])).item() > 0
        True
    """
    others = sum_of_powers(powers.scatter(-1, at, 0.0))
    return others.div(powers.gather(-1, at)).log1p()[..., 0]


def sum_of_powers(powers: Tensor) -> Tensor:
    """Return Σ powers over the last axis, (…, K) → (…, 1), each between 0 and e; of doubles with one rounding in all.

    The leading bits, down to 2⁻²⁶, have an exact sum; what the sum of the rest loses lies far below its last place.

    Example:
        >>> sum_of_powers(torch.tensor([1.0, 2.0**-53, 2.0**-53], dtype=torch.float64)).item() > 1
        True
    """
    if powers.dtype != torch.float64:
        return powers.sum(-1, keepdim=True)
    leading = (powers + _GRID).sub_(_GRID)
    total = leading.sum(-1, keepdim=True)
    return total.sub_(leading.sub_(powers).sum(-1, keepdim=True))


def exp_above_tangent(x: Tensor) -> Tensor:
    """Return e^x − 1 − x ≥ 0: how far the exponential lies above its tangent at 0; +inf at ±inf.

    Example:
        >>> exp_above_tangent(torch.tensor([0.0, 1.0, torch.inf])).tolist()
        [0.0, 0.7182818651199341, inf]
    """
    return gap(torch.expm1(x), x) + torch.where(x == math.inf, math.inf, 0.0)


def weighted_mean(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return Σ w v / Σ w over the last axis, (…, n) → (…); exact where all values are equal.

    It is taken twice: the second time about the first, which removes most of its rounding.

    Args:
        values: (…, n).
        weight: (n,) or (…, n); 1 where there is none.

    Example:
        >>> weighted_mean(torch.tensor([0.1, 0.1, 0.1])) == 0.1
        tensor(True)
    """
    weight = values.new_ones(()).expand(values.shape[-1]) if weight is None else weight
    mean, total = values[..., 0], weight.sum(-1)
    for _ in range(2):
        mean = mean + ((values - mean.unsqueeze(-1)) * weight).sum(-1) / total
    return mean
