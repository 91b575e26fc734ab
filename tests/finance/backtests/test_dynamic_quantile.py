"""The dynamic quantile test against least squares, a loop over draws, and true forecasts that answer to returns."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2, norm
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import dynamic_quantile


def by_regression(hits, var, level, lags):
    """Explained sum of squares over a (1 − a), by statsmodels' pseudo-inverse."""
    n = len(hits)
    columns = [np.ones(n - lags), var[lags:], *(hits[lags - k : n - k].astype(float) for k in range(1, lags + 1))]
    h = hits[lags:] - level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns without exceedances are of rank 0
        return sm.OLS(h, np.column_stack(columns)).fit(method="pinv").fittedvalues @ h / (level * (1 - level))


def sample(n=300, seed=0):
    draws = np.random.default_rng(seed)
    return draws.standard_normal(n), 1.6 + 0.3 * draws.standard_normal(n)


@pytest.mark.parametrize("lags", [1, 4])
def test_the_statistic_is_what_a_regression_explains(lags):
    y, var = sample()
    found = dynamic_quantile(y, var, level=0.05, lags=lags, draws=19)
    expected = by_regression(y < -var, var, 0.05, lags)
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert found.evidence["p_asymptotic"] == pytest.approx(chi2.sf(expected, lags + 2), rel=1e-9)


@pytest.mark.parametrize("hit_days", [[], [7], [3, 299], [150, 151, 152, 153, 154, 155]])
@pytest.mark.parametrize("constant", [True, False])
def test_columns_without_exceedances_or_of_one_number_explain_nothing(hit_days, constant):
    var = np.full(300, 0.02) if constant else 0.02 + 1e-4 * np.sin(np.arange(300))
    y = np.full(300, 0.01)
    y[hit_days] = -0.5
    found = dynamic_quantile(y, var, level=0.01, draws=19)
    assert found.statistic == pytest.approx(by_regression(y < -var, var, 0.01, 4), rel=1e-8, abs=1e-10)


def test_the_unit_of_returns_does_not_matter():
    y, var = sample()
    first, second = (dynamic_quantile(scale * y, scale * var, level=0.05, draws=99) for scale in (1.0, 1e-6))
    assert second.statistic == pytest.approx(first.statistic, rel=1e-9)


def test_the_p_value_counts_draws_beside_the_same_value_at_risk():
    y, var = sample(120, seed=4)
    found = dynamic_quantile(y, var, level=0.1, lags=2, draws=1_999)
    draws = np.random.default_rng(9)
    null = np.array([by_regression(draws.random(120) < 0.1, var, 0.1, 2) for _ in range(1_500)])
    share = (null >= found.statistic).mean()
    assert abs(found.p_value - share) < 4 * np.sqrt(0.25 * (1 / 1_500 + 1 / 2_000))


def garch_forecasts(n, seed, level):
    """Returns of a GARCH(1, 1), and the true value at risk, which answers to the returns before it."""
    draws = np.random.default_rng(seed).standard_normal(n)
    y, scale, variance = np.empty(n), np.empty(n), 1.0
    for t, z in enumerate(draws):
        scale[t] = variance**0.5
        y[t] = scale[t] * z
        variance = 0.05 + 0.2 * y[t] ** 2 + 0.75 * variance
    return y, -norm.ppf(level) * scale


def test_true_garch_forecasts_are_rejected_as_often_as_promised():
    p = [dynamic_quantile(*garch_forecasts(250, seed, 0.05), level=0.05, draws=99).p_value for seed in range(400)]
    assert_rejects(p)


def test_a_value_at_risk_that_never_moves_is_found_in_storms():
    y = np.random.default_rng(2).standard_normal(1_000) * np.repeat([0.5, 0.5, 0.5, 2.0], 250)
    assert dynamic_quantile(y, float(-np.quantile(y, 0.05)), level=0.05, draws=999).p_value < 0.01


def test_bad_input_is_named():
    y = np.zeros(20)
    with pytest.raises(ShapeError, match="dynamic quantile"):
        dynamic_quantile(y, np.ones((20, 1)), level=0.05)
    with pytest.raises(SupportError, match=r"y\[0\] = inf"):
        dynamic_quantile(y + np.inf, 1.0, level=0.05)
    with pytest.raises(InputError, match="at least 11 days, more than 4 lags and 6 regressors use up; found 10"):
        dynamic_quantile(y[:10], 1.0, level=0.05)
    with pytest.raises(SpecificationError, match="at least 1 lag"):
        dynamic_quantile(y, 1.0, level=0.05, lags=0)
    with pytest.raises(SpecificationError, match="at least 19 draws"):
        dynamic_quantile(y, 1.0, level=0.05, draws=18)
    with pytest.raises(SpecificationError, match="tail probability"):
        dynamic_quantile(y, 1.0, level=0.0)
