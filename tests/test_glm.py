"""`fit_linear` against statsmodels, scipy, scikit-learn, NIST's certified digits and its own definitions."""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, xlogy
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, Ridge

import likeliest as lk
from likeliest import glm
from likeliest.glm import fit_linear

NORMAL, BERNOULLI, POISSON, CATEGORICAL = map(lk.family, ("normal", "bernoulli", "poisson", "categorical"))

LONGLEY = [-3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359,
           -0.0511041056535807, 1829.15146461355]  # fmt: skip
"""NIST StRD: intercept and coefficients of Longley's data; residual standard deviation 304.854073561965, 9 degrees."""


def coefficients(found):
    return np.concatenate((found.bias.numpy(), found.weight[:, 0].numpy()))


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def data(rng):
    """Rows with columns of very different units, weights, and an exposure."""
    x = rng.normal(size=(120, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 500.0, 0.0, -3.0]
    eta = (x - x.mean(0)) / x.std(0) @ [0.5, -0.4, 0.3, 0.0]
    exposure = rng.uniform(0.5, 4.0, 120)
    return SimpleNamespace(
        x=x,
        eta=eta,
        design=sm.add_constant(x),
        weight=rng.integers(1, 4, 120).astype(float),
        exposure=exposure,
        counts=rng.poisson(exposure * np.exp(eta)),
        classes=(rng.uniform(size=120) < 1 / (1 + np.exp(-eta))).astype(int),
    )


@pytest.mark.parametrize("rule", ["newton", "irls", "lbfgs"])
def test_poisson_with_exposure_and_weights_is_statsmodels(data, rule):
    found = fit_linear(POISSON, data.x, data.counts, weight=data.weight, offset=np.log(data.exposure), rule=rule)
    expected = sm.GLM(
        data.counts, data.design, sm.families.Poisson(), offset=np.log(data.exposure), freq_weights=data.weight
    ).fit(tol=1e-14)
    assert found.verdict.kind == "converged"
    np.testing.assert_allclose(coefficients(found), expected.params, rtol=1e-8)


def test_rates_weighted_by_their_exposure_are_counts_with_an_offset(data):
    rates = fit_linear(POISSON, data.x, data.counts / data.exposure, weight=data.exposure)
    counts = fit_linear(POISSON, data.x, data.counts, offset=np.log(data.exposure))
    np.testing.assert_allclose(coefficients(rates), coefficients(counts), rtol=1e-10)


def test_logistic_with_weights_is_statsmodels(data):
    found = fit_linear(BERNOULLI, data.x, data.classes, weight=data.weight)
    expected = sm.GLM(data.classes, data.design, sm.families.Binomial(), freq_weights=data.weight).fit(tol=1e-14)
    np.testing.assert_allclose(coefficients(found), expected.params, rtol=1e-8)


def test_shares_of_trials_are_logistic_regression_on_trials(data, rng):
    trials = rng.integers(1, 9, 120)
    successes = rng.binomial(trials, 1 / (1 + np.exp(-data.eta)))
    found = fit_linear(BERNOULLI, data.x, successes / trials, weight=trials)
    expected = sm.GLM(np.column_stack((successes, trials - successes)), data.design, sm.families.Binomial()).fit(
        tol=1e-14
    )
    np.testing.assert_allclose(coefficients(found), expected.params, rtol=1e-8)


def test_least_squares_has_nists_digits():
    longley = sm.datasets.longley.load()
    found = fit_linear(NORMAL, np.array(longley.exog), np.array(longley.endog))
    np.testing.assert_allclose(coefficients(found), LONGLEY, rtol=1e-10)
    assert found.scale == pytest.approx(304.854073561965 * np.sqrt(9 / 16), rel=1e-10)
    assert found.verdict.kind == "converged"


def test_least_squares_with_weights_is_statsmodels(data):
    y = data.eta + data.x[:, 0] ** 2
    found = fit_linear(NORMAL, data.x, y, weight=data.weight)
    expected = sm.WLS(y, data.design, weights=data.weight).fit()
    np.testing.assert_allclose(coefficients(found), expected.params, rtol=1e-9)
    assert found.scale == pytest.approx(np.sqrt(expected.ssr / data.weight.sum()), rel=1e-10)


def test_theta_is_the_maximum_of_the_joint_likelihood():
    x, y = load_diabetes(return_X_y=True)
    found = fit_linear(NORMAL, x, y)
    objective = lk.Objective(NORMAL, found.predictor, x, y)
    local = objective.at(found.theta)
    assert float(local.grad.abs().max()) < 1e-12
    assert float(local.value) == pytest.approx(-sm.OLS(y, sm.add_constant(x)).fit().llf / len(y), rel=1e-12)


def test_multinomial_is_statsmodels(rng):
    x = rng.normal(size=(300, 3))
    y = (x @ rng.normal(size=(3, 3)) + rng.gumbel(size=(300, 3))).argmax(1)
    found = fit_linear(CATEGORICAL, x, y, outputs=3)
    expected = sm.MNLogit(y, sm.add_constant(x)).fit(disp=0, method="newton", tol=1e-14).params
    table = np.vstack((found.bias.numpy(), found.weight.numpy()))
    np.testing.assert_allclose(table[:, 1:] - table[:, :1], expected, rtol=1e-8)
    np.testing.assert_allclose(table.sum(1), 0, atol=1e-12)


def penalised_nll(theta, x, hot, l2):
    """Σ NLL + ½ l2 ‖W‖² of a multinomial model and its gradient, for scipy."""
    weight, bias = theta[: -hot.shape[1]].reshape(x.shape[1], -1), theta[-hot.shape[1] :]
    log_p = log_softmax(x @ weight + bias, axis=1)
    u = np.exp(log_p) - hot
    grad = np.concatenate(((x.T @ u + l2[:, None] * weight).ravel(), u.sum(0)))
    return -(hot * log_p).sum() + 0.5 * (l2[:, None] * weight**2).sum(), grad


def test_penalised_multinomial_is_scipys():
    x, y = load_iris(return_X_y=True)
    found = fit_linear(CATEGORICAL, x, y, outputs=3, l2=0.7)
    expected = minimize(
        penalised_nll, np.zeros(15), (x, np.eye(3)[y], np.full(4, 0.7)), "BFGS", jac=True, options={"gtol": 1e-11}
    )
    np.testing.assert_allclose(found.weight.numpy().ravel(), expected.x[:12], atol=1e-8)
    np.testing.assert_allclose(found.bias.numpy(), expected.x[12:] - expected.x[12:].mean(), atol=1e-8)


def test_columns_in_wild_units_do_not_hide_the_optimum(rng):
    x = rng.normal(size=(100, 60))
    y = (x[:, :5].sum(1) + rng.normal(size=100) > 0).astype(int)
    x[:, 0] *= 1e4
    x[:, 1] += 1e4
    found = fit_linear(BERNOULLI, x, y, l2=1.0)
    sign = 2 * y - 1

    def value(weight, bias):
        return np.logaddexp(0, -sign * (x @ weight + bias)).sum() + 0.5 * weight @ weight

    # scipy's best, for which we have centred and scaled by hand: w = v / s, b = c − m · w.
    centre, scale = x.mean(0), x.std(0)
    z = (x - centre) / scale

    def standardised(v):
        margin = sign * (z @ v[1:] + v[0])
        u = -sign * np.exp(-np.logaddexp(0, margin))
        penalty = v[1:] / scale**2
        return np.logaddexp(0, -margin).sum() + 0.5 * penalty @ v[1:], np.concatenate(([u.sum()], z.T @ u + penalty))

    best = min(
        minimize(standardised, np.zeros(61), jac=True, method=method, options=options).fun
        for method, options in (
            ("BFGS", {"gtol": 1e-10}),
            ("L-BFGS-B", {"gtol": 1e-12, "ftol": 1e-16, "maxiter": 10_000}),
        )
    )
    ours = value(found.weight[:, 0].numpy(), float(found.bias))
    assert found.verdict.kind == "converged"
    assert ours <= best + 1e-8
    assert ours == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("family", [NORMAL, BERNOULLI, POISSON], ids=lambda f: f.name)
def test_weight_two_is_the_row_twice(data, family):
    y = {"normal": data.eta, "bernoulli": data.classes, "poisson": data.counts}[family.name]
    weight = np.arange(120) % 4
    weighted = fit_linear(family, data.x, y, weight=weight, l2=0.5)
    repeated = fit_linear(family, data.x.repeat(weight, 0), y.repeat(weight), l2=0.5)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-8, atol=1e-12)
    if family is NORMAL:
        assert weighted.scale == pytest.approx(repeated.scale, rel=1e-12)


