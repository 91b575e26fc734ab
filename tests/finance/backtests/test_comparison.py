"""Diebold and Mariano's test against statsmodels' robust regressions, by hand, and on forecasts equally good."""

import json
import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.signal import lfilter
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import diebold_mariano
from likeliest.finance.backtests.long_run import automatic_lag, long_run_variance, prewhitened_variance


def losses(n=200, seed=0, memory=0.0):
    draws = np.random.default_rng(seed)
    return lfilter([1.0], [1.0, -memory], draws.standard_normal((2, n))) ** 2


def robust_error(d, lag, kernel):
    """The standard error of the mean, statsmodels' regression on a constant."""
    options = {"maxlags": lag, "kernel": kernel, "use_correction": False}
    return sm.OLS(d, np.ones(len(d))).fit(cov_type="HAC", cov_kwds=options).bse[0]


@pytest.mark.parametrize("lag", [0, 3, 11])
@pytest.mark.parametrize(("ours", "theirs"), [("rectangular", "uniform"), ("bartlett", "bartlett")])
def test_long_run_variances_are_those_of_statsmodels(lag, ours, theirs):
    d = np.subtract(*losses(memory=0.6))
    assert math.sqrt(long_run_variance(d, lag, ours) / 200) == pytest.approx(robust_error(d, lag, theirs), rel=1e-12)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_the_statistic_is_the_robust_t_with_its_correction(horizon):
    first, second = losses(memory=0.5)
    d, n = first - second, 200
    correction = math.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    expected = d.mean() / robust_error(d, horizon - 1, "uniform") * correction
    found = diebold_mariano(first, second, horizon=horizon)
    assert found.statistic == pytest.approx(expected, rel=1e-10)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(expected), n - 1), rel=1e-10)
    half = stats.t.ppf(0.975, n - 1) * d.mean() / expected
    assert (found.evidence["low"], found.evidence["high"]) == pytest.approx((d.mean() - half, d.mean() + half))


def test_one_day_ahead_it_is_nearly_students_paired_t():
    first, second = losses()
    judge = stats.ttest_rel(first, second)
    assert diebold_mariano(first, second).statistic == pytest.approx(judge.statistic, rel=1e-12)
    interval = judge.confidence_interval(0.9)
    evidence = diebold_mariano(first, second, level=0.9).evidence
    assert (evidence["low"], evidence["high"]) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_which_is_better_is_seen_from_the_sign():
    first, second = losses(1_000)
    found = diebold_mariano(first, second + 0.5)
    assert found.statistic < 0
    assert found.p_value < 1e-4
    assert diebold_mariano(second + 0.5, first).statistic == pytest.approx(-found.statistic)


def test_a_variance_that_is_not_positive_falls_back_and_says_so():
    d = np.where(np.arange(60) % 2, 1.0, -1.0) + 1e-3 * np.sin(np.arange(60))
    assert long_run_variance(d, 1, "rectangular") < 0
    found = diebold_mariano(d, np.zeros(60), horizon=2)
    assert "Bartlett" in found.method
    assert "not positive" in found.method
    correction = math.sqrt((61 - 4 + 2 / 60) / 60)
    assert found.evidence["error"] == pytest.approx(robust_error(d, 1, "bartlett") / correction, rel=1e-10)


def test_the_automatic_lag_grows_with_memory():
    """Andrews' rule for an AR(1) of 0.8 and 1,000 days: 1.1447 (α n)^⅓ = 30.3 for α = 4 · 0.64 / (0.04 · 3.24)."""
    assert pytest.approx(30.9, abs=0.1) == 1.1447 * (4 * 0.64 / (0.2**2 * 1.8**2) * 1_000) ** (1 / 3)
    lags = [
        automatic_lag(lfilter([1.0], [1.0, -0.8], np.random.default_rng(s).standard_normal(1_000))) for s in range(20)
    ]
    assert 28 <= np.mean(lags) <= 33
    first, second = losses(1_000, memory=0.9)
    assert diebold_mariano(first, second, memory="automatic", horizon=30).evidence["lag"] >= 29


def test_an_ar1_is_taken_out_first_as_statsmodels_would_by_hand():
    first, second = losses(1_000, memory=0.9)
    found = diebold_mariano(first, second, memory="automatic")
    d = first - second
    centred, n = d - d.mean(), len(d)
    rho = (centred[1:] @ centred[:-1]) / (centred @ centred)
    rho += (1 + 3 * rho) / n
    rest = centred[1:] - rho * centred[:-1]
    left = robust_error(rest, int(found.evidence["lag"]), "bartlett")
    expected = left * math.sqrt((n - 1) / n) / (1 - rho)
    assert rho > 0.3
    assert found.evidence["error"] == pytest.approx(expected, rel=3e-3)  # but for corrections of order 1/n


def test_the_long_run_variance_of_an_ar1_is_found():
    rng = np.random.default_rng(0)
    series = [lfilter([1.0], [1.0, -0.8], rng.standard_normal(2_000))[1_000:] for _ in range(200)]
    found = np.mean([prewhitened_variance(d)[0] for d in series])
    assert found == pytest.approx(25.0, rel=0.1)
    assert np.mean([long_run_variance(d, automatic_lag(d), "bartlett") for d in series]) < found


def test_equal_losses_have_p_1():
    first, _ = losses()
    found = diebold_mariano(first, first)
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert "equal on all days" in found.method
    assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == found.to_json()


@pytest.mark.parametrize(("horizon", "memory"), [(1, "horizon"), (1, "automatic"), (3, "horizon")])
def test_equally_good_forecasts_are_told_apart_as_seldom_as_promised(horizon, memory):
    """Squared errors of a moving sum over the horizon, as forecasts h days ahead make them."""
    errors = np.random.default_rng(21).standard_normal((1_000, 2, 500 + horizon - 1))
    errors = sum(errors[..., k : 500 + k] for k in range(horizon))
    assert_rejects([diebold_mariano(*pair**2, horizon=horizon, memory=memory).p_value for pair in errors])


def test_the_null_speaks_of_windows_and_nesting():
    found = diebold_mariano(*losses())
    assert "Giacomini" in found.null
    assert "nests" in found.null


def test_bad_input_is_named():
    first, second = losses(20)
    with pytest.raises(ShapeError, match=r"first \(20,\), second \(19,\)"):
        diebold_mariano(first, second[:19])
    with pytest.raises(SupportError, match=r"second\[4\] = nan"):
        diebold_mariano(first, np.where(np.arange(20) == 4, np.nan, second))
    with pytest.raises(InputError, match=r"at least 10 days.*found 9"):
        diebold_mariano(first[:9], second[:9])
    with pytest.raises(InputError, match=r"at least 21 days.*three times 7"):
        diebold_mariano(first, second, horizon=7)
    with pytest.raises(InputError, match=r"differences that vary, found 0\.5 on all 20 days"):
        diebold_mariano(first + 0.5, first)
    for wrong in ({"horizon": 0}, {"memory": "none"}, {"level": 1.0}):
        with pytest.raises(SpecificationError):
            diebold_mariano(first, second, **wrong)
