"""Bernoulli: exact tails, fractions, decisions."""

import math

import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
import torch

import likeliest as lk
from likeliest.errors import SupportError, UnknownNameError
from likeliest.families import Bernoulli

FAMILY = Bernoulli()
F64 = torch.float64
INF = math.inf


def column(*values):
    return torch.tensor(values, dtype=F64).unsqueeze(-1)


@pytest.mark.parametrize(
    "eta",
    [-744.0, -720.0, -700.5, -40.25, -20.0, -1e-3, 0.0, 1e-12, 3.7, 20.0, 40.25, 700.5, 720.0, 744.0, 1e4, -1e4, 1e308],
)
@pytest.mark.parametrize("y", [0, 1])
def test_log_prob_and_score_are_exact_to_four_ulp(eta, y):
    with mpmath.workdps(50):
        signed = mpmath.mpf(eta) * (2 * y - 1)
        log_prob = -mpmath.log1p(mpmath.exp(-signed)) if signed > -1e5 else signed
        score = (2 * y - 1) / (1 + mpmath.exp(signed)) if abs(signed) < 1e5 else (2 * y - 1) * (signed < 0)
        got_log_prob, got_score = FAMILY.log_prob_and_score(column(eta), torch.tensor([y]))
        assert abs(float(got_log_prob) - log_prob) <= 4 * math.ulp(float(log_prob))
        assert abs(float(got_score) - score) <= 4 * math.ulp(float(score))


def test_the_table_of_ends():
    eta = column(-INF, -1e308, 1e308, INF)
    for y, log_prob, score in ((1, [-INF, -1e308, 0, 0], [1, 1, 0, 0]), (0, [0, 0, -1e308, -INF], [0, 0, -1, -1])):
        rows = torch.full((4,), y)
        assert FAMILY.log_prob(eta, rows).tolist() == log_prob
        assert FAMILY.score(eta, rows)[:, 0].tolist() == score


def test_a_fraction_is_the_mixture_of_its_ends():
    eta, y = column(-3.0, 0.2, 50.0, INF), torch.tensor([0.25, 0.5, 0.75, 0.5], dtype=F64)
    ones, zeros = FAMILY.log_prob(eta, torch.ones(4)), FAMILY.log_prob(eta, torch.zeros(4))
    torch.testing.assert_close(FAMILY.log_prob(eta, y), y * ones + (1 - y) * zeros)
    torch.testing.assert_close(FAMILY.score(eta, y), y[:, None] - FAMILY.mean(eta)[:, None])


def test_deviance_is_statsmodels():
    eta, y = torch.linspace(-4, 4, 9, dtype=F64), torch.tensor([0, 1, 0, 1, 0.5, 0.25, 1, 0, 1], dtype=F64)
    expected = sm.families.Binomial().resid_dev(y.numpy(), torch.sigmoid(eta).numpy()) ** 2
    assert FAMILY.deviance(eta[:, None], y).tolist() == pytest.approx(expected)
    assert FAMILY.deviance(torch.logit(y[4:6])[:, None], y[4:6]).tolist() == pytest.approx([0, 0], abs=1e-15)


def test_errors_of_the_older_rules():
    eta, y = column(-2.0, 0.0, 0.5), torch.tensor([1, 0, 1])
    assert FAMILY.decision_error(eta, y)[:, 0].tolist() == [1, 0, 0]
    assert FAMILY.linear_error(eta, y)[:, 0].tolist() == [3, 0, 0.5]


def test_null_eta_of_one_class_is_at_infinity():
    assert FAMILY.null_eta(torch.ones(3)).tolist() == [INF]
    assert FAMILY.null_eta(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])).tolist() == [-INF]


def test_fractions_have_no_direction_of_recession():
    assert FAMILY.recession_cone(torch.tensor([0, 1])).tolist() == [[[-1]], [[1]]]
    assert FAMILY.recession_cone(torch.tensor([0, 0.5, 1])).tolist() == [[[-1], [-1]], [[1], [-1]], [[1], [1]]]


@pytest.mark.parametrize("bad", [2.0, -0.1, math.nan, INF])
def test_outside_the_support(bad):
    with pytest.raises(SupportError, match=r"row 2: bernoulli needs y in \[0, 1\], found .*; code the two classes"):
        FAMILY.check_support(torch.tensor([0.0, 1.0, bad, bad]))


def test_inside_the_support():
    for y in (torch.tensor([True, False]), torch.tensor([0, 1]), torch.tensor([0.0, 0.3, 1.0])):
        FAMILY.check_support(y)


def test_a_link_that_does_not_exist_is_refused_by_the_class_too():
    with pytest.raises(
        UnknownNameError, match="no link of bernoulli goes by the name 'tobit'; there are logit, probit"
    ):
        Bernoulli("tobit")


def test_the_decision_is_taken_at_even_odds_whatever_the_link():
    for link, half in (("probit", 0.0), ("cloglog", math.log(math.log(2))), ("log", -math.log(2)), ("identity", 0.5)):
        eta = column(half - 1e-9, half + 1e-9)
        assert Bernoulli(link).decision_error(eta, torch.tensor([0, 0])).flatten().tolist() == [0, -1]


def test_log_and_identity_do_not_recede_into_their_bounds():
    y = torch.tensor([0, 1])
    assert Bernoulli("log").recession_cone(y)[..., 0].tolist() == [[-1, -1], [1, -1]]
    assert Bernoulli("identity").recession_cone(y) is None


@pytest.mark.parametrize("rule", ["newton", "irls", "lbfgs"])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog", "cauchit", "log", "identity"])
def test_a_fit_is_statsmodels(link, rule):
    peers = sm.families.links
    peer = {
        "logit": peers.Logit(),
        "probit": peers.Probit(),
        "cloglog": peers.CLogLog(),
        "loglog": peers.LogLog(),
        "cauchit": peers.Cauchy(),
        "log": peers.Log(),
        "identity": peers.Identity(),
    }[link]
    rng, family = np.random.default_rng(0), Bernoulli(link)
    x = np.clip(rng.normal(size=(1000, 2)), -1.5, 1.5)
    truth, bias = {"log": ([0.05, -0.07], -1.2), "identity": ([0.05, -0.07], 0.5)}.get(link, ([0.5, -0.7], 0.2))
    y = (rng.uniform(size=1000) < family.mean(torch.from_numpy(x @ truth + bias)[:, None]).numpy()).astype(float)
    expected = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(peer)).fit(tol=1e-14, maxiter=300)
    objective = lk.Objective(family, lk.Linear(2), x, torch.from_numpy(y))
    start = torch.zeros(3, dtype=F64)
    start[2] = family.null_eta(objective.y)[0]
    found = lk.fit(objective, rule, theta=start, tolerance=1e-10)
    assert found.verdict.kind == "converged"
    np.testing.assert_allclose(found.theta.roll(1), expected.params, atol=1e-8)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog", "cauchit"])
def test_separated_rows_are_found_out_and_others_are_not_accused(link):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    apart, mixed = x[:, 0] > 0.3 * x[:, 1], x[:, 0] + rng.normal(size=60) > 0
    for y, kind in ((apart, "separated"), (mixed, "converged")):
        objective = lk.Objective(Bernoulli(link), lk.Linear(2), x, torch.from_numpy(y.astype(float)))
        assert lk.fit(objective, "newton").verdict.kind == kind
