"""Scores against integrals by scipy, scikit-learn's pinball loss, and the forecasts that they ought to prefer."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from sklearn.metrics import mean_pinball_loss

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.finance.scores import crps_draws, crps_normal, crps_quantiles, crps_student_t, fissler_ziegel, pinball


def by_integral(distribution, y):
    """∫ (F(x) − [y ≤ x])² dx."""
    below = integrate.quad(lambda x: distribution.cdf(x) ** 2, -np.inf, y)[0]
    return below + integrate.quad(lambda x: distribution.sf(x) ** 2, y, np.inf)[0]


@pytest.mark.parametrize("y", [-3.0, 0.2, 1.7])
def test_closed_forms_are_the_integral(y):
    assert float(crps_normal(y, 0.5, 1.3)) == pytest.approx(by_integral(stats.norm(0.5, 1.3), y), rel=1e-7)
    for df in (1.5, 4.0, 30.0):
        expected = by_integral(stats.t(df, 0.5, 1.3), y)
        assert float(crps_student_t(y, df, 0.5, 1.3)) == pytest.approx(expected, rel=1e-5)


def test_closed_forms_are_the_limits_of_draws_and_quantiles():
    own, y = stats.t(5, 0.1, 0.8), np.array([-1.0, 0.3])
    exact = crps_student_t(y, 5, 0.1, 0.8)
    draws = own.rvs((2, 200_000), random_state=1)
    np.testing.assert_allclose(crps_draws(y, draws), exact, rtol=0.01)
    levels = (np.arange(2_000) + 0.5) / 2_000
    np.testing.assert_allclose(crps_quantiles(y, np.tile(own.ppf(levels), (2, 1)), levels), exact, rtol=1e-3)


def test_draws_by_all_pairs():
    rng = np.random.default_rng(0)
    y, x = rng.standard_normal(3), rng.standard_normal((3, 7))
    pairs = np.abs(x[:, :, None] - x[:, None, :]).sum((1, 2))
    near = np.abs(x - y[:, None]).mean(1)
    np.testing.assert_allclose(crps_draws(y, x), near - pairs / 2 / 49, rtol=1e-12)
    np.testing.assert_allclose(crps_draws(y, x, fair=True), near - pairs / 2 / 42, rtol=1e-12)


def test_a_fair_score_does_not_depend_on_the_number_of_draws():
    draws = np.random.default_rng(1).standard_normal((200_000, 2))
    fair = crps_draws(np.full(200_000, 0.4), draws, fair=True).mean()
    assert fair == pytest.approx(float(crps_normal(0.4, 0.0, 1.0)), abs=0.01)


def test_few_quantiles_are_a_distribution_of_jumps():
    levels, quantiles = np.array([0.1, 0.5, 0.8]), np.array([-1.0, 0.0, 2.0])
    known = list(zip(quantiles, levels, (0.3, 0.35, 0.35), strict=True))
    for y in (-2.0, 0.5, 3.0):
        expected = sum(2 * w * (a - (y < q)) * (y - q) for q, a, w in known)
        assert float(crps_quantiles(y, quantiles, levels)) == pytest.approx(expected, rel=1e-12)


def test_pinball_is_scikit_learns():
    rng = np.random.default_rng(2)
    y, q = rng.standard_normal(50), rng.standard_normal(50)
    for level in (0.01, 0.5, 0.9):
        assert pinball(y, q, level).mean() == pytest.approx(mean_pinball_loss(y, q, alpha=level), rel=1e-12)


def test_pinball_at_one_half_is_half_the_distance():
    assert pinball([1.0, -1.0], 0.0, 0.5).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("level", [0.025, 0.1])
def test_the_true_tail_has_the_least_mean_score(level):
    """Of t(5): the mean of FZ0 by integration is least at the true value at risk and expected shortfall."""
    own = stats.t(5)
    var = -own.ppf(level)
    es = -integrate.quad(lambda x: x * own.pdf(x), -np.inf, -var)[0] / level

    def mean(parameters):
        v, e = parameters[0], parameters[0] + math.exp(parameters[1])
        beyond = integrate.quad(lambda x: (-v - x) * own.pdf(x), -np.inf, -v)[0]
        return beyond / (level * e) + v / e + math.log(e) - 1

    best = optimize.minimize(mean, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-11}).x
    assert best[0] == pytest.approx(var, rel=1e-4)
    assert best[0] + math.exp(best[1]) == pytest.approx(es, rel=1e-4)
    y = own.rvs(400_000, random_state=3)
    assert fissler_ziegel(y, var, es, level).mean() == pytest.approx(mean([var, math.log(es - var)]), abs=0.02)


def test_fissler_ziegel_by_hand():
    """VaR 2, ES 2.5, 10 %: without an exceedance 0.8 + log 2.5 − 1, with a loss of 3 another 1/0.25."""
    assert fissler_ziegel([0.0, -3.0], 2.0, 2.5, 0.1) == pytest.approx([math.log(2.5) - 0.2, math.log(2.5) + 3.8])


def test_bad_input_is_named():
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        pinball(0.0, 0.0, 1.0)
    with pytest.raises(InputError, match="ES > 0 and ES ≥ VaR"):
        fissler_ziegel([0.0, 0.0], [1.0, 2.0], [1.5, 1.5], 0.05)
    with pytest.raises(InputError, match="scales > 0"):
        crps_normal(0.0, 0.0, 0.0)
    with pytest.raises(InputError, match="more than 1 degree"):
        crps_student_t(0.0, 1.0, 0.0, 1.0)
    with pytest.raises(ShapeError, match="quantiles"):
        crps_quantiles([0.0], [0.0], [0.5])
    with pytest.raises(SpecificationError, match="rising"):
        crps_quantiles(0.0, [0.0, 1.0], [0.5, 0.5])
    with pytest.raises(ShapeError, match="2 draws or more"):
        crps_draws([0.0], [[1.0]], fair=True)
