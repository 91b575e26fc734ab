"""Paired t against scipy, Holm against statsmodels."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from likeliest.numerics.holm import holm, holm_levels
from likeliest.race.statistics import Paired


@pytest.mark.parametrize("seeds", [2, 5, 12])
def test_paired_t_is_scipys(seeds):
    a, b = np.random.default_rng(seeds).normal(size=(2, seeds))
    found, judge = Paired.of(a - b), stats.ttest_rel(a, b)
    assert found.p == pytest.approx(judge.pvalue, rel=1e-12)
    for alpha in (0.05, 0.01):
        expected = judge.confidence_interval(1 - alpha)
        assert found.interval(alpha) == pytest.approx((expected.low, expected.high), rel=1e-10)


@pytest.mark.parametrize(("difference", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_differences_without_spread_are_certain(difference, p):
    found = Paired.of(np.full(5, difference))
    assert (found.p, found.interval(0.05)) == (p, (found.mean, found.mean))


@pytest.mark.parametrize("m", [1, 3, 12])
def test_holm_is_statsmodels(m):
    rng = np.random.default_rng(m)
    for _ in range(5):
        p = rng.random(m) ** rng.integers(1, 6)
        reject, adjusted, *_ = multipletests(p, 0.05, method="holm")
        np.testing.assert_allclose(holm(p), adjusted, rtol=1e-12)
        np.testing.assert_array_equal(p <= holm_levels(p, 0.05), reject)


def test_intervals_hold_zero_exactly_where_holm_finds_nothing():
    rng = np.random.default_rng(0)
    partly = 0
    for _ in range(200):
        pairs = [Paired.of(rng.normal(shift, 1, size=5)) for shift in (0, 1, 2, 3)]
        p = np.array([pair.p for pair in pairs])
        holds_zero = [low <= 0 <= high for low, high in map(Paired.interval, pairs, holm_levels(p, 0.05))]
        found = holm(p) <= 0.05
        np.testing.assert_array_equal(holds_zero, ~found)
        partly += bool(found.any() and not found.all())
    assert partly > 20
