"""Tests of transforms against likelihoods by statsmodels and scipy, scipy's own statistics, and true forecasts."""

import json
import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.finance.backtests import (
    anderson_darling,
    berkowitz,
    berkowitz_tail,
    kolmogorov_smirnov,
    pit_histogram,
)

ALL = [berkowitz, lambda u: berkowitz_tail(u, level=0.05), kolmogorov_smirnov, anderson_darling]


def transforms(n=300, seed=0):
    return np.random.default_rng(seed).random(n)


def test_berkowitz_is_the_likelihood_ratio_of_a_regression():
    """The days after the first: statsmodels' log-likelihood of AR(1) by least squares, less scipy's of N(0, 1)."""
    z = stats.norm.ppf(transforms())
    fitted = sm.OLS(z[1:], sm.add_constant(z[:-1])).fit()
    found = berkowitz(transforms())
    assert found.statistic == pytest.approx(2 * (fitted.llf - stats.norm.logpdf(z[1:]).sum()), rel=1e-10)
    assert found.evidence["ar1"] == pytest.approx(fitted.params[1], rel=1e-10)
    assert found.evidence["sd"] == pytest.approx(math.sqrt(fitted.ssr / 299), rel=1e-10)


@pytest.mark.parametrize(("n", "level", "seed"), [(250, 0.01, 1), (250, 0.05, 2), (1_000, 0.05, 3), (30, 0.4, 4)])
def test_the_tail_test_is_the_largest_censored_likelihood(n, level, seed):
    u = transforms(n, seed)
    z, c = stats.norm.ppf(u), stats.norm.ppf(level)
    seen = z[z <= c]

    def loss(parameters):
        own = stats.norm(parameters[0], math.exp(parameters[1]))
        return -own.logpdf(seen).sum() - (n - len(seen)) * own.logsf(c)

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5_000, "maxfev": 5_000}
    best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options=options)
    found = berkowitz_tail(u, level=level, draws=99)
    assert found.statistic == pytest.approx(2 * (loss([0.0, 0.0]) - best.fun), rel=1e-7)
    assert found.evidence["mean"] == pytest.approx(best.x[0], abs=1e-4)
    assert found.evidence["sd"] == pytest.approx(math.exp(best.x[1]), rel=1e-4)


def test_an_empty_tail_is_as_likely_as_can_be_under_no_tail():
    found = berkowitz_tail(0.5 + transforms() / 2, level=0.05)
    assert found.statistic == pytest.approx(-2 * 300 * math.log(0.95), rel=1e-12)
    assert "sd" not in found.evidence


@pytest.mark.parametrize("u", [np.zeros(50), np.ones(50), np.full(50, 0.5), np.arange(50) % 2])
def test_impossible_returns_have_finite_statistics(u):
    for test in ALL:
        found = test(u)
        assert found.p_value < 0.001 or found.counts == {"exceedances": 0, "expected": 2.5}
        assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == found.to_json()


def test_anderson_darling_is_scipys():
    u = transforms(40)
    fixed = {"loc": 0, "scale": 1}
    judge = stats.goodness_of_fit(
        stats.uniform, u, statistic="ad", known_params=fixed, n_mc_samples=1_999, rng=np.random.default_rng(1)
    )
    found = anderson_darling(u)
    assert found.statistic == pytest.approx(judge.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(judge.pvalue, abs=0.05)


def test_anderson_darling_has_the_critical_value_of_its_table():
    """A² = 2.492 at 5 % (Anderson and Darling, 1954; it holds from five days on): found where p crosses 5 %."""
    u = np.sort(transforms(100, 5))
    low, high = 0.0, 1.0
    for _ in range(40):
        power = (low + high) / 2
        low, high = (power, high) if anderson_darling(u ** (1 + power)).p_value > 0.05 else (low, power)
    assert anderson_darling(u ** (1 + low)).statistic == pytest.approx(2.492, abs=0.08)


def test_kolmogorov_smirnov_by_hand():
    found = kolmogorov_smirnov([0.2, 0.3, 0.9])
    assert found.statistic == pytest.approx(2 / 3 - 0.3, rel=1e-12)


@pytest.mark.parametrize("test", ALL)
def test_true_forecasts_are_rejected_as_often_as_promised(test):
    u = np.random.default_rng(11).random((400, 250))
    assert_rejects([test(row).p_value for row in u])


def test_what_is_wrong_is_found():
    z = np.random.default_rng(12).standard_normal(1_000)
    memory = np.convolve(z, [1, 0.3])[:1_000] / math.sqrt(1.09)
    assert berkowitz(stats.norm.cdf(memory)).p_value < 0.001
    assert berkowitz(stats.norm.cdf(1.15 * z)).p_value < 0.001
    assert berkowitz_tail(stats.norm.cdf(1.15 * z), level=0.05).p_value < 0.05
    assert anderson_darling(stats.norm.cdf(z + 0.15)).p_value < 0.001
    assert kolmogorov_smirnov(stats.norm.cdf(z + 0.15)).p_value < 0.001


@pytest.mark.parametrize(("n", "bins"), [(250, 10), (1_000, 20)])
def test_all_bins_lie_in_the_band_as_often_as_it_says(n, bins):
    found = pit_histogram(transforms(n), bins=bins)
    cells = np.random.default_rng(13).multinomial(n, np.full(bins, 1 / bins), 20_000)
    share = ((cells >= found.low) & (cells <= found.high)).all(1).mean()
    assert 0.945 < share < 0.985
    narrower = ((cells >= found.low + 1) & (cells <= found.high - 1)).all(1).mean()
    assert narrower < 0.955


def test_the_histogram_counts():
    u = np.concatenate((np.arange(300) / 300, np.full(60, 0.05)))
    found = pit_histogram(u)
    assert list(found.counts) == np.histogram(u, 10, (0, 1))[0].tolist()
    assert found.outside == (0,)
    assert "1 of 10 bins are outside" in str(found)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


@pytest.mark.parametrize("test", ALL)
def test_bad_input_is_named(test):
    with pytest.raises(InputError, match=r"u\[2\] = -0\.1"):
        test([0.5, 0.5, -0.1, 0.5, 0.5])
    with pytest.raises(InputError, match="days"):
        test([])
    with pytest.raises(ShapeError, match=r"\(n,\)"):
        test(np.full((5, 2), 0.5))


def test_bad_settings_are_named():
    with pytest.raises(SpecificationError, match="two bins"):
        pit_histogram(transforms(), bins=1)
    with pytest.raises(InputError, match="one for each bin"):
        pit_histogram(transforms(9))
    with pytest.raises(SpecificationError, match="tail probability"):
        berkowitz_tail(transforms(), level=1.0)
