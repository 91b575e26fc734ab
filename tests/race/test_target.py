"""Targets, misses and the choice of a learning rate, on curves made by hand."""

import math

import numpy as np
import pytest

from likeliest.race.target import Target, best_values, choose, works
from likeliest.race.trials import Curve, Trials


def curve(*values):
    return Curve(np.arange(len(values), dtype=float), np.array(values))


def trials(*curves):
    zeros = np.zeros(len(curves))
    return Trials(curves, zeros, None, None)


def test_work_is_the_first_measured_one_and_no_interpolation():
    run = curve(4.0, 3.0, 1.0, 0.5, 2.0)
    assert [run.work_to(target) for target in (3.5, 3.0, 2.9, 0.5, 0.4)] == [1.0, 1.0, 2.0, 3.0, math.inf]


def test_the_start_is_no_work_and_nan_reaches_nothing():
    run = curve(1.0, math.nan, 2.0, 0.9)
    assert run.work_to(1.0) == 3.0
    assert run.best == 0.9
    assert curve(math.nan, math.inf).best == math.inf


def test_values_are_carried_forward():
    found = curve(4.0, 3.0, 1.0).at(np.array([0.0, 0.5, 1.0, 1.9, 7.0]))
    np.testing.assert_array_equal(found, [4.0, 4.0, 3.0, 3.0, 1.0])


def test_target_is_95_percent_of_the_way_of_the_best_median():
    slow = [trials(curve(10.0, 8.0), curve(10.0, 4.0)), trials(curve(20.0, 8.0), curve(20.0, 6.0))]
    fast = [trials(curve(10.0, 2.0)), trials(curve(20.0, 5.0))]
    found = Target.of([slow, fast])
    np.testing.assert_allclose(found.by_seed, [10 - 0.95 * 8, 20 - 0.95 * 15])
    assert found.median == pytest.approx(15 - 0.95 * (15 - 3.5))


def test_the_best_setting_has_the_best_median_and_not_the_best_single_seed():
    lucky = [trials(curve(1.0, 0.0)), trials(curve(1.0, 0.9)), trials(curve(1.0, 0.9))]
    steady = [trials(curve(1.0, 0.5))] * 3
    np.testing.assert_array_equal(Target.of([lucky, steady]).best, [0.5, 0.5, 0.5])


def test_no_target_where_nothing_gets_better():
    assert Target.of([[trials(curve(1.0, 2.0))]]) is None
    assert Target.of([]) is None


def test_a_seed_on_which_the_best_got_nowhere_is_missed_by_all():
    stuck = [trials(curve(1.0, 0.5)), trials(curve(1.0, 0.5)), trials(curve(1.0, 1.5))]
    found = works(stuck, Target.of([stuck]))
    np.testing.assert_array_equal(found[:, 0], [1.0, 1.0, math.inf])


def test_one_learning_rate_for_all_seeds_by_median_work():
    # Rate 0 wins the first seed, rate 1 the other two: rate 1 for all three. Rate 2 gets lowest, but late.
    quick, slow, late = curve(1.0, 0.0, 0.0, 0.0), curve(1.0, 1.0, 0.0, 0.0), curve(1.0, 1.0, 1.0, -0.01)
    raced = [trials(quick, slow, late), trials(slow, quick, late), trials(slow, quick, late)]
    target = Target(np.full(3, 1.0), np.full(3, 0.0))
    np.testing.assert_array_equal(works(raced, target), [[1, 2, 3], [2, 1, 3], [2, 1, 3]])
    assert choose(raced, target) == 1
    assert choose(raced, None) == 2


def test_equal_works_fall_to_the_lower_nll_and_misses_count_as_infinite():
    target = Target(np.full(2, 1.0), np.full(2, 0.0))
    missed = [trials(curve(1.0, 0.9), curve(1.0, 0.5), curve(1.0, 0.5))] * 2
    assert choose(missed, target) == 1
    np.testing.assert_array_equal(best_values(missed), [[0.9, 0.5, 0.5]] * 2)
