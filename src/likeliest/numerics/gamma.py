"""Logarithms of gamma functions with the large terms taken out by hand, so that what is left never cancels.

Stirling's formula is ln Γ(x) = (x − ½) ln x − x + ½ ln 2π + δ(x). The error δ, the ratio of gamma functions half a step
apart and their derivatives all have series in odd powers of 1/x. So each is 1/x times a function of 1/x², for which one
rational function serves on x ≥ 1; for x < 1 the recurrence Γ(x + 1) = x Γ(x) leads there. Derivatives come as x f′ and
x² f″, which stay bounded where f′ and f″ overflow. All but the peak of a count is for double
precision.

The coefficients are minimax to below 10⁻¹⁵ relative; tests/reference/gamma_rationals.py finds them again.

Source: Stirling (1730); Loader (2000), Fast and accurate computation of binomial probabilities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from likeliest.numerics.stable import is_within, polynomial

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_SMALLEST = 1e-300
_FEW = 4096
_NEAR = (-0.6, 1.9)
"""Where the logarithm is told from its tangent by a series."""


def _rational(numerator: tuple[float, ...], denominator: tuple[float, ...]) -> Tensor:
    """Return the coefficients of both, (degree + 1, 2)."""
    return torch.tensor((numerator, denominator), dtype=torch.float64).T


_ERROR = _rational(
    (
        *(0.08333333333333333, 1.7068491106142114, 12.110649930045629, 37.991516898416194, 55.832910015411464),
        *(37.54868004748339, 10.43359870422133, 0.9359653350265951, 0.012804375430886975),
    ),
    (
        *(1.0, 20.51552266070384, 146.00212610638906, 460.57669724391104, 684.0934188215117, 469.8594823763056),
        *(136.56027756581938, 13.67711031354835, 0.2773323078093292),
    ),
)
_ERROR_SLOPE = _rational(
    (
        *(0.08333333333333333, 1.9037881801580387, 15.149513561751517, 53.602398245158504, 89.33822800338335),
        *(68.44299454633776, 21.692157552583694, 2.1988308556726865, 0.0313410682654485),
    ),
    (
        *(1.0, 22.94545816189618, 184.04108950967992, 660.5902470165319, 1130.4102639334944, 910.2694658076382),
        *(318.6111662953665, 40.297319377933015, 1.1532774310156284),
    ),
)
_ERROR_CURVATURE = _rational(
    (
        *(0.16666666666666655, 4.213461818965045, 37.24858562339352, 146.91635682478093, 273.60331791046684),
        *(234.3021425666589, 82.74580135733714, 9.248917170307966, 0.1389893664807855),
    ),
    (
        *(1.0, 25.480770913788756, 228.44481078078684, 923.7469929030229, 1798.3759469940994, 1669.1494205319777),
        *(686.0101500681167, 104.9310837962102, 3.8468975681547035),
    ),
)
_STEP = _rational(
    (
        *(0.125, 2.5666471707088325, 18.26492197667904, 57.498854779429365, 84.85393029349608, 57.34551025077383),
        *(16.022395748545392, 1.4448968454146822, 0.019726528072590697),
    ),
    (
        *(1.0, 20.57484403233729, 146.96416098145755, 465.8666459984196, 696.5872312700757, 483.1132460548454),
        *(142.57228813086215, 14.66903080959192, 0.3156735224517697),
    ),
)
_STEP_SLOPE = _rational(
    (
        *(0.12499999999999997, 2.8652325596105, 22.884950215657298, 81.2948923837319, 136.03075223162193),
        *(104.55301956337848, 33.163256105944484, 3.339010695551863, 0.045434395075268974),
    ),
    (
        *(1.0, 23.046860476883634, 185.89795928498677, 672.22236143577, 1162.0645534195883, 949.5596416819851),
        *(339.94487825987943, 44.67538150390095, 1.381590865506281),
    ),
)
_STEP_CURVATURE = _rational(
    (
        *(0.24999999999999978, 6.347710154143156, 56.37509574343006, 223.37193716641622, 417.5998969961553),
        *(358.27557534248774, 126.14481408497745, 13.884602008989148, 0.19545223149609273),
    ),
    (
        *(1.0, 25.640840616570696, 231.7230931285346, 946.8764892406654, 1869.8760165616598, 1771.0827824689889),
        *(750.5468452737538, 120.7230022169559, 4.86664701430254),
    ),
)
_STEPS = [rational.flip(0).tolist() for rational in (_STEP, _STEP_SLOPE, _STEP_CURVATURE)]
_ATANH = _rational(
    (
        *(0.3333333333333333, -0.19350184286515337, 0.03879396055113644, -0.0030880557930298884),
        *(7.866048746054436e-05, -7.15691552378128e-08),
    ),
    (
        *(1.0, -0.73050552859546, 0.19917199665701277, -0.024781187837864975, 0.0013575708274477828),
        *(-2.4545816261642946e-05,),
    ),
)


def log1p_below_tangent(x: Tensor) -> Tensor:
    """Return x − log(1 + x) ≥ 0 for x ≥ −1: how far the logarithm lies below its tangent; +inf at −1 and +inf.

    Around 0, with r = x/(2 + x), it is r (x − 2r² (1/3 + r²/5 + r⁴/7 + …)).

    Example:
        >>> [f"{v:.6g}" for v in log1p_below_tangent(torch.tensor([1e-9, 0.0, -1.0], dtype=torch.float64))]
        ['5e-19', '0', 'inf']
    """
    everywhere = is_within(x, *_NEAR)
    inner = x if everywhere else x.clamp(*_NEAR)
    r = inner / (2 + inner)
    square = r.square()
    near = r * (inner - 2 * square * _atanh_beyond(square))
    if everywhere:
        return near
    far = torch.where(x == math.inf, x, x - torch.log1p(x))
    return torch.where(x == inner, near, far)


def stirling_error(x: Tensor) -> Tensor:
    """Return δ(x) = ln Γ(x) − (x − ½) ln x + x − ½ ln 2π > 0 for x > 0; 1/(12x) for large x.

    Below 1, δ(x) = δ(x + 1) + (x + ½) log(1 + 1/x) − 1.

    Example:
        >>> [f"{v:.6g}" for v in stirling_error(torch.tensor([1.0, 1e9, 1e300], dtype=torch.float64))]
        ['0.0810615', '8.33333e-11', '8.33333e-302']
    """
    if _is_large(x):
        return _over(x, _ERROR)
    small = x.clamp(_SMALLEST, 1.0)
    q = (2 * small.clamp(min=0.5) + 1).square().reciprocal()
    rise = torch.where(x < 0.5, (small + 0.5) * (small.log1p() - small.log()) - 1, q * _atanh_beyond(q))
    return _over(_large(x), _ERROR) + torch.where(x < 1, rise, 0.0)


def stirling_errors(*x: Tensor) -> tuple[Tensor, ...]:
    """Return `stirling_error` of each: in one call where calls cost more than numbers, in several where memory does.

    Example:
        >>> [f"{float(error):.6g}" for error in stirling_errors(*torch.tensor([1.0, 1e9], dtype=torch.float64))]
        ['0.0810615', '8.33333e-11']
    """
    if sum(part.numel() for part in x) > _FEW:
        return tuple(map(stirling_error, x))
    return stirling_error(torch.stack(torch.broadcast_tensors(*x))).unbind()


def stirling_slope(x: Tensor) -> Tensor:
    """Return x δ′(x) = x (ψ(x) − ln x) + ½, between −½ at 0 and 0 at infinity.

    Example:
        >>> [f"{v:.6g}" for v in stirling_slope(torch.tensor([1e-300, 1.0, 1e300], dtype=torch.float64))]
        ['-0.5', '-0.0772157', '-8.33333e-302']
    """
    if _is_large(x):
        return -_over(x, _ERROR_SLOPE)
    large, small = _large(x), x.clamp(_SMALLEST, 1.0)
    rise = small * (small.log1p() - small.log()) - (small + 0.5) / (small + 1)
    tail = -_over(large, _ERROR_SLOPE)
    return torch.where(x < 1, small / (small + 1) * tail + rise, tail)


def stirling_curvature(x: Tensor) -> Tensor:
    """Return x² δ″(x) = x² ψ′(x) − x − ½, between ½ at 0 and 0 at infinity.

    Example:
        >>> [f"{v:.6g}" for v in stirling_curvature(torch.tensor([1e-300, 1.0, 1e300], dtype=torch.float64))]
        ['0.5', '0.144934', '1.66667e-301']
    """
    if _is_large(x):
        return _over(x, _ERROR_CURVATURE)
    large, small = _large(x), x.clamp(_SMALLEST, 1.0)
    tail = _over(large, _ERROR_CURVATURE)
    return torch.where(x < 1, (small / (small + 1)).square() * tail + 0.5 * (small + 1).square().reciprocal(), tail)


def log_gamma_half_step(x: Tensor) -> Tensor:
    """Return ln Γ(x + ½) − ln Γ(x) − ½ ln x < 0 for x > 0; −1/(8x) for large x, ½ ln πx for small.

    Example:
        >>> [f"{v:.6g}" for v in log_gamma_half_step(torch.tensor([1.0, 1e300], dtype=torch.float64))]
        ['-0.120782', '-1.25e-301']
    """
    if _is_large(x):
        return -_over(x, _STEP)
    small = x.clamp(_SMALLEST, 1.0)
    beside = torch.log1p(-0.25 / (small.clamp(min=0.1) + 0.5).square())
    rise = torch.where(x < 0.1, small.log() + small.log1p() - 2 * (small + 0.5).log(), beside)
    return -_over(_large(x), _STEP) + torch.where(x < 1, 0.5 * rise, 0.0)


def log_gamma_half_step_slope(x: Tensor) -> Tensor:
    """Return x f′(x) = x (ψ(x + ½) − ψ(x)) − ½ of f = `log_gamma_half_step`, between ½ at 0 and 0 at infinity.

    Example:
        >>> [f"{v:.6g}" for v in log_gamma_half_step_slope(torch.tensor([1e-300, 1e300], dtype=torch.float64))]
        ['0.5', '1.25e-301']
    """
    if _is_large(x):
        return _over(x, _STEP_SLOPE)
    large, small = _large(x), x.clamp(_SMALLEST, 1.0)
    tail = _over(large, _STEP_SLOPE)
    return torch.where(x < 1, (small * tail + 0.25 / (small + 0.5)) / (small + 1), tail)


def log_gamma_half_step_curvature(x: Tensor) -> Tensor:
    """Return x² f″(x) = x² (ψ′(x + ½) − ψ′(x)) + ½ of f = `log_gamma_half_step`, between −½ at 0 and 0 at infinity.

    Example:
        >>> [f"{v:.6g}" for v in log_gamma_half_step_curvature(torch.tensor([1e-300, 1e300], dtype=torch.float64))]
        ['-0.5', '-2.5e-301']
    """
    if _is_large(x):
        return -_over(x, _STEP_CURVATURE)
    large, small = _large(x), x.clamp(_SMALLEST, 1.0)
    tail = -_over(large, _STEP_CURVATURE)
    above, beside = (small / (small + 1)).square(), (small / (small + 0.5)).square()
    return torch.where(x < 1, above * tail - 0.5 - 0.5 * above + beside, tail)


def log_gamma_half_steps(x: float) -> tuple[float, float, float]:
    """Return `log_gamma_half_step` of one x ≥ 1, its slope and its curvature: floats take a tenth of a tensor's time.

    Example:
        >>> [f"{v:.6g}" for v in log_gamma_half_steps(1.0)]
        ['-0.120782', '0.113706', '-0.210132']
    """
    u = 1 / x
    step, slope, curvature = (_ratio(u * u, rational) * u for rational in _STEPS)
    return -step, slope, -curvature


def log_poisson_peak(y: Tensor) -> Tensor:
    """Return y ln y − y − ln Γ(y + 1) ≤ 0 for y ≥ 0: log p(y) of the Poisson family whose mean is y.

    Example:
        >>> [f"{v:.6g}" for v in log_poisson_peak(torch.tensor([0.0, 2.0, 1e15], dtype=torch.float64))]
        ['0', '-1.30685', '-18.1883']
    """
    many = y.clamp(min=1)
    peak = -0.5 * many.log() - _HALF_LOG_2PI - _over(many, _ERROR)
    if _is_large(y):
        return peak
    few = y < 1
    only_counts = not bool((few & (y > 0)).any())
    return torch.where(few, 0.0 if only_counts else _fractional_peak(y.clamp(max=1)), peak)


def _fractional_peak(y: Tensor) -> Tensor:
    """Return y ln y − y − ln Γ(y + 1) for 0 ≤ y ≤ 1."""
    return y.xlogy(y) - y - torch.lgamma(y + 1)


def _is_large(x: Tensor) -> bool:
    return is_within(x, 1.0, math.inf)


def _large(x: Tensor) -> Tensor:
    """Return the first of x, x + 1 that is at least 1."""
    return torch.where(x < 1, x + 1, x)


def _over(x: Tensor, rational: Tensor) -> Tensor:
    """Return P(1/x²)/Q(1/x²)/x for x ≥ 1."""
    u = x.reciprocal()
    return _quotient(u.square(), rational) * u


def _atanh_beyond(q: Tensor) -> Tensor:
    """Return (atanh(r)/r − 1)/r² = 1/3 + q/5 + q²/7 + … at q = r² ≤ ¼."""
    return _quotient(4 * q, _ATANH)


def _quotient(t: Tensor, rational: Tensor) -> Tensor:
    numerator, denominator = polynomial(t, rational).unbind()
    return numerator / denominator


def _ratio(t: float, rational: list[list[float]]) -> float:
    """Return the quotient at one number, from coefficients with the highest first."""
    numerator = denominator = 0.0
    for above, below in rational:
        numerator, denominator = numerator * t + above, denominator * t + below
    return numerator / denominator
