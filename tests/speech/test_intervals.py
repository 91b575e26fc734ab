"""Intervals hold the true rate as often as they say, in simulations; formulas against scipy and against matrices."""

import math

import numpy as np
import pytest
from scipy import stats

from likeliest.errors import ShapeError, SpecificationError, SupportError
from likeliest.speech import intervals
from likeliest.speech.intervals import rate_interval

RUNS = 2000
NOISE = 2.58 * math.sqrt(0.95 * 0.05 / RUNS)
"""Coverage of 95 % in so many runs is seen within this, 99 times of 100."""


def coverage(speakers, rate, alike, words, spread=0.0):
    """Return how often 95 % intervals hold the rate; errors are beta-binomial, ``alike`` their correlation."""
    draw = np.random.default_rng(7)
    shape = (RUNS, speakers)
    lengths = np.maximum(1, np.rint(words * np.exp(spread * draw.standard_normal(shape))))
    own = draw.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), shape)
    errors = draw.binomial(lengths.astype(int), own)
    found = [rate_interval(e, n, range(speakers)) for e, n in zip(errors, lengths, strict=True)]
    return np.mean([interval.low <= rate <= interval.high for interval in found])


@pytest.mark.parametrize("speakers", [6, 30])
def test_they_cover_as_they_say(speakers):
    assert abs(coverage(speakers, 0.08, 0.02, words=300) - 0.95) < NOISE


@pytest.mark.parametrize("speakers", [6, 30])
def test_they_cover_at_least_as_they_say_where_some_speakers_say_more(speakers):
    """The approximate degrees of freedom err to the safe side: 97 % with six, 96 % with thirty."""
    assert 0.95 - NOISE < coverage(speakers, 0.08, 0.02, words=300, spread=0.5) < 0.98


def test_they_cover_as_they_say_over_many_short_utterances():
    assert abs(coverage(100, 0.08, 0.05, words=5, spread=0.3) - 0.95) < NOISE


def test_with_equal_lengths_it_is_the_t_interval_of_the_mean_on_the_log_scale():
    errors = np.array([30, 42, 25, 61, 38, 44])
    rates = errors / 500
    half = stats.t.ppf(0.95, 5) * stats.sem(rates) / rates.mean()
    found = rate_interval(errors, np.full(6, 500), "abcdef", level=0.9)
    assert found.low == pytest.approx(rates.mean() * math.exp(-half), rel=1e-12)
    assert found.high == pytest.approx(rates.mean() * math.exp(half), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_variance_and_degrees_of_freedom_are_those_of_the_quadratic_form(seed):
    """S² = rᵀA r with A written out: tr A is Σw², so s² is unbiased, and its degrees of freedom are tr²A / tr A²."""
    draw = np.random.default_rng(seed)
    n, r = draw.integers(20, 400, 7), draw.uniform(0.05, 0.1, 7)
    w = n / n.sum()
    apart = np.eye(7) - np.outer(np.ones(7), w)
    form = apart.T @ np.diag(w**2 / np.diag(apart @ apart.T)) @ apart
    assert np.trace(form) == pytest.approx(w @ w)
    freedom = np.trace(form) ** 2 / np.trace(form @ form)
    assert intervals._degrees_of_freedom(w) == pytest.approx(freedom)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(r @ form @ r) / (w @ r)
    found = rate_interval(r * n, n, range(7))
    assert math.log(found.high / found.low) == pytest.approx(2 * half)
    assert math.sqrt(found.high * found.low) == pytest.approx(w @ r)


def test_utterances_of_a_speaker_stand_for_one():
    errors, lengths = np.array([3, 1, 4, 2, 5, 3]), np.array([20, 30, 40, 20, 50, 20])
    apart = rate_interval(errors, lengths, ["ann", "bob", "cleo", "ann", "bob", "cleo"])
    summed = rate_interval([5, 6, 7], [40, 80, 60], ["ann", "bob", "cleo"])
    assert apart == summed


def test_without_speakers_it_is_over_utterances_and_says_so():
    errors, lengths = [1, 0, 2, 1], [10, 12, 9, 11]
    unknown = rate_interval(errors, lengths)
    assert unknown.method == "t interval of the log rate over 4 utterances"
    one = rate_interval(errors, lengths, ["ann"] * 4)
    assert one.method == "t interval of the log rate over 4 utterances of one speaker"
    assert (one.low, one.high) == (unknown.low, unknown.high)


def test_without_errors_the_binomial_bound_is_scipys():
    found = rate_interval([0, 0], [120, 80], ["ann", "bob"])
    assert found.low == 0.0
    assert found.high == pytest.approx(stats.binomtest(0, 200).proportion_ci(0.95).high)
    assert "no errors in 200 units" in found.method


@pytest.mark.parametrize(("errors", "lengths"), [([], []), ([1], [5]), ([3, 1], [0, 0]), ([3, 1], [0, 9])])
def test_there_is_none_of_fewer_than_two_utterances_with_words(errors, lengths):
    assert rate_interval(errors, lengths) is None
    assert rate_interval(errors, lengths, list(range(len(errors)))) is None


def test_what_is_inserted_where_nothing_was_said_counts():
    lengths = [200, 200, 200, 0]
    quiet, loud = rate_interval([20, 22, 21, 0], lengths), rate_interval([20, 22, 21, 9], lengths)
    assert loud.high > quiet.high + 9 / 600


def test_an_interval_of_two_unlike_speakers_ends_at_one_or_at_the_largest_rate():
    assert rate_interval([1, 90], [100, 100], ["ann", "bob"]).high == 1.0
    found = rate_interval([1, 250], [100, 100], ["ann", "bob"])
    assert (0 < found.low < 1e-3, found.high) == (True, 2.5)


def test_faults_are_named():
    with pytest.raises(ShapeError, match=r"\(2,\), \(3,\) and no groups"):
        rate_interval([1, 2], [1, 2, 3])
    with pytest.raises(ShapeError, match="and 1 groups"):
        rate_interval([1, 2], [1, 2], ["a"])
    with pytest.raises(SupportError, match="none of them negative"):
        rate_interval([1, -2], [1, 2])
    with pytest.raises(SpecificationError, match="between 0 and 1, found 95"):
        rate_interval([1, 2], [1, 2], level=95)
