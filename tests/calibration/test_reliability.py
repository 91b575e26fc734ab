"""Calibration against examples by hand, scikit-learn, statsmodels, scipy and the simulation's own definition."""

import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from likeliest.calibration import (
    central_coverage,
    class_calibration,
    ece_interval,
    normal_calibration,
    pit,
    pit_histogram,
    quantile_calibration,
    rmse_interval,
    top_label_calibration,
    wilson_interval,
)
from likeliest.errors import ShapeError
from likeliest.report.schema import Calibration as Schema


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (1, 3), (52, 114), (9_990, 10_000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_statsmodels(k, n, level):
    expected = proportion_confint(k, n, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(wilson_interval(k, n, level), expected, rtol=1e-12, atol=1e-15)


def test_wilson_of_no_trials_knows_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_ece_by_hand():
    # Ten rows, two bins of five: confidences 0.6 (3 of 5 right) and 0.9 (4 of 5 right).
    p = np.array([[0.6, 0.4]] * 5 + [[0.1, 0.9]] * 5)
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    found = top_label_calibration(p, y)
    assert [b.count for b in found.bins] == [5, 5]
    assert [b.confidence for b in found.bins] == pytest.approx([0.6, 0.9], abs=1e-15)
    assert [b.observed for b in found.bins] == [0.6, 0.8]
    assert found.ece == pytest.approx(0.5 * 0.0 + 0.5 * 0.1, abs=1e-15)
    assert (found.bins[1].low, found.bins[1].high) == wilson_interval(4, 5)


def test_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(4), 600)
    y = rng.integers(4, size=600)
    found = top_label_calibration(p, y)
    observed, confidence = calibration_curve(p.argmax(1) == y, p.max(1), n_bins=15, strategy="quantile")
    assert [b.count for b in found.bins] == [40] * 15
    np.testing.assert_allclose([b.confidence for b in found.bins], confidence, rtol=1e-13)
    np.testing.assert_allclose([b.observed for b in found.bins], observed, rtol=1e-13)
    assert found.ece == pytest.approx(np.abs(observed - confidence).mean(), rel=1e-12)


def test_equal_confidences_share_a_bin_and_few_rows_make_few():
    constant = top_label_calibration(np.full((200, 2), (0.7, 0.3)), np.arange(200) % 2)
    assert [b.count for b in constant.bins] == [200]
    assert constant.ece == pytest.approx(0.2)
    assert [b.count for b in top_label_calibration([0.9, 0.8, 0.7], [1, 1, 0]).bins] == [3]


def test_two_classes_may_be_given_by_the_second():
    p, y = np.random.default_rng(0).random(90), np.arange(90) % 2
    assert top_label_calibration(p, y) == top_label_calibration(np.stack((1 - p, p), 1), y)


def test_the_reference_is_the_ece_of_labels_drawn_from_the_model():
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(3, 2.0), 300)
    found = top_label_calibration(p, p.argmax(1))
    drawn = [top_label_calibration(p, (rng.random((300, 1)) > p.cumsum(1)[:, :-1]).sum(1)).ece for _ in range(300)]
    error = np.std(drawn) / math.sqrt(300)
    assert abs(found.ece_expected - np.mean(drawn)) < 5 * error
    inside = np.mean((np.array(drawn) >= found.ece_interval[0]) & (np.array(drawn) <= found.ece_interval[1]))
    assert abs(inside - 0.95) < 0.06


def test_classes_one_by_one_are_scikit_learns_curves():
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(3), 450)
    y = rng.integers(3, size=450)
    found = class_calibration(p, y)
    assert len(found) == 3
    for k, own in enumerate(found):
        observed, confidence = calibration_curve(y == k, p[:, k], n_bins=15, strategy="quantile")
        np.testing.assert_allclose([b.observed for b in own.bins], observed, rtol=1e-13)
        np.testing.assert_allclose([b.confidence for b in own.bins], confidence, rtol=1e-13)
        assert own.ece == pytest.approx(np.abs(observed - confidence).mean(), rel=1e-12)


def test_a_class_given_too_much_is_seen_where_top_labels_are_true():
    """Two of three classes swap probability in rows that a third one leads."""
    rng = np.random.default_rng(0)
    p = np.tile((0.6, 0.3, 0.1), (3_000, 1))
    y = rng.choice(3, p=(0.6, 0.1, 0.3), size=3_000)
    assert top_label_calibration(p, y).statement.startswith("As calibrated")
    first, second, third = class_calibration(p, y)
    assert first.statement.startswith("As calibrated")
    assert "given too much: on average 0.300, and it is 0.093" in second.statement
    assert "given too little: on average 0.100, and it is 0.3" in third.statement


def test_the_interval_of_an_ece_is_scipys_basic_bootstrap():
    rng = np.random.default_rng(6)
    p = rng.uniform(0.5, 1.0, 400)
    y = (rng.random(400) < p**2).astype(int)
    ends = [b.count for b in top_label_calibration(p, y).bins]
    place = np.empty(400, int)
    place[np.argsort(p)] = np.repeat(np.arange(15), ends)

    def ece(rows):
        gap = (y - p)[rows]
        return np.abs(np.bincount(place[rows], gap, 15)).sum() / 400

    low, high = ece_interval(p, y)
    judge = stats.bootstrap((np.arange(400),), ece, method="basic", vectorized=False, n_resamples=2_000, rng=rng)
    width = judge.confidence_interval.high - judge.confidence_interval.low
    assert abs(low - judge.confidence_interval.low) < 0.1 * width
    assert abs(high - judge.confidence_interval.high) < 0.1 * width
    assert ece_interval(p, y) == (low, high)


