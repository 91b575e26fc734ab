"""Comparisons with the best rule: ratios, censoring, statements."""

import math

import numpy as np
import pytest
from scipy import stats

from likeliest.race.comparing import compare, reference_of

BASE = np.array([1.0, 1.2, 0.9, 1.1, 1.0])


def only(works, budget=100.0):
    (found,) = compare({"best": BASE, "other": np.asarray(works)}, "best", budget)
    return found


def test_ratio_interval_and_p_are_those_of_the_paired_t_test():
    other = BASE * np.array([2.0, 3.0, 2.5, 2.2, 2.9])
    judge = stats.ttest_rel(np.log(other), np.log(BASE))
    expected = judge.confidence_interval(0.95)
    found = only(other)
    assert found.p_holm == pytest.approx(judge.pvalue)
    assert (found.low, found.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert found.ratio == pytest.approx(stats.gmean(other / BASE))
    assert found.statement == "2.49 times the work of best"
    assert found.slower


def test_an_interval_around_one_shows_no_difference():
    found = only(BASE * np.array([2.0, 0.5, 1.5, 0.8, 1.1]))
    assert found.low < 1 < found.high
    assert (found.statement, found.slower) == ("no difference shown", False)


def test_equal_works_show_no_difference():
    found = only(BASE)
    assert (found.ratio, found.p_holm, found.statement) == (1.0, 1.0, "no difference shown")


def test_a_miss_enters_at_the_budget_and_opens_the_upper_end():
    other = np.array([20.0, 30.0, math.inf, 25.0, math.inf])
    found = only(other)
    at_budget = only(np.minimum(other, 100.0))
    assert (found.ratio, found.low, found.p_holm) == (at_budget.ratio, at_budget.low, at_budget.p_holm)
    assert (found.high, found.pairs) == (None, 3)
    assert found.statement.startswith("at least ")


def test_a_larger_budget_pushes_a_missing_rule_further_away():
    other = np.array([20.0, 30.0, math.inf, 25.0, 22.0])
    assert only(other, 200.0).ratio > only(other, 50.0).ratio


def test_a_miss_of_the_reference_opens_the_lower_end_and_shows_nothing():
    base = np.array([1.0, 1.0, 1.0, 1.0, math.inf])
    (found,) = compare({"best": base, "other": np.array([5.0, 5.5, 6.0, 5.0, 5.5])}, "best", 6.0)
    assert found.low is None
    assert not found.slower


def test_holm_judges_several_rules_more_strictly_than_one():
    other = BASE * np.array([1.3, 1.5, 1.2, 1.0, 1.6])
    alone = only(other)
    noise = {f"noise {k}": BASE * np.exp(np.random.default_rng(k).normal(size=5)) for k in range(8)}
    among = {c.rule: c for c in compare({"best": BASE, "other": other} | noise, "best", 100.0)}["other"]
    assert alone.slower
    assert not among.slower
    assert among.low < alone.low
    assert among.p_holm > alone.p_holm


def test_one_seed_compares_nothing():
    (found,) = compare({"best": BASE[:1], "other": BASE[:1] * 2}, "best", 10.0)
    assert (found.ratio, found.p_holm) == (None, None)
    assert found.statement.startswith("not compared")


def test_reference_has_least_median_work_then_lowest_nll():
    works = {"a": np.array([2.0, 2.0, 9.0]), "b": np.array([1.0, 3.0, 3.0]), "c": np.array([2.0, 2.0, 2.0])}
    assert reference_of(works, {"a": 0.5, "b": 0.1, "c": 0.4}) == "c"
    assert reference_of({"a": np.array([1.0, math.inf, math.inf])}, {"a": 0.0}) is None
    assert reference_of({}, {}) is None
