"""Scalar functions against mpmath, in units in the last place, and their limits at ±inf."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from likeliest import numerics
from likeliest.numerics.double_double import exp_pair, two_product
from likeliest.numerics.gaussian import gaussian_power, normal_hazards, normal_log_tails, normal_tails

INF = math.inf
F64 = torch.float64
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def tensor(*values):
    return torch.tensor(values, dtype=F64)


def ulps(actual, expected):
    """Distance of a float from an mpmath number, in units in the last place of the float nearest to it."""
    return float(abs(mpmath.mpf(actual) - expected) / mpmath.mpf(math.ulp(float(expected))))


def test_xmul_drops_terms_without_weight_and_only_those():
    assert numerics.xmul(tensor(0, 0, 0, 0.5, 2), tensor(INF, -INF, 3, -INF, -3)).tolist() == [0, 0, 0, -INF, -6]
    assert numerics.xmul(tensor(1.0), tensor(math.nan)).isnan().all()


def test_gap_between_equal_infinities_is_nothing():
    x, y = tensor(INF, -INF, INF, -INF, 1, 3), tensor(INF, -INF, 1, INF, INF, 1)
    assert numerics.gap(x, y).tolist() == [0, 0, INF, -INF, -INF, 2]
    assert numerics.gap(tensor(math.nan), tensor(INF)).isnan().all()


def test_gap_keeps_the_slope_where_both_are_equal():
    x, y = tensor(1.0).requires_grad_(), tensor(1.0).requires_grad_()
    assert [float(g) for g in torch.autograd.grad(numerics.gap(x, y).sum(), (x, y))] == [1, -1]


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_finite_replaces_infinities_alone(dtype):
    largest = torch.finfo(dtype).max
    x = torch.tensor([INF, -INF, 1.5, -0.0, math.nan], dtype=dtype)
    y = numerics.finite(x)
    assert y[:4].tolist() == [largest, -largest, 1.5, 0.0]
    assert y[4].isnan()
    assert y.data_ptr() != x.data_ptr()


ROW = st.lists(st.floats(-1e4, 1e4) | st.floats(-40, 40) | FINITE, min_size=2, max_size=6)


@given(ROW, st.sampled_from([torch.float32, F64]))
def test_powers_below_a_top_know_their_exponent_in_twice_the_digits(values, dtype):
    x = numerics.finite(torch.tensor(values, dtype=dtype))
    given, top = x.tolist(), x.max(-1, keepdim=True).values
    last = torch.finfo(dtype)
    for value, power in zip(given, numerics.exp_below(x, top).tolist(), strict=True):
        with mpmath.workprec(2200):
            expected = mpmath.exp(mpmath.mpf(value) - math.floor(float(top)))
        assert abs(power - expected) <= 2 * max(float(expected) * last.eps, last.smallest_normal * last.eps)


@given(ROW)
def test_log_sum_exp_is_exact_to_four_units_in_the_last_place(values):
    x = tensor(*values)
    top, at = x.max(-1, keepdim=True)
    with mpmath.workprec(2200):
        below = [mpmath.exp(mpmath.mpf(v) - mpmath.mpf(float(top))) for i, v in enumerate(values) if i != int(at)]
        expected = mpmath.log1p(mpmath.fsum(below))
        assert ulps(float(numerics.log_sum_exp_below(numerics.exp_below(x, top), at)), expected) <= 4


@pytest.mark.parametrize("count", [2, 10, 30, 1000])
def test_the_sum_of_many_powers_is_rounded_once(count):
    powers = np.random.default_rng(count).uniform(0, 1, (2000, count)) ** 20 * math.e
    exact = [math.fsum(row) for row in powers]
    got = numerics.sum_of_powers(torch.from_numpy(powers))[:, 0].numpy()
    assert np.all(np.abs(got - exact) <= np.spacing(exact))


def test_log_sum_exp_of_ties_and_infinities():
    for row, expected in (
        ((0, 0), math.log(2)),
        ((INF, INF, 0), math.log(2)),
        ((-INF, -INF), math.log(2)),
        ((INF, 1), 0),
        ((1e308, -1e308), 0),
    ):
        x = numerics.finite(tensor(*row))
        top, at = x.max(-1, keepdim=True)
        assert float(numerics.log_sum_exp_below(numerics.exp_below(x, top), at)) == expected


@given(FINITE)
def test_exp_above_tangent_is_never_negative_and_right_where_it_does_not_cancel(x):
    value = float(numerics.exp_above_tangent(tensor(x)))
    assert value >= 0
    with mpmath.workdps(60):
        expected = mpmath.expm1(mpmath.mpf(x)) - mpmath.mpf(x)
        if 0.1 < abs(x) < 700:
            assert float(abs(value - expected)) <= 4 * max(math.ulp(math.expm1(x)), math.ulp(x))


def test_exp_above_tangent_at_the_ends():
    assert numerics.exp_above_tangent(tensor(INF, -INF, 1e308, 0)).tolist() == [INF, INF, INF, 0]


@given(FINITE.filter(lambda v: abs(v) < 1e300), st.integers(1, 50))
def test_the_mean_of_equal_values_is_that_value(value, n):
    y = torch.full((n,), value, dtype=F64)
    assert float(numerics.weighted_mean(y)) == value
    assert float(numerics.weighted_mean(y, torch.linspace(0.1, 3, n, dtype=F64))) == value


def test_the_weighted_mean_is_numpys_and_is_not_spoilt_by_an_outlier_without_weight():
    rng = np.random.default_rng(0)
    y, w = rng.normal(size=(3, 100)), rng.uniform(size=100)
    y[:, 0], w[0] = 1e12, 0
    expected = np.average(y[:, 1:], axis=-1, weights=w[1:])
    assert numerics.weighted_mean(torch.from_numpy(y), torch.from_numpy(w)).numpy() == pytest.approx(
        expected, rel=1e-13
    )


@given(st.floats(-0.5, 7))
def test_exp_pair_holds_64_bits(x):
    high, low = exp_pair(tensor(x))
    with mpmath.workprec(200):
        exact = mpmath.exp(mpmath.mpf(x))
        assert abs(mpmath.mpf(float(high)) + mpmath.mpf(float(low)) - exact) <= exact * mpmath.mpf(2) ** -64
    assert abs(float(low)) <= 2**-12 * float(high)


@given(st.floats(-1e100, 1e100).filter(lambda x: abs(x) > 1e-100), st.floats(1e-50, 1e50))
def test_two_product_loses_nothing(x, y):
    with mpmath.workprec(200):
        assert sum(mpmath.mpf(float(part)) for part in two_product(tensor(x), tensor(y))) == mpmath.mpf(x) * y


@given(st.floats(-38, 38))
def test_the_normal_distribution_is_exact_to_four_ulp(x):
    with mpmath.workprec(2400):
        exact = mpmath.mpf(x)
        below, above = (mpmath.erfc(side * exact / mpmath.sqrt(2)) / 2 for side in (-1, 1))
        density = mpmath.exp(-(exact**2) / 2) / mpmath.sqrt(2 * mpmath.pi)
        assert ulps(float(gaussian_power(tensor(x))), mpmath.exp(-(exact**2) / 2)) <= 2
        for got, wanted in (
            (normal_tails(tensor(x)), (below, above)),
            (normal_log_tails(tensor(x)), (mpmath.log(below), mpmath.log(above))),
            (normal_hazards(tensor(x)), (density / below, density / above)),
        ):
            assert all(ulps(float(a), b) <= 4 for a, b in zip(got, wanted, strict=True))


def test_the_normal_distribution_at_its_ends():
    assert [t.tolist() for t in normal_log_tails(tensor(-INF, INF))] == [[-INF, 0], [0, -INF]]
    assert [t.tolist() for t in normal_hazards(tensor(-INF, INF))] == [[INF, 0], [0, INF]]
    assert all(t.isnan().all() for t in (*normal_tails(tensor(math.nan)), *normal_hazards(tensor(math.nan))))