def test_the_interval_of_an_ece_covers_the_true_one():
    """Everybody is 80 % sure or more, and right in 10 % fewer rows: the true error is 0.1."""
    rng = np.random.default_rng(8)
    covered = []
    for seed in range(60):
        p = rng.uniform(0.8, 1.0, 1_000)
        low, high = ece_interval(p, rng.random(1_000) < p - 0.1, seed=seed)
        covered.append(low <= 0.1 <= high)
    assert np.mean(covered) > 0.85


def test_statements_say_what_is_off():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.5, 1.0, 3_000)
    true = (rng.random(3_000) < p).astype(int)
    assert top_label_calibration(p, true).statement.startswith("As calibrated as 3000 rows can show")
    coin = (rng.random(3_000) < 0.55).astype(int)
    assert "too sure" in top_label_calibration(p, coin).statement
    assert "too unsure" in top_label_calibration(p, np.ones(3_000, int)).statement


def test_same_seed_same_numbers():
    p, y = np.random.default_rng(0).random(100), np.arange(100) % 2
    assert top_label_calibration(p, y, seed=4) == top_label_calibration(p, y, seed=4)
    assert top_label_calibration(p, y, seed=4).ece_expected != top_label_calibration(p, y, seed=5).ece_expected


@pytest.mark.parametrize("found", [
    top_label_calibration(np.linspace(0.1, 0.9, 50), np.arange(50) % 2),
    normal_calibration(np.linspace(-2, 2, 50), 0.0, 1.0),
])  # fmt: skip
def test_json_is_the_schema_and_finite(found):
    values = found.to_json()
    assert set(values) == set(Schema.__annotations__)
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert set(values["bins"][0]) == {"count", "confidence", "observed", "low", "high"}


@pytest.mark.parametrize(("p", "y"), [(np.ones((3, 2)) / 2, [0, 1]), ([], []), (np.ones((2, 2, 2)), [0, 1])])
def test_shapes_that_do_not_fit_are_named(p, y):
    with pytest.raises(ShapeError, match="calibration needs"):
        top_label_calibration(p, y)


def test_pit_is_scipys_normal_and_has_its_limits():
    y, mean, scale = np.linspace(-3, 3, 7), 0.5, np.linspace(0.5, 2, 7)
    np.testing.assert_allclose(pit(y, mean, scale), stats.norm(mean, scale).cdf(y), rtol=1e-14)
    assert pit([-1.0, 0.0, 1.0], 0.0, 0.0).tolist() == [0.0, 0.5, 1.0]


def test_normal_calibration_by_hand():
    # Four rows at the quartiles' midpoints: below the levels 1/4, 1/2, 3/4 lie 1, 2 and 3 of them.
    y = stats.norm(2.0, 3.0).ppf([0.125, 0.375, 0.625, 0.875])
    found = normal_calibration(y, 2.0, 3.0, bins=3)
    assert [(b.confidence, b.observed) for b in found.bins] == [(0.25, 0.25), (0.5, 0.5), (0.75, 0.75)]
    assert found.ece == 0.0
    assert normal_calibration(y, 2.0, 30.0, bins=3).ece == pytest.approx((0.25 + 0 + 0.25) / 3)


def test_normal_reference_is_what_uniform_rows_show():
    rng = np.random.default_rng(2)
    found = normal_calibration(rng.standard_normal(80), 0.0, 1.0)
    drawn = [normal_calibration(rng.standard_normal(80), 0.0, 1.0).ece for _ in range(300)]
    assert abs(found.ece_expected - np.mean(drawn)) < 5 * np.std(drawn) / math.sqrt(300)
    assert "As calibrated" in found.statement
    assert "90 % intervals hold" in normal_calibration(rng.standard_normal(800), 0.0, 2.0).statement


def test_coverage_and_histogram_count_rows():
    y = stats.norm.ppf((np.arange(100) + 0.5) / 100)
    assert central_coverage(y, 0.0, 1.0, 0.9) == 0.9
    counts, edges = pit_histogram(y, 0.0, 1.0)
    assert counts.tolist() == [10] * 10
    assert edges.tolist() == pytest.approx(np.linspace(0, 1, 11).tolist())


def test_rmse_interval_is_scipys_percentile_bootstrap():
    rng = np.random.default_rng(7)
    y, predicted = rng.standard_normal(150), rng.standard_normal(150) / 2
    low, high = rmse_interval(y, predicted)
    error = (y - predicted,)
    judge = stats.bootstrap(error, lambda e, axis: np.sqrt(np.mean(e**2, axis)), method="percentile", rng=rng)
    width = judge.confidence_interval.high - judge.confidence_interval.low
    assert abs(low - judge.confidence_interval.low) < 0.1 * width
    assert abs(high - judge.confidence_interval.high) < 0.1 * width
    assert rmse_interval(y, predicted) == (low, high)
    assert rmse_interval(y, y) == (0.0, 0.0)


def test_counts_are_calibrated_through_a_randomised_transform():
    rng = np.random.default_rng(4)
    mean = rng.uniform(0.5, 6.0, 900)
    y = rng.poisson(mean)
    low, high = stats.poisson(mean).cdf(y - 1), stats.poisson(mean).cdf(y)
    u = low + rng.random(900) * (high - low)
    assert "As calibrated as 900 rows" in quantile_calibration(u).statement
    assert "Not calibrated" in quantile_calibration(high).statement


def test_a_normal_predictive_is_its_transform():
    y = np.random.default_rng(0).standard_normal(60)
    assert normal_calibration(y, 0.2, 1.3, seed=3) == quantile_calibration(pit(y, 0.2, 1.3), seed=3)
