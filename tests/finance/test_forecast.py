"""Predictive distributions against scipy's; CRPS in closed form against numbers; what does not fit is told."""

import numpy as np
import pytest
from scipy import integrate, stats

from likeliest.errors import ShapeError
from likeliest.families import family
from likeliest.finance.forecast import Forecast

MEAN, LOG_SCALE, DF = 0.001, np.log(0.015), 6.0
NORMAL = Forecast(family("normal"), np.tile([MEAN, LOG_SCALE], (3, 1)))
STUDENT = Forecast(family("standardised_student_t"), np.tile([MEAN, LOG_SCALE, np.log(DF - 2)], (3, 1)))
SKEWED = Forecast(family("skewed_student_t"), np.tile([MEAN, LOG_SCALE, np.log(DF - 2), -0.2], (3, 1)))
REFERENCES = {
    "normal": (NORMAL, stats.norm(MEAN, 0.015)),
    "student": (STUDENT, stats.t(DF, MEAN, 0.015 * np.sqrt((DF - 2) / DF))),
}
RETURNS = np.array([-0.04, 0.0, 0.02])


@pytest.mark.parametrize("name", REFERENCES)
def test_everything_is_scipys(name):
    forecast, reference = REFERENCES[name]
    np.testing.assert_allclose(forecast.mean, MEAN)
    np.testing.assert_allclose(forecast.sigma, reference.std())
    for level in (0.01, 0.025, 0.05, 0.5, 0.99):
        np.testing.assert_allclose(forecast.quantile(level), reference.ppf(level), rtol=1e-10)
    tail = integrate.quad(lambda x: x * reference.pdf(x), -np.inf, reference.ppf(0.025))[0] / 0.025
    np.testing.assert_allclose(forecast.expected_shortfall(0.025), -tail, rtol=1e-7)
    np.testing.assert_allclose(forecast.value_at_risk(0.025), -reference.ppf(0.025), rtol=1e-10)
    np.testing.assert_allclose(forecast.log_score(RETURNS), reference.logpdf(RETURNS), rtol=1e-10)
    np.testing.assert_allclose(forecast.transform(RETURNS), reference.cdf(RETURNS), rtol=1e-10)
    np.testing.assert_allclose(forecast.above(0.01), reference.sf(0.01), rtol=1e-10)


@pytest.mark.parametrize("forecast", [NORMAL, STUDENT, SKEWED], ids=["normal", "student", "skewed"])
def test_the_crps_is_the_integral_that_it_stands_for(forecast):
    grid = np.linspace(-0.4, 0.4, 20_001)
    cdf = Forecast(forecast.family, np.tile(forecast.columns[:1], (len(grid), 1))).transform(grid)
    expected = [integrate.trapezoid((cdf - (grid >= y)) ** 2, grid) for y in RETURNS]
    np.testing.assert_allclose(forecast.crps(RETURNS), expected, rtol=5e-3)


def test_draws_have_the_distribution_that_they_are_drawn_from():
    drawn = STUDENT.sample(np.random.default_rng(0), 4_000)
    assert drawn.shape == (4_000, 3)
    assert stats.kstest(drawn.ravel(), REFERENCES["student"][1].cdf).pvalue > 1e-3


def test_forecasts_join_and_divide():
    both = Forecast.joined([STUDENT[0:1], STUDENT[1:3]])
    np.testing.assert_array_equal(both.columns, STUDENT.columns)


def test_returns_of_other_days_are_refused():
    with pytest.raises(ShapeError, match="each of 3 forecasts"):
        NORMAL.log_score(np.zeros(4))
