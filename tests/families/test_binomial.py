"""Binomial: scipy and brute-force sums of trials, statsmodels' deviance and fits, rows without trials."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import stats

import likeliest as lk
from likeliest.errors import SupportError, UnknownNameError
from likeliest.families import Bernoulli, Binomial

F64 = torch.float64
INF = math.inf
SMOOTH = ("logit", "probit", "cloglog", "loglog", "cauchit")


def column(*values):
    return torch.tensor(values, dtype=F64).unsqueeze(-1)


def counts(*pairs):
    return torch.tensor(pairs, dtype=F64)


@pytest.mark.parametrize("link", SMOOTH)
def test_log_prob_is_scipys_over_all_counts_of_trials(link):
    family, k = Binomial(link), np.arange(13.0)
    for eta in (-2.0, -0.3, 0.0, 0.7, 2.5):
        p = family.mean(column(eta)).item()
        got = family.log_prob(column(eta).expand(13, 1), torch.from_numpy(np.stack((k, 12 - k), -1)))
        np.testing.assert_allclose(got, stats.binom(12, p).logpmf(k), rtol=1e-12, atol=1e-14)
        assert float(got.exp().sum()) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("link", SMOOTH)
def test_many_trials_are_as_many_single_ones(link):
    """But for the orders in which they may come, on which nothing depends."""
    eta, y = column(-1.3, 0.2, 2.0), counts((3, 5), (4, 0), (0, 2))
    one, many = Bernoulli(link), Binomial(link)
    k, f = y[:, :1], y[:, 1:]
    ones, zeros = torch.ones(3), torch.zeros(3)
    torch.testing.assert_close(many.score(eta, y), k * one.score(eta, ones) + f * one.score(eta, zeros))
    torch.testing.assert_close(
        many.observed(eta, y)[..., 0], (k * one.observed(eta, ones)[..., 0] + f * one.observed(eta, zeros)[..., 0])
    )
    torch.testing.assert_close(many.fisher(eta), one.fisher(eta))
    assert many.trials(y).tolist() == [8, 4, 2]


def test_a_row_without_trials_says_nothing():
    eta, y = column(-INF, -3.0, 0.0, INF), torch.zeros(4, 2)
    for link in SMOOTH:
        assert Binomial(link).log_prob(eta, y).tolist() == [0] * 4
        assert Binomial(link).score(eta, y).flatten().tolist() == [0] * 4
    assert Binomial().recession_cone(counts((0, 0), (2, 0), (0, 2), (1, 1)))[..., 0].tolist() == [
        [0, 0],
        [1, 1],
        [-1, -1],
        [1, -1],
    ]


def test_deviance_is_statsmodels():
    y, p = np.array([[3.0, 4.0], [0.0, 5.0], [6.0, 0.0], [2.0, 2.0]]), np.array([0.3, 0.2, 0.9, 0.5])
    trials = y.sum(1)
    peer = sm.families.Binomial()
    expected = peer.resid_dev(y[:, 0] / trials, p) ** 2 * trials
    got = Binomial().deviance(column(*np.log(p / (1 - p))), torch.from_numpy(y))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", ["newton", "irls", "lbfgs"])
@pytest.mark.parametrize("link", SMOOTH)
def test_a_fit_is_statsmodels(link, rule):
    peers = sm.families.links
    peer = {
        "logit": peers.Logit(),
        "probit": peers.Probit(),
        "cloglog": peers.CLogLog(),
        "loglog": peers.LogLog(),
        "cauchit": peers.Cauchy(),
    }[link]
    rng = np.random.default_rng(0)
    x, trials = rng.normal(size=(200, 2)), rng.integers(1, 30, 200)
    k = rng.binomial(trials, 1 / (1 + np.exp(-x @ [0.8, -0.4] - 0.2)))
    y = np.stack((k, trials - k), -1).astype(float)
    expected = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(peer)).fit(tol=1e-14, maxiter=200)
    objective = lk.Objective(lk.family("binomial", link), lk.Linear(2), x, y)
    found = lk.fit(objective, rule, tolerance=1e-9)
    assert found.verdict.kind == "converged"
    np.testing.assert_allclose(found.theta.roll(1), expected.params, atol=2e-8)
    log_prob = -float(objective.at(found.theta).value) * 200
    assert log_prob == pytest.approx(expected.llf, rel=1e-10)
    information = 200 * objective.at(found.theta).fisher_matrix()
    errors = torch.linalg.inv(information).diagonal().sqrt().roll(1)
    np.testing.assert_allclose(errors, expected.bse, rtol=1e-6)


def test_null_eta_is_the_link_of_the_share_of_all_trials():
    y, weight = counts((3, 1), (2, 2), (0, 4)), torch.tensor([1.0, 2.0, 1.0])
    assert Binomial("identity").null_eta(y, weight).item() == pytest.approx(7 / 16, abs=1e-16)
    assert Binomial().null_eta(counts((3, 0), (2, 0))).tolist() == [INF]


def test_separated_counts_are_found_out():
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=F64)
    for y, kind in (([(0, 3), (0, 2), (2, 0), (4, 0)], "separated"), ([(0, 3), (1, 2), (2, 1), (4, 0)], "converged")):
        objective = lk.Objective(Binomial("probit"), lk.Linear(1), x, counts(*y))
        assert lk.fit(objective, "newton").verdict.kind == kind


def test_what_is_no_pair_of_counts_is_refused():
    with pytest.raises(SupportError, match=r"two columns of y, successes and failures; found the shape \(3,\)"):
        Binomial().check_support(torch.ones(3))
    with pytest.raises(SupportError, match="row 1: binomial needs two finite counts"):
        Binomial().check_support(counts((1, 2), (-1, 2)))
    with pytest.raises(UnknownNameError, match="no link of binomial goes by the name 'softmax'"):
        Binomial("softmax")
