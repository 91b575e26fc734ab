"""Negative binomial: from Poisson's limit to dispersions of 10³⁰⁰, exact at counts of 10¹⁵."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import stats

from likeliest.errors import NotOnOfferError, SupportError
from likeliest.families import Poisson
from likeliest.families.negative_binomial import NegativeBinomial

F64 = torch.float64
INF = math.inf
FAMILY = NegativeBinomial()


def columns(*rows):
    return tuple(torch.tensor(rows, dtype=F64).unbind(-1))


def both(eta, y):
    """Log p and the score at one point, as plain numbers."""
    log_prob, score = FAMILY.log_prob_and_score(columns(eta), torch.tensor([y], dtype=F64))
    return log_prob.item(), tuple(column.item() for column in score)


@pytest.mark.parametrize("a", [-INF, -1000.0, -700.0, -300.0, -90.0])
def test_without_dispersion_it_is_poisson(a):
    eta = torch.tensor([-700.0, -3.0, 0.0, 0.7, 5.0, 34.5, 34.6], dtype=F64)
    for y in (0.0, 1.0, 7.0, 1e6, 1e15):
        count = torch.full((7,), y, dtype=F64)
        log_prob, score = FAMILY.log_prob_and_score((eta, torch.tensor([a], dtype=F64)), count)
        assert log_prob.tolist() == pytest.approx(Poisson().log_prob(eta[:, None], count).tolist(), rel=1e-14)
        assert score[0].tolist() == pytest.approx(Poisson().score(eta[:, None], count)[:, 0].tolist(), rel=1e-12)
        assert score[1].tolist() == pytest.approx([0.0] * 7, abs=1e-6)


def test_autograd_finds_the_score_and_the_observed_information_on_both_sides_of_every_seam():
    rng = np.random.default_rng(0)
    first, a = rng.normal(1, 3, 80), rng.normal(0, 3, 80)
    a[:6], first[6:9] = (60.0, 100.0, -100.0, 45.0, -30.0, 0.0), (0.0, 40.0, -40.0)
    y = torch.from_numpy(np.round(np.exp(first) * np.exp(rng.normal(0, 1, 80) * rng.choice((0.0, 0.1, 3.0), 80))))
    flat = torch.from_numpy(np.stack((first, a), -1)).requires_grad_()
    (score,) = torch.autograd.grad(FAMILY.log_prob(flat.unbind(-1), y).sum(), flat, create_graph=True)
    rows = [torch.autograd.grad(column.sum(), flat, retain_graph=True)[0] for column in score.unbind(-1)]
    at = tuple(flat.detach().unbind(-1))
    assert torch.allclose(score, torch.stack(FAMILY.score(at, y), -1), rtol=1e-8, atol=1e-8)
    assert torch.allclose(-torch.stack(rows, -2), FAMILY.observed(at, y), rtol=1e-7, atol=1e-7)


def test_the_table_of_ends():
    for a in (-INF, -2.0, INF):
        for y in (0.0, 3.0):
            assert both((INF, a), y)[0] == -INF
            assert both((INF, a), y)[1][1] == INF
        assert both((-INF, a), 0.0) == (0, (0, 0))
        assert both((-INF, a), 3.0)[0] == -INF
    assert both((INF, -2.0), 3.0)[1][0] == pytest.approx(-math.exp(2))
    assert both((1.0, INF), 0.0) == (0, (0, 0))
    assert both((1.0, INF), 3.0) == (-INF, (0, -1))
    assert both((1.0, 1e308), 3.0)[0] == -1e308


def test_deviance_is_statsmodels_and_never_negative():
    rng = np.random.default_rng(1)
    y, first, alpha = rng.negative_binomial(2, 0.3, 60), rng.normal(1, 1, 60), 0.7
    expected = sm.families.NegativeBinomial(alpha=alpha).resid_dev(y, np.exp(first)) ** 2
    a = torch.tensor([math.log(alpha)], dtype=F64)
    assert FAMILY.deviance((torch.from_numpy(first), a), torch.from_numpy(y)).tolist() == pytest.approx(expected)
    saturated = torch.from_numpy(y).double().log()
    assert FAMILY.deviance((saturated, a), torch.from_numpy(y)).tolist() == pytest.approx([0] * 60, abs=1e-14)


def test_null_eta_is_statsmodels_fit():
    y = np.random.default_rng(2).negative_binomial(1.5, 0.2, 300)
    fit = sm.NegativeBinomial(y, np.ones(300)).fit(disp=0, method="bfgs", gtol=1e-9)
    expected = [fit.params[0], math.log(fit.params[1])]
    assert FAMILY.null_eta(torch.from_numpy(y)).tolist() == pytest.approx(expected, rel=1e-5)


def test_counts_that_spread_no_wider_than_poissons_have_no_dispersion():
    assert FAMILY.null_eta(torch.tensor([3, 3, 4, 3])).tolist() == [pytest.approx(math.log(3.25)), -INF]
    assert FAMILY.null_eta(torch.zeros(4)).tolist() == [-INF, -INF]


@pytest.mark.parametrize(("first", "a"), [(2.0, 0.3), (0.5, -9.0), (6.0, 2.0), (18.0, -25.0)])
def test_quantiles_are_scipys(first, a):
    level = np.array([1e-12, 0.01, 0.3, 0.5, 0.9, 0.999])
    k = math.exp(-a)
    expected = stats.nbinom.ppf(level, k, k / (k + math.exp(first)))
    assert FAMILY.quantile(columns(*[(first, a)] * 6), torch.from_numpy(level)).tolist() == expected.tolist()
    assert FAMILY.quantile(columns((first, a), (first, a)), torch.tensor([0.0, 1.0])).tolist()[0] == 0


def test_the_fisher_information_of_its_dispersion_is_not_on_offer():
    with pytest.raises(NotOnOfferError, match="use observed_times"):
        FAMILY.fisher_times(columns((0.0, 0.0)), columns((1.0, 1.0)))


@pytest.mark.parametrize("bad", [-1.0, 0.5, math.nan, INF])
def test_outside_the_support(bad):
    with pytest.raises(SupportError, match=r"row 1: negative_binomial needs a count y.*exposure as an offset"):
        FAMILY.check_support(torch.tensor([3.0, bad]))
