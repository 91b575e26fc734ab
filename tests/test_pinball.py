"""Medians and quantiles by a linear program, beside brute force and statsmodels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from statsmodels.regression.quantile_regression import QuantReg

import likeliest as lk
from likeliest.errors import SpecificationError
from likeliest.pinball import fit_pinball

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(400, 3)) * [1.0, 1e3, 0.1] + [0.0, 1e4, 0.0]
Y = X @ [1.0, 1e-3, 3.0] + DRAW.standard_t(3, size=400)
WEIGHT = DRAW.integers(0, 4, size=400).astype(float)


def family(level: float) -> lk.Family:
    return lk.family("laplace") if level == 0.5 else lk.family("asymmetric_laplace", level=level)


def loss(theta: np.ndarray, level: float, weight: np.ndarray | None = None) -> float:
    residual = Y - sm.add_constant(X) @ theta
    return float(np.average(residual * (level - (residual < 0)), weights=weight))


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_no_line_through_as_many_rows_as_coefficients_is_better(level):
    """An optimum interpolates as many rows as it has coefficients: brute force over all pairs of a few rows."""
    x, y = X[:25, :1], Y[:25]
    model = lk.GLMRegressor(family=family(level)).fit(x, y)

    def of(slope: float, intercept: float) -> float:
        residual = y - slope * x[:, 0] - intercept
        return float(np.sum(residual * (level - (residual < 0))))

    lines = []
    for i, j in combinations(range(25), 2):
        slope = (y[j] - y[i]) / (x[j, 0] - x[i, 0])
        lines.append(of(slope, y[i] - slope * x[i, 0]))
    assert of(model.coef_[0], model.intercept_) == pytest.approx(min(lines), rel=1e-12)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.75])
def test_it_is_at_least_as_good_as_statsmodels(level):
    model = lk.GLMRegressor(family=family(level)).fit(X, Y)
    ours = np.append(model.intercept_, model.coef_)
    theirs = QuantReg(Y, sm.add_constant(X)).fit(q=level, max_iter=5_000, p_tol=1e-12).params
    assert loss(ours, level) <= loss(theirs, level) * (1 + 1e-12)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    assert model.verdict_.good
    assert model.verdict_.evidence["duality_gap"] <= 1e-9


def test_a_weight_is_the_row_so_many_times():
    weighted = lk.GLMRegressor(family="laplace").fit(X, Y, sample_weight=WEIGHT)
    repeated = lk.GLMRegressor(family="laplace").fit(
        np.repeat(X, WEIGHT.astype(int), 0), np.repeat(Y, WEIGHT.astype(int))
    )
    assert loss(np.append(weighted.intercept_, weighted.coef_), 0.5, WEIGHT) == pytest.approx(
        loss(np.append(repeated.intercept_, repeated.coef_), 0.5, WEIGHT), rel=1e-12
    )
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-10)


def test_the_scale_is_the_mean_absolute_residual():
    model = lk.GLMRegressor(family="laplace").fit(X, Y)
    assert model.scale_ == pytest.approx(np.abs(Y - model.predict(X)).mean(), rel=1e-10)


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_a_predicted_quantile_leaves_its_share_of_rows_below(level):
    model = lk.GLMRegressor(family=family(level)).fit(X, Y)
    below = float((model.predict_quantile(X, level) > Y + 1e-9).mean())
    assert below == pytest.approx(level, abs=4 / 400)


def test_offsets_move_the_residuals():
    shift = DRAW.normal(size=400)
    columns = lk.Columns(mean=lk.Linear(3), log_scale=lk.Fixed(0.0))
    moved = lk.Objective(lk.family("laplace"), columns, torch.from_numpy(X), Y, offset={"mean": shift})
    plain = lk.Objective(lk.family("laplace"), columns, torch.from_numpy(X), Y - shift)
    torch.testing.assert_close(fit_pinball(moved, 0.5).theta, fit_pinball(plain, 0.5).theta)


def test_columns_that_depend_on_each_other_are_named():
    with pytest.warns(lk.errors.AliasingWarning, match="x3"):
        model = lk.GLMRegressor(family="laplace").fit(np.column_stack((X, X[:, 0] - 2 * X[:, 2])), Y)
    plain = lk.GLMRegressor(family="laplace").fit(X, Y)
    np.testing.assert_allclose(
        np.abs(Y - model.predict(np.column_stack((X, X[:, 0] - 2 * X[:, 2])))).sum(), np.abs(Y - plain.predict(X)).sum()
    )


def test_a_penalty_and_a_level_outside_its_range_are_refused():
    with pytest.raises(SpecificationError, match="l2=0"):
        lk.GLMRegressor(family="laplace", l2=1.0).fit(X, Y)
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        lk.GLMRegressor(family="laplace").fit(X, Y).predict_quantile(X, 1.0)
