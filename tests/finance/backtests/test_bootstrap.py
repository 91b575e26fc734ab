"""Blocks of days against arch's bootstraps, the closed form of a resampled mean's variance, and coverage."""

import json
import math

import numpy as np
import pytest
from scipy.signal import lfilter
from tests.finance.backtests.sizes import assert_rejects

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError
from likeliest.finance.backtests import block_interval, block_length
from likeliest.finance.backtests.bootstrap import resamples


def autoregression(n, coefficient, seed=0):
    return lfilter([1.0], [1.0, -coefficient], np.random.default_rng(seed).standard_normal(n))


@pytest.mark.parametrize("n", [250, 1_000, 5_000])
@pytest.mark.parametrize("coefficient", [-0.5, 0.0, 0.3, 0.9, 0.99])
def test_block_lengths_are_those_of_arch(n, coefficient):
    bootstrap = pytest.importorskip("arch.bootstrap", reason="pip install arch==8.0.0")
    for seed in range(5):
        x = autoregression(n, coefficient, seed)
        expected = float(bootstrap.optimal_block_length(x)["stationary"].iloc[0])
        assert block_length(x) == pytest.approx(max(expected, 1.0), rel=1e-9)


def test_resamples_are_blocks_of_geometric_length():
    index = np.concatenate(list(resamples(50, 5.0, 4_000, seed=3)))
    assert index.shape == (4_000, 50)
    starts = (np.diff(index, axis=1) % 50 != 1).mean()
    assert starts == pytest.approx(0.2 * 49 / 50, abs=0.005)  # a new block may by chance follow the old one
    assert np.bincount(index.ravel(), minlength=50) == pytest.approx(4_000, abs=5 * math.sqrt(4_000 * 9))


def test_a_resampled_mean_has_the_variance_of_the_source():
    """γ₀ + 2 Σ ((1 − k/n)(1 − p)ᵏ + k/n (1 − p)ⁿ⁻ᵏ) γ_k, over n (Politis and Romano, 1994, lemma 1)."""
    n, p = 80, 0.25
    x = autoregression(n, 0.5, 1)
    e = x - x.mean()
    k = np.arange(1, n)
    gamma = np.array([e[j:] @ e[: n - j] for j in range(n)]) / n
    weight = (1 - k / n) * (1 - p) ** k + k / n * (1 - p) ** (n - k)
    expected = (gamma[0] + 2 * weight @ gamma[1:]) / n
    means = np.concatenate([x[index].mean(1) for index in resamples(n, 1 / p, 40_000, seed=2)])
    assert means.var() == pytest.approx(expected, rel=0.03)
    assert means.mean() == pytest.approx(x.mean(), abs=5 * math.sqrt(expected / 40_000))


def test_basic_intervals_are_those_of_arch():
    bootstrap = pytest.importorskip("arch.bootstrap", reason="pip install arch==8.0.0")
    x = autoregression(400, 0.4, 5) ** 2
    found = block_interval(x, statistic=lambda v: np.median(v, axis=-1), block=8.0, level=0.9)
    judge = bootstrap.StationaryBootstrap(8, x, seed=np.random.default_rng(1))
    low, high = judge.conf_int(np.median, reps=4_000, size=0.9, method="basic").ravel()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert found.method.startswith("basic")


def test_percentile_t_intervals_of_independent_days_are_those_of_arch():
    bootstrap = pytest.importorskip("arch.bootstrap", reason="pip install arch==8.0.0")
    x = np.random.default_rng(6).lognormal(0, 1, 100)
    found = block_interval(x, block=1.0, level=0.9)
    judge = bootstrap.IIDBootstrap(x, seed=np.random.default_rng(1))
    theirs = judge.conf_int(
        np.mean, reps=4_000, size=0.9, method="studentized", std_err_func=lambda mean, v: np.std(v) / math.sqrt(len(v))
    )
    low, high = theirs.ravel()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert found.high - found.estimate > found.estimate - found.low  # skewed like the days


def test_intervals_hold_the_true_mean_of_skewed_days_that_remember():
    """400 samples of 500 days: Student's t without blocks would miss it in more than 20 %."""
    missed = []
    for seed in range(400):
        x = autoregression(500, 0.5, seed)
        found = block_interval(np.exp(0.5 * x), draws=399, seed=seed)
        missed.append(not found.low <= math.exp(0.125 / 0.75) <= found.high)
    assert np.mean(missed) < 0.10


def test_intervals_of_independent_days_miss_in_5_percent():
    draws = np.random.default_rng(9).standard_normal((400, 200))
    found = [block_interval(x, block=1.0, draws=399, seed=i) for i, x in enumerate(draws)]
    assert_rejects([0.0 if not f.low <= 0 <= f.high else 1.0 for f in found])


def test_the_same_seed_gives_the_same_interval():
    x = autoregression(100, 0.3)
    assert block_interval(x, draws=199) == block_interval(x, draws=199)
    assert block_interval(x, draws=199) != block_interval(x, draws=199, seed=1)
    values = block_interval(x, draws=199).to_json()
    assert json.loads(json.dumps(values)) == values


def test_a_series_of_one_number_is_known_exactly():
    assert block_length(np.full(30, 0.1)) == 1.0
    found = block_interval(np.full(30, 0.1), draws=99)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1), rel=1e-12)


def test_bad_input_is_named():
    x = autoregression(30, 0.0)
    with pytest.raises(InputError, match=r"at least 20 days.*found 19"):
        block_interval(x[:19])
    with pytest.raises(SupportError, match=r"values\[0\] = nan"):
        block_length(x * np.nan)
    with pytest.raises(ShapeError, match=r"along the last axis, \(99, 30\) to \(99,\); found \(\)"):
        block_interval(x, statistic=np.median, draws=99)
    for wrong in ({"level": 1.0}, {"block": 0.5}, {"level": 0.99, "draws": 99}):
        with pytest.raises(SpecificationError):
            block_interval(x, **wrong)
