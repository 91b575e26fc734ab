"""Gamma: exact whatever the shape, three links, and what its ends are."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import stats

from likeliest.errors import UnknownNameError
from likeliest.families.gamma import Gamma

F64 = torch.float64
INF = math.inf
LINKS = ("log", "inverse", "identity")
EVERY_LINK = pytest.mark.parametrize("link", LINKS)


def columns(*rows):
    return tuple(torch.tensor(rows, dtype=F64).unbind(-1))


def both(family, eta, y):
    """Log p and the score at one point, as plain numbers."""
    log_prob, score = family.log_prob_and_score(columns(eta), torch.tensor([y], dtype=F64))
    return log_prob.item(), tuple(column.item() for column in score)


def test_of_shape_one_and_mean_one_log_p_of_a_tiny_y_is_minus_y():
    eta, y = columns((0.0, 0.0), (0.0, 0.0)), torch.tensor([1e-300, 3.0], dtype=F64)
    assert Gamma().log_prob(eta, y).tolist() == pytest.approx([0.0, -3.0], abs=4e-16)


@EVERY_LINK
def test_the_exponential_is_the_gamma_of_shape_one(link):
    mean = torch.tensor([1e-200, 0.3, 1.0, 7.0, 1e200], dtype=F64)
    eta = {"log": mean.log(), "inverse": 1 / mean, "identity": mean}[link]
    for ratio in (1e-100, 0.5, 1.0, 3.0):
        y = mean * ratio
        expected = stats.expon.logpdf(y.numpy(), scale=mean.numpy())
        assert Gamma(link).log_prob((eta, torch.zeros(1, dtype=F64)), y).tolist() == pytest.approx(expected, rel=1e-13)


@EVERY_LINK
def test_autograd_finds_the_score_and_the_observed_information_on_both_sides_of_every_seam(link):
    rng = np.random.default_rng(0)
    mean, a = np.exp(rng.normal(0, 2, 60)), rng.normal(0, 2, 60)
    a[:8] = (0.0, 0.7, -0.7, 30.0, -12.0, 300.0, 1e-9, 0.5)
    y = torch.from_numpy(mean * np.exp(rng.normal(0, 1, 60) * rng.choice((0.0, 0.01, 1.0, 5.0), 60)))
    first = {"log": np.log(mean), "inverse": 1 / mean, "identity": mean}[link]
    flat = torch.from_numpy(np.stack((first, a), -1)).requires_grad_()
    family = Gamma(link)
    (score,) = torch.autograd.grad(family.log_prob(flat.unbind(-1), y).sum(), flat, create_graph=True)
    rows = [torch.autograd.grad(column.sum(), flat, retain_graph=True)[0] for column in score.unbind(-1)]
    at = tuple(flat.detach().unbind(-1))
    assert torch.allclose(score, torch.stack(family.score(at, y), -1), rtol=1e-10, atol=1e-12)
    assert torch.allclose(-torch.stack(rows, -2), family.observed(at, y), rtol=1e-9, atol=1e-11)


def test_the_table_of_ends():
    for link, least, most in (("log", -INF, INF), ("inverse", 0.0, INF), ("identity", 0.0, INF)):
        for eta in (least, most):
            for a in (-INF, -3.0, 900.0, INF):
                log_prob, score = both(Gamma(link), (eta, a), 2.0)
                assert log_prob == -INF
                assert score[1] == INF
                assert not math.isnan(score[0])
        at_two = {"log": math.log(2), "inverse": 0.5, "identity": 2.0}[link]
        assert both(Gamma(link), (at_two, -INF), 2.0) == (INF, (0, -0.5))
        assert both(Gamma(link), (at_two * 1.5, -INF), 2.0)[0] == -INF
        assert both(Gamma(link), (at_two * 1.5, INF), 2.0) == (-INF, (0, -1))
        assert both(Gamma(link), (at_two, 1e308), 2.0) == (-1e308, (0, -1))


@pytest.mark.parametrize("link", ["inverse", "identity"])
def test_a_mean_that_is_not_positive_is_told_to_rise_into_the_domain(link):
    for eta in (0.0, -0.0, -5e-324, -1.0, -INF):
        assert both(Gamma(link), (eta, 0.3), 2.0) == (-INF, (INF, INF))


@pytest.mark.parametrize("link", LINKS)
def test_where_the_ratio_overflows_its_product_with_the_shape_may_not(link):
    """Of a mean 10⁻²⁰⁰ and a shape 10⁻²⁰⁰, y = 10²⁰⁰ has r = 10⁴⁰⁰ and k r = 10²⁰⁰."""
    eta, slope = {"log": (-460.5, 1.0), "inverse": (1e200, -1e-200), "identity": (1e-200, 1e200)}[link]
    log_prob, score = both(Gamma(link), (eta, 460.5), 1e200)
    log_mean = -460.5 if link == "log" else -math.log(1e200)
    pull = math.exp(-460.5 - log_mean) * 1e200
    assert log_prob == pytest.approx(-pull, rel=1e-12)
    assert score == pytest.approx((pull * slope if link != "identity" else INF, pull), rel=1e-12)


def test_of_the_identity_the_score_is_a_number_where_the_slope_of_the_ratio_is_none():
    """At μ = 10⁻²⁰⁰ and y = 10⁸⁰, y/μ² = 10⁴⁸⁰; a shape of e^(−690) makes it a number again."""
    score = both(Gamma("identity"), (1e-200, 690.0), 1e80)[1]
    expected = math.exp(480 * math.log(10) - 690)
    assert score == pytest.approx((expected, -1.0), rel=1e-12)
    observed = Gamma("identity").observed(columns((1e-200, 690.0)), torch.tensor([1e80], dtype=F64))[0]
    assert observed[0, 1] == observed[1, 0] == pytest.approx(expected, rel=1e-12)


def test_where_the_observed_information_is_zero_it_is_zero_of_a_subnormal_mean_too():
    """Of y = μ/2 the log-likelihood of the identity bends neither way, and 1/μ² overflows."""
    observed = Gamma("identity").observed(columns((1e-323, 0.0)), torch.tensor([5e-324], dtype=F64))[0]
    assert observed[0, 0] == 0
    assert not observed.isnan().any()


@EVERY_LINK
def test_deviance_is_statsmodels(link):
    rng = np.random.default_rng(1)
    y, mean = rng.gamma(2.0, size=50), np.exp(rng.normal(size=50))
    expected = sm.families.Gamma().resid_dev(y, mean) ** 2
    eta = {"log": np.log(mean), "inverse": 1 / mean, "identity": mean}[link]
    found = Gamma(link).deviance((torch.from_numpy(eta), torch.zeros(1, dtype=F64)), torch.from_numpy(y))
    assert found.tolist() == pytest.approx(expected)


def test_null_eta_is_scipys_fit():
    y = np.random.default_rng(2).gamma(0.4, 3.0, 200)
    shape, _, scale = stats.gamma.fit(y, floc=0)
    assert Gamma().null_eta(torch.from_numpy(y)).tolist() == pytest.approx(
        [math.log(shape * scale), -math.log(shape)], rel=1e-6
    )
    assert Gamma("inverse").null_eta(torch.full((5,), 4.0)).tolist() == [0.25, -INF]


@pytest.mark.parametrize("spread", [1e-150, 1e-7, 1e-3, 1.0, 20.0, 200.0])
def test_null_eta_solves_for_every_spread(spread):
    y = torch.exp(spread * torch.tensor([-1.0, 0.5, 1.0], dtype=F64))
    family, null = Gamma(), Gamma().null_eta(y)
    if spread < 1e-16:
        assert null[1] == -INF
    else:
        score = family.score(tuple(null[:, None]), y)[1]
        assert float(score.sum()) == pytest.approx(0, abs=1e-12)


def test_a_shape_too_small_for_its_draws_still_draws_positive_numbers():
    for dtype in (torch.float32, F64):
        eta = tuple(column.to(dtype) for column in columns(*[(0.0, 9.0)] * 50))
        Gamma().check_support(Gamma().sample(eta, np.random.default_rng(3)))


def test_there_are_three_links():
    with pytest.raises(UnknownNameError, match="no link of gamma goes by the name 'probit'; there are log, inverse"):
        Gamma("probit")
