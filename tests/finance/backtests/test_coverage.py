"""Counts of exceedances against all sequences, scipy's binomial test, a logistic regression and many true forecasts."""

import itertools
import json
import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import binom, binomtest, norm
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import conditional_coverage, exceedances, independence, unconditional_coverage

TESTS = [unconditional_coverage, independence, conditional_coverage]


def days_of(hits):
    return np.where(hits, -3.0, 1.0)


def chain_likelihood(hits, after_none, after_one):
    """The log-likelihood of the steps, one by one."""
    total = 0.0
    for before, now in itertools.pairwise(hits):
        p = after_one if before else after_none
        q = p if now else 1 - p
        total += math.log(q) if q else -math.inf
    return total


def share(values):
    return sum(values) / len(values) if len(values) else 0.0


def ratio(test, hits, level):
    """The statistic from its definition."""
    x, n = sum(hits), len(hits)
    if test is unconditional_coverage:
        return -2 * (binom.logpmf(x, n, level) - binom.logpmf(x, n, x / n))
    steps = list(itertools.pairwise(hits))
    own = share([b for a, b in steps if not a]), share([b for a, b in steps if a])
    common = level if test is conditional_coverage else share([b for _, b in steps])
    return 2 * (chain_likelihood(hits, *own) - chain_likelihood(hits, common, common))


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("level", [0.05, 0.4])
def test_p_values_are_those_of_all_sequences(test, level):
    """Of all 2⁹ sequences, those with a larger statistic, and those with an equal one: the range of the p-value."""
    n = 9
    everything = list(itertools.product((0, 1), repeat=n))
    statistic = np.array([ratio(test, hits, level) for hits in everything])
    count = np.array([sum(hits) for hits in everything])
    probability = level**count * (1 - level) ** (n - count)
    for i in range(0, len(everything), 7):
        weight = probability * (count == count[i]) if test is independence else probability
        above = weight[statistic > statistic[i] + 1e-9].sum() / weight.sum()
        equal = weight[np.abs(statistic - statistic[i]) <= 1e-9].sum() / weight.sum()
        found = test(days_of(everything[i]), 2.0, level=level)
        assert found.statistic == pytest.approx(statistic[i], abs=1e-12)
        assert found.p_range == pytest.approx((above, above + equal), abs=1e-12)
        assert found.p_range[0] <= found.p_value <= found.p_range[1]


@pytest.mark.parametrize("x", [0, 3, 20, 31])
def test_kupiec_at_one_half_is_scipys_binomial_test(x):
    found = unconditional_coverage(days_of(np.arange(40) < x), 2.0, level=0.5)
    assert found.p_range[1] == pytest.approx(binomtest(x, 40, 0.5).pvalue, rel=1e-12)


def test_kupiec_by_hand():
    """Seven exceedances of 250 at 1 %: 2 (7 log 2.8 + 243 log(243/247.5)) = 5.497, p of χ²(1) 0.019."""
    found = unconditional_coverage(days_of(np.arange(250) % 36 == 0), 2.0, level=0.01)
    assert found.counts == {"exceedances": 7, "expected": 2.5}
    assert found.statistic == pytest.approx(2 * (7 * math.log(2.8) + 243 * math.log(243 / 247.5)), rel=1e-12)
    assert found.evidence["p_asymptotic"] == pytest.approx(0.0190, abs=5e-5)
    assert str(found).startswith("Unconditional coverage (Kupiec): statistic 5.497")


def test_no_exceedance_has_a_finite_statistic():
    y = np.full(250, 1.0)
    found = unconditional_coverage(y, 2.0, level=0.01)
    assert found.statistic == pytest.approx(-500 * math.log(0.99), rel=1e-12)
    assert independence(y, 2.0, level=0.01).statistic == 0.0
    assert independence(y, 2.0, level=0.01).p_range == pytest.approx((0.0, 1.0))  # nothing to learn: the lots decide
    assert conditional_coverage(y, 2.0, level=0.01).statistic == pytest.approx(-498 * math.log(0.99), rel=1e-12)


