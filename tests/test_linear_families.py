"""Linear models and nets of every family of numbers, beside statsmodels, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import optimize, stats
from sklearn.model_selection import cross_val_score

import likeliest as lk
from likeliest.errors import NotOnOfferError, SeparationWarning, SupportError
from likeliest.glm import dispersion, fit_linear

DRAW = np.random.default_rng(11)
N = 800
X = DRAW.normal(size=(N, 3)) * [1.0, 10.0, 0.1] + [0.0, 100.0, 0.0]
WITH_ONE = sm.add_constant(X)
ETA = 0.3 + X @ [0.3, -0.01, 1.0]
POSITIVE = DRAW.gamma(2.5, np.exp(ETA) / 2.5)
COUNTS = DRAW.negative_binomial(2, 2 / (2 + np.exp(ETA + 1))).astype(float)
HEAVY = ETA + 0.5 * DRAW.standard_t(4, size=N)
TRUTHS = (DRAW.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
WEIGHT = DRAW.integers(0, 3, size=N).astype(float)


def coefficients(model: lk.GLMRegressor) -> np.ndarray:
    return np.append(model.intercept_, model.coef_)


@pytest.mark.parametrize(
    ("link", "theirs"),
    [
        ("logit", sm.families.links.Logit), ("probit", sm.families.links.Probit),
        ("cloglog", sm.families.links.CLogLog), ("loglog", sm.families.links.LogLog),
        ("cauchit", sm.families.links.Cauchy),
    ],
)  # fmt: skip
def test_every_link_of_a_probability(link, theirs):
    model = lk.GLMRegressor(family="bernoulli", link=link).fit(X, TRUTHS)
    expected = sm.GLM(TRUTHS, WITH_ONE, family=sm.families.Binomial(theirs())).fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(coefficients(model), expected.params, rtol=1e-6, atol=1e-7)
    assert model.verdict_.good


TRIALS = DRAW.integers(0, 9, size=N)
SUCCESSES = DRAW.binomial(TRIALS, 1 / (1 + np.exp(-ETA)))
TWO = np.column_stack((SUCCESSES, TRIALS - SUCCESSES)).astype(float)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_successes_and_failures_are_two_columns_of_y(weight):
    model = lk.GLMRegressor(family="binomial").fit(X, TWO, sample_weight=weight)
    seen = (TRIALS > 0) & (weight is None or weight > 0)
    freq = None if weight is None else weight[seen]
    expected = sm.GLM(TWO[seen], WITH_ONE[seen], sm.families.Binomial(), freq_weights=freq).fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(coefficients(model), expected.params, rtol=1e-8)
    np.testing.assert_allclose(model.predict(X), expected.predict(WITH_ONE), rtol=1e-8)
    shares = lk.GLMRegressor(family="bernoulli")
    shares.fit(X, SUCCESSES / np.maximum(TRIALS, 1), sample_weight=TRIALS * (1 if weight is None else weight))
    np.testing.assert_allclose(coefficients(model), coefficients(shares), rtol=1e-8)


def test_the_score_of_shares_counts_trials():
    model = lk.GLMRegressor(family="binomial").fit(X, TWO)
    each = np.repeat(np.arange(N), TRIALS)
    outcomes = np.concatenate([np.repeat([1.0, 0.0], pair.astype(int)) for pair in TWO])
    p = model.predict(X)
    share = SUCCESSES / np.maximum(TRIALS, 1)
    within = ((outcomes - share[each]) ** 2).sum()
    around = ((outcomes - outcomes.mean()) ** 2).sum() - within
    assert model.score(X, TWO) == pytest.approx(1 - (((outcomes - p[each]) ** 2).sum() - within) / around)
    assert cross_val_score(lk.GLMRegressor(family="binomial"), X, TWO, cv=3).mean() > 0


def test_a_net_of_trials():
    z = (X - X.mean(0)) / X.std(0)
    model = lk.NetRegressor(family="binomial", hidden=(), rule="lbfgs", validation_fraction=0.0).fit(z, TWO)
    line = lk.GLMRegressor(family="binomial").fit(z, TWO)
    np.testing.assert_allclose(model.predict(z), line.predict(z), atol=1e-5)


def test_y_of_another_shape_is_refused():
    with pytest.raises(SupportError, match=r"two columns of y, successes and failures; found the shape \(800,\)"):
        lk.GLMRegressor(family="binomial").fit(X, SUCCESSES)
    with pytest.raises(ValueError, match="1d array"):
        lk.GLMRegressor(family="poisson").fit(X, TWO)
    model = lk.GLMRegressor(family="binomial").fit(X, TWO)
    with pytest.raises(NotOnOfferError, match=r"η says nothing of how many trials.*scipy\.stats\.binom\(m, p\)"):
        model.predict_quantile(X)


def test_trials_that_a_column_separates():
    one = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    with pytest.warns(SeparationWarning, match="completely separable"):
        lk.GLMRegressor(family="binomial").fit([[0.0], [1.0], [2.0], [3.0]], one)


@pytest.mark.parametrize("link", ["log", "identity"])
def test_links_whose_domain_is_bounded_start_inside_it(link):
    group = (X[:, :1] > 0).astype(float)
    model = lk.GLMRegressor(family="bernoulli", link=link).fit(group, TRUTHS)
    shares = np.array([TRUTHS[group[:, 0] == g].mean() for g in (0, 1)])
    np.testing.assert_allclose(model.predict([[0.0], [1.0]]), shares, rtol=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_gamma_takes_its_dispersion_after_the_coefficients(weight):
    model = lk.GLMRegressor(family="gamma").fit(X, POSITIVE, sample_weight=weight)
    link = sm.families.links.Log()
    expected = sm.GLM(POSITIVE, WITH_ONE, sm.families.Gamma(link), freq_weights=weight).fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(coefficients(model), expected.params, rtol=1e-8)
    seen = np.ones(N) if weight is None else weight

    def nll(log_dispersion: float) -> float:
        shape = np.exp(-log_dispersion)
        mean = np.exp(WITH_ONE @ expected.params)
        return float(-(seen * stats.gamma.logpdf(POSITIVE, shape, scale=mean / shape)).sum())

    best = optimize.minimize_scalar(nll, bracket=(-2.0, 0.0), options={"xtol": 1e-10})
    assert model.extra_["log_dispersion"] == pytest.approx(best.x, abs=1e-6)
    assert model.dispersion_ == pytest.approx(np.exp(best.x), rel=1e-6)


def test_gamma_with_the_inverse_link():
    y = DRAW.gamma(3.0, 1 / (1 + np.abs(X[:, 0])) / 3.0)
    model = lk.GLMRegressor(family="gamma", link="inverse").fit(np.abs(X[:, :1]), y)
    expected = sm.GLM(y, sm.add_constant(np.abs(X[:, :1])), sm.families.Gamma(sm.families.links.InversePower()))
    np.testing.assert_allclose(coefficients(model), expected.fit(tol=1e-14, maxiter=200).params, rtol=1e-8)


def test_a_penalty_beside_a_dispersion_is_ridges():
    """Σ w·deviance/2 + ½ l2 ‖w‖² knows no dispersion: brute force on gamma's half deviance."""
    z = (X - X.mean(0)) / X.std(0)
    model = lk.GLMRegressor(family="gamma", l2=30.0).fit(z, POSITIVE)

    def penalised(beta: np.ndarray) -> float:
        eta = beta[0] + z @ beta[1:]
        return float((POSITIVE * np.exp(-eta) + eta).sum() + 15.0 * (beta[1:] ** 2).sum())

    best = optimize.minimize(penalised, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(coefficients(model), best.x, rtol=1e-5, atol=1e-6)


def test_negative_binomial_is_joint():
    model = lk.GLMRegressor(family="negative_binomial").fit(X, COUNTS)
    expected = sm.NegativeBinomial(COUNTS, WITH_ONE).fit(disp=0, gtol=1e-10, maxiter=500)
    np.testing.assert_allclose(coefficients(model), expected.params[:-1], rtol=1e-4, atol=1e-5)
    assert model.dispersion_ == pytest.approx(expected.params[-1], rel=1e-4)
    objective = lk.Objective(
        lk.family("negative_binomial"), lk.Columns(mean=lk.Linear(3), log_dispersion=lk.Constant()), X, COUNTS
    )
    theta = np.concatenate((model.coef_, [model.intercept_, model.extra_["log_dispersion"]]))
    assert -N * float(objective.at(torch.from_numpy(theta)).value) == pytest.approx(expected.llf, abs=1e-6)


def test_student_t_is_joint_and_shrugs_at_outliers():
    wild = HEAVY.copy()
    wild[:8] += 1e4
    model = lk.GLMRegressor(family="student_t").fit(X, wild)

    def nll(theta: np.ndarray) -> float:
        return float(-stats.t.logpdf(wild, np.exp(theta[5]), WITH_ONE @ theta[:4], np.exp(theta[4])).sum())

    ours = np.concatenate((coefficients(model), list(model.extra_.values())))
    plain = lk.LinearRegression().fit(X, wild)
    assert np.abs(model.coef_ - [0.3, -0.01, 1.0]).max() < 0.5 < np.abs(plain.coef_ - [0.3, -0.01, 1.0]).max()
    assert nll(ours) <= optimize.minimize(nll, ours, method="Nelder-Mead", options={"maxiter": 600}).fun + 1e-6


def test_dispersion_of_the_normal_is_the_root_mean_square():
    first, y = torch.from_numpy(ETA), torch.from_numpy(HEAVY)
    found = dispersion(lk.family("normal"), first, y, torch.from_numpy(WEIGHT))
    expected = 0.5 * np.log(np.average((HEAVY - ETA) ** 2, weights=WEIGHT))
    assert found == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("name", ["normal", "laplace", "gamma"])
def test_a_perfect_fit_is_named(name):
    y = np.exp(X[:, 0]) if name == "gamma" else X[:, 0]
    found = fit_linear(lk.family(name), X[:, :1], y)
    assert found.verdict.kind == "boundary"
    assert list(found.extra.values()) == [-np.inf]


def test_a_perfect_fit_of_students_t_is_named_without_a_search():
    y = 1 + X @ np.arange(1.0, X.shape[1] + 1)
    found = fit_linear(lk.family("student_t"), X, y)
    assert found.verdict.kind == "boundary"
    assert found.extra["log_scale"] == -np.inf
    assert found.weight[:, 0].numpy() == pytest.approx(np.arange(1.0, X.shape[1] + 1))
    assert found.fit.work < 10
    y[0] += 1
    assert fit_linear(lk.family("student_t"), X, y, weight=np.arange(len(y)) > 0).verdict.kind == "boundary"


@pytest.mark.parametrize("name", ["normal", "student_t", "laplace", "gamma", "negative_binomial"])
def test_nets_of_every_family_of_numbers_beat_its_base_rate(name):
    y = {"gamma": POSITIVE, "negative_binomial": COUNTS}.get(name, HEAVY)
    z = (X - X.mean(0)) / X.std(0)
    model = lk.NetRegressor(family=name, hidden=(8,), budget=60, random_state=1).fit(z, y)
    family, eta = lk.family(name), model._eta(torch.from_numpy(z))
    null = tuple(family.null_eta(torch.from_numpy(y))[:, None])
    gain = family.log_prob(eta, torch.from_numpy(y)).mean() - family.log_prob(null, torch.from_numpy(y)).mean()
    assert float(gain) > 0.03
    below = (model.predict_quantile(z, 0.9) >= y).mean()
    assert 0.8 < below < 0.99
