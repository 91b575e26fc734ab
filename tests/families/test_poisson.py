"""Poisson: counts, exact where the exponential under- or overflows."""

import math

import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
import torch

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families import Poisson

FAMILY = Poisson()
F64 = torch.float64
INF = math.inf


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("y", [0.0, 1e-300, 0.3, 1.0, 2.0, 17.0, 1e6, 2.0**49 + 1, 1e15, 1e300])
def test_log_prob_is_exact_for_an_eta_four_units_in_the_last_place_away(y, dtype):
    """At the mean of a large count, η y, e^η and log y! are 10¹⁶ times larger than what they leave."""
    ulp, n = (math.ulp, 4) if dtype == F64 else (lambda x: float(np.spacing(np.float32(abs(x)))), 8)
    mode = math.log(y) if y else 0.0
    shifts = (0.0, 1e-15, -1e-12, 1e-9, -1e-6, 1e-3, -0.5, 1.0, -1.0, 3.0, -40.0)
    eta = torch.tensor([mode + shift for shift in shifts], dtype=dtype)
    got = FAMILY.log_prob(eta[:, None], torch.tensor(y, dtype=F64)).tolist()
    with mpmath.workdps(700 if y > 1e100 else 60):
        log_factorial = mpmath.loggamma(mpmath.mpf(y) + 1)
        for at, value in zip(eta.tolist(), got, strict=True):
            mean = mpmath.exp(at)
            exact = mpmath.mpf(y) * at - mean - log_factorial
            if abs(exact) > torch.finfo(dtype).max:
                assert value == -INF
            else:
                bound = ulp(float(exact)) + abs(y - mean) * ulp(at) + ulp(1.0)
                assert abs(value - exact) <= n * bound, (at, value, exact)


def test_autograd_finds_the_score_and_its_slope_on_both_sides_of_every_seam():
    y = torch.tensor([0.0, 0.0, 0.2, 1.0, 1.0, 5.0, 5.0, 1e15, 1e15], dtype=F64)
    eta = torch.tensor([-700.0, 2.0, 0.1, 0.0, 1e-9, -3.0, 2.0, 30.0, 34.5], dtype=F64)[:, None].requires_grad_()
    (score,) = torch.autograd.grad(FAMILY.log_prob(eta, y).sum(), eta, create_graph=True)
    (slope,) = torch.autograd.grad(score.sum(), eta)
    assert torch.allclose(score, FAMILY.score(eta, y), rtol=1e-12, atol=1e-15)
    assert torch.allclose(slope, -eta.exp(), rtol=1e-12, atol=0)


def test_the_table_of_ends():
    eta = torch.tensor([-INF, -1e308, 1e308, INF], dtype=F64)[:, None]
    assert FAMILY.log_prob(eta, torch.zeros(4)).tolist() == [0, 0, -INF, -INF]
    assert FAMILY.log_prob(eta, torch.ones(4)).tolist() == [-INF, -1e308, -INF, -INF]
    assert FAMILY.log_prob(eta, torch.full((4,), 5)).tolist() == [-INF, -INF, -INF, -INF]
    assert FAMILY.score(eta, torch.full((4,), 5))[:, 0].tolist() == [5, 5, -INF, -INF]


def test_deviance_is_statsmodels_and_never_negative():
    rng = np.random.default_rng(0)
    y, eta = rng.poisson(3.0, 50), rng.normal(1, 1, 50)
    expected = sm.families.Poisson().resid_dev(y, np.exp(eta)) ** 2
    assert FAMILY.deviance(torch.from_numpy(eta)[:, None], torch.from_numpy(y)).tolist() == pytest.approx(expected)
    saturated = torch.from_numpy(y).double().log()[:, None]
    assert FAMILY.deviance(saturated, torch.from_numpy(y)).tolist() == pytest.approx([0] * 50, abs=1e-15)
    assert FAMILY.deviance(torch.tensor([[INF], [-INF], [-INF]]), torch.tensor([2, 2, 0])).tolist() == [INF, INF, 0]


def test_no_counts_at_all_send_null_eta_to_minus_infinity():
    assert FAMILY.null_eta(torch.zeros(4)).tolist() == [-INF]


def test_only_a_count_of_nothing_lets_eta_recede():
    assert FAMILY.recession_cone(torch.tensor([0, 2])).tolist() == [[[-1], [-1]], [[1], [-1]]]


def test_it_decides_between_no_classes():
    with pytest.raises(NotOnOfferError, match="found poisson"):
        FAMILY.decision_error(torch.zeros(1, 1), torch.zeros(1))
    assert FAMILY.linear_error(torch.ones(1, 1), torch.tensor([3])).tolist() == [[2]]


@pytest.mark.parametrize("bad", [-1.0, -0.5, math.nan, INF])
def test_outside_the_support(bad):
    with pytest.raises(SupportError, match=r"row 1: poisson needs a count or a rate y ≥ 0, found .*; leave the row"):
        FAMILY.check_support(torch.tensor([3.0, bad]))