def test_a_penalty_of_each_column_is_ridge_on_rescaled_columns(data):
    l2 = torch.tensor([0.3, 40.0, 1e-4, 2.0], dtype=torch.float64)
    found = fit_linear(NORMAL, data.x, data.eta, l2=l2)
    expected = Ridge(alpha=1.0, tol=1e-14).fit(data.x / np.sqrt(l2.numpy()), data.eta)
    np.testing.assert_allclose(found.weight[:, 0], expected.coef_ / np.sqrt(l2.numpy()), rtol=1e-8)


@pytest.mark.parametrize("intercept", [True, False])
def test_aliased_columns_get_the_smallest_coefficients(rng, intercept):
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 6)) + 2 * intercept
    y = rng.normal(size=50)
    found = fit_linear(NORMAL, x, y, intercept=intercept)
    expected = LinearRegression(fit_intercept=intercept).fit(x, y)
    assert found.verdict.kind == "aliased"
    np.testing.assert_allclose(found.weight[:, 0], expected.coef_, atol=1e-10)
    np.testing.assert_allclose(found.bias, [expected.intercept_], atol=1e-10)


def test_aliased_poisson_loses_no_likelihood_and_has_the_smallest_coefficients(data):
    x = np.column_stack((data.x, data.x[:, 0] + data.x[:, 2]))
    whole, aliased = fit_linear(POISSON, data.x, data.counts), fit_linear(POISSON, x, data.counts)
    eta = [torch.as_tensor(at) @ f.weight + f.bias for at, f in ((data.x, whole), (x, aliased))]
    np.testing.assert_allclose(eta[1], eta[0], atol=1e-9)
    centred = x - x.mean(0)
    smallest = np.linalg.pinv(centred, rcond=1e-10) @ (centred @ aliased.weight[:, 0].numpy())
    np.testing.assert_allclose(aliased.weight[:, 0], smallest, atol=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
def test_as_many_columns_as_rows_is_the_boundary(rng, intercept):
    x, y = rng.normal(size=(10, 15)), rng.normal(size=10)
    found = fit_linear(NORMAL, x, y, intercept=intercept)
    centre = x.mean(0) * intercept
    expected = np.linalg.lstsq(x - centre, y - y.mean() * intercept)[0]
    assert found.verdict.kind == "boundary"
    assert found.scale == 0
    assert found.verdict.evidence["scale"] == 0
    np.testing.assert_allclose(found.weight[:, 0], expected, atol=1e-10)


def test_a_penalised_perfect_fit_is_no_boundary(rng):
    found = fit_linear(NORMAL, rng.normal(size=(10, 15)), rng.normal(size=10), l2=0.1)
    assert found.verdict.kind == "converged"
    assert found.scale > 0


def test_separated_classes_end_where_nothing_is_left_to_gain():
    x, y = load_breast_cancer(return_X_y=True)
    found = fit_linear(BERNOULLI, x, y)
    assert found.verdict.kind == "separated"
    assert float(lk.Objective(BERNOULLI, lk.Linear(30), x, y).at(found.theta).value) <= 1e-8
    assert bool(torch.isfinite(found.theta).all())


def test_an_optimum_at_the_start_takes_no_step():
    x, y = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([0, 0, 1, 1])
    found = fit_linear(BERNOULLI, x, y)
    assert found.verdict.kind == "converged"
    assert found.fit.state.step == 0
    assert found.theta.tolist() == [0.0, 0.0]


def test_many_coefficients_are_left_to_lbfgs(data, monkeypatch):
    newton = fit_linear(BERNOULLI, data.x, data.classes, l2=0.1)
    monkeypatch.setattr(glm, "MATRIX_LIMIT", 4)
    lbfgs = fit_linear(BERNOULLI, data.x, data.classes, l2=0.1)
    assert lbfgs.fit.state.step > newton.fit.state.step
    np.testing.assert_allclose(lbfgs.theta, newton.theta, rtol=1e-7)


def test_the_value_is_the_mean_nll_with_its_constants(data):
    found = fit_linear(POISSON, data.x, data.counts)
    mean = np.exp(data.design @ coefficients(found))
    factorials = torch.lgamma(torch.as_tensor(data.counts + 1.0)).numpy()
    expected = -(xlogy(data.counts, mean) - mean - factorials).mean()
    assert found.verdict.evidence["value"] == pytest.approx(expected, rel=1e-12)
