"""Remainders of gamma functions against mpmath, in units in the last place, over the whole positive line."""

import math

import mpmath
import numpy as np
import pytest
import torch
from mpmath import loggamma, mpf, psi

from likeliest.numerics import gamma

F64 = torch.float64
HALF = mpf(1) / 2

EXACT = {
    "stirling_error": lambda x: loggamma(x) - (x - HALF) * mpmath.log(x) + x - mpmath.log(2 * mpmath.pi) / 2,
    "stirling_slope": lambda x: x * (psi(0, x) - mpmath.log(x)) + HALF,
    "stirling_curvature": lambda x: x**2 * psi(1, x) - x - HALF,
    "log_gamma_half_step": lambda x: loggamma(x + HALF) - loggamma(x) - mpmath.log(x) / 2,
    "log_gamma_half_step_slope": lambda x: x * (psi(0, x + HALF) - psi(0, x)) - HALF,
    "log_gamma_half_step_curvature": lambda x: x**2 * (psi(1, x + HALF) - psi(1, x)) + HALF,
    "log_poisson_peak": lambda y: y * mpmath.log(y) - y - loggamma(y + 1),
}
"""Each beside the reference that its docstring states."""


def exactly(name, x):
    """The reference at a float, with as many more digits as the powers of x cancel."""
    with mpmath.workdps(40 + 3 * max(0, round(math.log10(x)))):
        return EXACT[name](mpf(x))


def positive(seed, n):
    """Points around 1, where recurrence hands over to the rational functions, and far from it."""
    rng = np.random.default_rng(seed)
    seams = [0.1, 0.5, 1.0, math.nextafter(0.5, 0), math.nextafter(1, 0), math.nextafter(1, 2)]
    return np.concatenate([10 ** rng.uniform(-2, 2, n), 10 ** rng.uniform(-300, 15, n // 4), seams])


@pytest.mark.parametrize("name", [name for name in EXACT if name != "log_poisson_peak"])
def test_remainders_are_right_to_a_few_units_in_the_last_place(name):
    x = positive(0, 120)
    for at, got in zip(x, getattr(gamma, name)(torch.from_numpy(x)).tolist(), strict=True):
        expected = exactly(name, at)
        assert abs(got - expected) <= 12 * math.ulp(float(expected)), (name, at)
        assert abs(got - expected) <= 4e-16 * max(1, abs(expected)), (name, at)


def test_the_peak_of_a_count_is_right_to_two_units_and_two_of_one():
    y = np.concatenate([positive(1, 120), np.arange(30.0) + 1, [1e15, 2**49 + 1]])
    for at, got in zip(y, gamma.log_poisson_peak(torch.from_numpy(y)).tolist(), strict=True):
        expected = exactly("log_poisson_peak", at)
        assert abs(got - expected) <= 2 * math.ulp(float(expected)) + 2 * math.ulp(1.0), at
    assert gamma.log_poisson_peak(torch.zeros(1, dtype=F64)).tolist() == [0]


@pytest.mark.parametrize(("name", "first"), [("stirling_error", 1 / 12), ("log_gamma_half_step", -1 / 8)])
def test_far_out_the_first_term_of_the_series_is_all(name, first):
    for suffix, factor in (("", 1), ("_slope", -1), ("_curvature", 2)):
        function = getattr(gamma, name.removesuffix("_error" if suffix else "") + suffix)
        for x in (1e30, 1e160, 1e300):
            assert float(function(torch.tensor(x, dtype=F64)) * x) == pytest.approx(first * factor, rel=1e-15)


@pytest.mark.parametrize("stem", ["stirling", "log_gamma_half_step"])
def test_slopes_and_curvatures_are_what_autograd_takes_from_the_function(stem):
    name = "stirling_error" if stem == "stirling" else stem
    x = positive(2, 60)
    log_x = torch.from_numpy(np.log(x[x > 1e-150])).requires_grad_()  # 1/x² must not overflow
    value = getattr(gamma, name)(log_x.exp())
    (slope,) = torch.autograd.grad(value.sum(), log_x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), log_x)
    x = log_x.detach().exp()
    by_hand, curvature = getattr(gamma, f"{stem}_slope")(x), getattr(gamma, f"{stem}_curvature")(x)
    assert torch.allclose(slope, by_hand, rtol=1e-12, atol=1e-14)
    assert torch.allclose(bend, curvature + by_hand, rtol=1e-11, atol=1e-13)


def test_log1p_below_its_tangent():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-1, 4, 200), 10 ** rng.uniform(-150, 300, 100), -(10 ** rng.uniform(-150, 0, 100))])
    for at, got in zip(x, gamma.log1p_below_tangent(torch.from_numpy(x)).tolist(), strict=True):
        with mpmath.workdps(350):
            expected = mpf(at) - mpmath.log1p(mpf(at))
            assert abs(got - expected) <= 3 * math.ulp(float(expected)), at
    ends = torch.tensor([-1.0, 0.0, math.inf, math.nan], dtype=F64)
    assert gamma.log1p_below_tangent(ends).tolist()[:3] == [math.inf, 0, math.inf]
    assert gamma.log1p_below_tangent(ends)[3].isnan()


def test_log1p_below_its_tangent_has_the_slope_of_a_parabola_at_0():
    x = torch.tensor([0.0, 1e-200, -1e-9, 0.5, 3.0], dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(gamma.log1p_below_tangent(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert torch.allclose(slope, x / (1 + x), rtol=1e-14, atol=0)
    assert torch.allclose(bend, (1 + x) ** -2, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", [*EXACT, "log1p_below_tangent"])
def test_nan_stays_and_the_ends_are_finite_or_infinite(name):
    x = torch.tensor([5e-324, 1e-310, 1.7e308, math.inf], dtype=F64)
    assert not getattr(gamma, name)(x).isnan().any()
    assert getattr(gamma, name)(torch.tensor([math.nan], dtype=F64)).isnan().all()


def test_one_number_gets_what_a_tensor_gets():
    x = torch.logspace(0, 300, 500, dtype=F64)
    one = torch.tensor([gamma.log_gamma_half_steps(value) for value in x.tolist()], dtype=F64)
    for column, name in zip(one.unbind(-1), ("", "_slope", "_curvature"), strict=True):
        torch.testing.assert_close(column, getattr(gamma, f"log_gamma_half_step{name}")(x), rtol=2e-15, atol=0)
