"""Nets: a target's unit changes nothing but the unit; l2 means what it says; early stopping returns the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression, Ridge

import likeliest as lk
from likeliest.interfaces import Record, VerdictKind
from likeliest.nets import NetFit, fit_net

DRAW = np.random.default_rng(21)
X = DRAW.normal(size=(120, 3))
Y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.2 * DRAW.normal(size=120)
HELD_X, HELD_Y = X[90:], Y[90:]
FULL: dict[str, Any] = {"rule": "lbfgs", "batch_size": None, "dtype": torch.float64, "budget": 4_000}


def short_fit(scale: float, shift: float, records: list[Record] | None = None) -> NetFit:
    return fit_net(
        lk.family("normal"),
        X[:90],
        scale * Y[:90] + shift,
        hidden=(6,),
        activation="tanh",
        validation=(HELD_X, scale * HELD_Y + shift),
        budget=5,
        seed=3,
        dtype=torch.float64,
        callbacks=() if records is None else [lambda progress: records.append(progress.record)],
    )


@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (1.0, -50.0), (1e-3, 7.0), (2.54, 1e4)])
def test_the_unit_of_a_number_changes_nothing_else(scale: float, shift: float) -> None:
    """With y·s + t in place of y, the mean is scaled and shifted, log σ grows by log s, and the fit is the same fit."""
    one, other = short_fit(1.0, 0.0), short_fit(scale, shift)
    np.testing.assert_allclose(other.fit.trace.column("value"), one.fit.trace.column("value"), rtol=1e-8)
    assert other.log_unit - one.log_unit == pytest.approx(np.log(scale), abs=1e-9)
    x = torch.from_numpy(X)
    (mean, log_sigma), (moved, moved_log_sigma) = (f.predictor.forward(f.theta, x)[0] for f in (one, other))
    np.testing.assert_allclose(moved, scale * mean + shift, rtol=1e-8, atol=1e-8 * scale)
    np.testing.assert_allclose(moved_log_sigma, log_sigma + np.log(scale), atol=1e-8)


def test_what_is_shown_on_the_way_is_in_the_users_units() -> None:
    records: list[Record] = []
    found = short_fit(1000.0, 3.0, records)
    mean, log_sigma = found.predictor.forward(found.theta, torch.from_numpy(HELD_X))[0]
    nll = -norm.logpdf(1000 * HELD_Y + 3, mean, log_sigma.exp()).mean()
    assert min(record.validation[0] for record in records if record.validation is not None) == pytest.approx(
        nll, rel=1e-9
    )


def test_the_best_on_held_out_rows_is_returned() -> None:
    """A wide net learns few rows by heart; what is returned is from before that."""
    found = fit_net(
        lk.family("normal"), X[:30], Y[:30], hidden=(256,), validation=(HELD_X, HELD_Y), budget=400, patience=8, seed=1
    )
    held_out = found.fit.trace.column("validation")[:, 0]
    mean, log_sigma = found.predictor.forward(found.theta, torch.from_numpy(HELD_X))[0]
    nll = -norm.logpdf(HELD_Y, mean, log_sigma.exp()).mean()
    assert found.verdict.kind is VerdictKind.PLATEAU
    assert held_out.argmin() == len(held_out) - 1 - 8
    assert nll - found.log_unit == pytest.approx(held_out.min(), rel=1e-5)


@pytest.mark.parametrize("l2", [0.1, 3.0, 100.0])
@pytest.mark.parametrize("unit", [1.0, 40.0])
def test_without_hidden_layers_and_scale_it_is_ridge_regression(l2: float, unit: float) -> None:
    found = fit_net(lk.family("normal"), X, unit * Y, hidden=(), l2=l2, estimate_dispersion=False, **FULL)
    judge = Ridge(alpha=l2).fit(X, unit * Y)
    np.testing.assert_allclose(found.theta[:4], [*judge.coef_, judge.intercept_], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("l2", [0.1, 3.0, 100.0])
def test_without_hidden_layers_it_is_logistic_regression(l2: float) -> None:
    y = (Y > 0).astype(float)
    found = fit_net(lk.family("bernoulli"), X, y, hidden=(), l2=l2, **FULL)
    judge = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(found.theta, [*judge.coef_[0], *judge.intercept_], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("unit", [1.0, 40.0])
def test_with_its_scale_it_minimises_the_sum_of_nlls_and_the_penalty(unit: float) -> None:
    """Against scipy on Σ NLL(μ, σ) + ½ l2 ‖w‖², in the user's units."""
    l2, y = 3.0 / unit**2, unit * Y

    def objective(theta: np.ndarray) -> float:
        mean = X @ theta[:3] + theta[3]
        return float(-norm.logpdf(y, mean, np.exp(theta[4])).sum() + 0.5 * l2 * theta[:3] @ theta[:3])

    judge = minimize(objective, np.array([0.0, 0.0, 0.0, y.mean(), np.log(y.std())]), method="BFGS", tol=1e-10)
    found = fit_net(lk.family("normal"), X, y, hidden=(), l2=l2, **FULL)
    assert objective(found.theta.numpy()) <= judge.fun + 1e-9 * abs(judge.fun)
    np.testing.assert_allclose(found.theta, judge.x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1.0, 40.0])
@pytest.mark.parametrize("estimate_dispersion", [True, False])
def test_a_hidden_layers_penalty_is_in_the_users_units_too(unit: float, estimate_dispersion: bool) -> None:
    """At what full-batch fitting found, autograd's gradient of the user's objective is zero."""
    l2, x, y = 0.5, torch.from_numpy(X), torch.from_numpy(unit * Y)
    found = fit_net(
        lk.family("normal"),
        X,
        unit * Y,
        hidden=(4,),
        activation="tanh",
        l2=l2,
        estimate_dispersion=estimate_dispersion,
        **FULL,
    )
    theta = found.theta.clone().requires_grad_()
    w1, w2, b1, b2 = theta[:12].view(3, 4), theta[12:16], theta[16:20], theta[20]
    residual = y - (torch.tanh(x @ w1 + b1) @ w2 + b2)
    log_scale = theta[21] if estimate_dispersion else torch.tensor(0.0)
    loss = (0.5 * (residual * torch.exp(-log_scale)) ** 2 + log_scale).sum() + 0.5 * l2 * (
        (w1**2).sum() + (w2**2).sum()
    )
    (gradient,) = torch.autograd.grad(loss, theta)
    assert float(gradient.abs().max()) < 1e-4 * max(1.0, loss.item())
