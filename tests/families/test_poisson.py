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


@pytest.mark.parametrize("eta", [-800.0, -40.0, -1.5, 0.0, 0.75, 20.0, 709.0])
@pytest.mark.parametrize("y", [0, 1, 4])
def test_log_prob_and_score_are_exact_to_four_ulp_of_their_terms(eta, y):
    with mpmath.workdps(50):
        mean = mpmath.exp(eta)
        terms = (mpmath.mpf(y) * eta, mean, mpmath.log(mpmath.factorial(y)))
        log_prob, score = terms[0] - terms[1] - terms[2], y - mean
        got_log_prob, got_score = FAMILY.log_prob_and_score(torch.tensor([[eta]], dtype=F64), torch.tensor([y]))
        assert abs(float(got_log_prob) - log_prob) <= 4 * math.ulp(float(max(map(abs, terms))))
        assert abs(float(got_score) - score) <= 4 * math.ulp(float(max(mean, y)))


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