def test_nothing_but_exceedances_has_a_finite_statistic():
    for test in TESTS:
        assert math.isfinite(test(np.full(30, -3.0), 2.0, level=0.05).statistic)


def test_independence_is_the_likelihood_ratio_of_a_logistic_regression():
    hits = np.random.default_rng(3).random(400) < 0.2
    fitted = sm.Logit(hits[1:].astype(float), sm.add_constant(hits[:-1].astype(float))).fit(disp=0)
    found = independence(days_of(hits), 2.0, level=0.2)
    assert found.statistic == pytest.approx(fitted.llr, abs=1e-7)  # its last step leaves so much
    assert found.evidence["p_asymptotic"] == pytest.approx(fitted.llr_pvalue, abs=1e-7)


def test_conditional_coverage_adds_up():
    """Given the first day it is Kupiec's ratio of the other days, plus that of independence (Christoffersen, 1998)."""
    hits = np.random.default_rng(5).random(300) < 0.1
    y = days_of(hits)
    rest = unconditional_coverage(y[1:], 2.0, level=0.05).statistic
    both = conditional_coverage(y, 2.0, level=0.05).statistic
    assert both == pytest.approx(rest + independence(y, 2.0, level=0.05).statistic, rel=1e-12)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(("n", "level"), [(250, 0.01), (250, 0.05)])
def test_true_forecasts_are_rejected_as_often_as_promised(test, n, level):
    """1,000 samples and the seed left alone: lots come from the data."""
    y = np.random.default_rng(7).standard_normal((1_000, n))
    var = -norm.ppf(level)
    assert_rejects([test(row, var, level=level).p_value for row in y])


def test_the_asymptotic_p_value_would_reject_too_often():
    """What exact p-values are for: 9.5 % at 1 % and 250 days."""
    x = np.arange(251)
    ratios = np.array([ratio(unconditional_coverage, [1] * k + [0] * (250 - k), 0.01) for k in x[:30]])
    assert binom.pmf(x[:30], 250, 0.01)[ratios > 3.8415].sum() == pytest.approx(0.095, abs=0.001)


def test_what_is_wrong_is_found():
    draws = np.random.default_rng(1)
    calm = draws.standard_normal(1_000)
    assert unconditional_coverage(calm, 1.2, level=0.05).p_value < 1e-6
    storms = calm * np.repeat([0.5, 0.5, 0.5, 2.0], 250)
    assert independence(storms, 1.96, level=0.05).p_value < 0.01
    assert conditional_coverage(storms, 1.96, level=0.05).p_value < 0.05


def test_the_same_data_give_the_same_p_value_and_another_seed_other_lots():
    y = np.random.default_rng(0).standard_normal(250)
    first, again, other = (unconditional_coverage(y, 1.64, level=0.05, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.p_range == other.p_range
    assert first.p_value != other.p_value


def test_json_is_finite_and_plain():
    values = conditional_coverage(np.full(20, -1.0), 0.5, level=0.05).to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_value_at_risk_may_be_negative_and_one_number():
    assert exceedances([0.01, 0.03], -0.02).tolist() == [True, False]
    assert unconditional_coverage([0.01, 0.03, 0.03], -0.02, level=0.3).counts["exceedances"] == 1


@pytest.mark.parametrize("test", TESTS)
def test_bad_input_is_named(test):
    y = np.zeros(10)
    with pytest.raises(ShapeError, match=r"all series \(n,\).*y \(10,\), var \(9,\)"):
        test(y, np.ones(9), level=0.05)
    with pytest.raises(SupportError, match=r"var\[3\] = nan"):
        test(y, np.where(np.arange(10) == 3, np.nan, 1.0), level=0.05)
    with pytest.raises(InputError, match=r"at least 2 days.*found 1"):
        test(y[:1], 1.0, level=0.05)
    for level in (0.0, 1.0, 5.0, math.nan):
        with pytest.raises(SpecificationError, match="tail probability"):
            test(y, 1.0, level=level)
