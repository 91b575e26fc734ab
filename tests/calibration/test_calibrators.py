"""Calibrators against scipy's optimisers, scikit-learn's isotonic regression and brute force; what holds for all."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression

from likeliest.calibration import (
    CALIBRATORS,
    Beta,
    BetaCurve,
    Isotonic,
    RisingCurve,
    Steps,
    Temperature,
    VennAbers,
    correct_priors,
    from_json,
)
from likeliest.calibration.base import TINY, held_out
from likeliest.calibration.isotonic import grouped
from likeliest.calibration.one_against_rest import others
from likeliest.calibration.venn_abers import fits_with_one_more
from likeliest.errors import ShapeError, SpecificationError, SupportError

FITTED = [c for kind, c in CALIBRATORS.items() if kind != "none"]


def drawn(n, k, seed=0, sharpness=2.5):
    """Probabilities of a classifier that is too sure, with labels."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=(n, k))
    true = softmax(eta, -1)
    y = (rng.random((n, 1)) > true.cumsum(1)[:, :-1]).sum(1)
    return softmax(sharpness * eta + 0.3 * np.arange(k), -1), y, rng.integers(1, 4, n).astype(float)


def two(n, seed=0):
    """Logarithms of p and 1 − p, hits and weights, as a curve is fitted to them."""
    p, y, w = drawn(n, 2, seed)
    return np.log(p[:, 1]), np.log(p[:, 0]), (y == 1).astype(float), w


# Against what others wrote.


@pytest.mark.parametrize("k", [2, 5])
def test_temperature_is_the_maximum_of_the_likelihood(k):
    p, y, w = drawn(200, k)

    def nll(log_t):
        return -(w * log_softmax(np.log(p) / np.exp(log_t), -1)[np.arange(200), y]).sum()

    found = Temperature.fit(p, y, w, prior=0.0)
    assert found.temperature == pytest.approx(math.exp(minimize(nll, [0.0], tol=1e-12).x[0]), rel=1e-5)
    rows = np.repeat(np.arange(200), w.astype(int))
    assert found.temperature == pytest.approx(Temperature.fit(p[rows], y[rows], prior=0.0).temperature, rel=1e-10)


def test_the_prior_of_a_temperature_is_one_row_of_even_labels():
    p, y, w = drawn(60, 3)
    mass = w.sum()
    twice = np.concatenate([p] + [p] * 3)
    labels = np.concatenate([y] + [np.full(60, k) for k in range(3)])
    weights = np.concatenate([w] + [w / mass / 3] * 3)
    expected = Temperature.fit(twice, labels, weights, prior=0.0)
    assert Temperature.fit(p, y, w).temperature == pytest.approx(expected.temperature, rel=1e-9)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_beta_is_the_constrained_maximum_of_the_likelihood(seed, flipped):
    log_p, log_rest, hit, w = two(80, seed)
    rng = np.random.default_rng(seed)
    hit = rng.permutation(hit) if seed > 2 else hit  # then a or b or both are at their bound
    hit = 1 - hit if flipped else hit

    def nll(abc):
        eta = abc[0] * log_p - abc[1] * log_rest + abc[2]
        score = hit - expit(eta)
        value = w @ (np.logaddexp(0, eta) - hit * eta)
        return value, -np.array([(w * score) @ log_p, -(w * score) @ log_rest, w @ score])

    bounds = [(0, None), (0, None), (None, None)]
    judge = minimize(
        nll, [1.0, 1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9}
    )
    found = Beta.fit_curve(log_p, log_rest, hit, w, prior=0.0)
    at = np.array([found.a, found.b, found.c])
    assert nll(at)[0] <= judge.fun + 1e-7
    np.testing.assert_allclose(at, judge.x, atol=2e-3)


def test_beta_finds_each_face():
    faces = set()
    for seed in range(12):
        log_p, log_rest, hit, w = two(25, seed)
        found = Beta.fit_curve(log_p, log_rest, np.random.default_rng(seed).permutation(hit), w)
        faces.add((found.a > 0, found.b > 0))
    assert faces == {(True, True), (True, False), (False, True), (False, False)}


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_isotonic_is_scikit_learns_with_half_a_hit_at_either_end(prior):
    p, y, w = drawn(300, 2, seed=3)
    p = np.round(p, 2)  # ties
    p = np.clip(p / p.sum(1, keepdims=True), 0.005, 0.995)
    log_p, log_rest = np.log(p[:, 1]), np.log(p[:, 0])
    score = log_p - log_rest
    ends = [score.min() - 1, score.max() + 1]
    x, target = np.concatenate((score, ends)), np.concatenate((y, [0.5, 0.5]))
    judge = IsotonicRegression().fit(x, target, sample_weight=np.concatenate((w, [prior or 1e-12] * 2)))
    found = Isotonic.fit_curve(log_p, log_rest, (y == 1).astype(float), w, prior=prior or 1e-12)
    np.testing.assert_allclose(expit(found.log_odds(log_p, log_rest)), judge.predict(score), rtol=1e-9, atol=1e-11)
    beyond = expit(found.log_odds(np.array([-99.0, 0.0]), np.array([0.0, -99.0])))
    np.testing.assert_allclose(beyond, judge.predict(score)[[score.argmin(), score.argmax()]], rtol=1e-9, atol=1e-11)


def test_an_isotonic_curve_is_straight_between_its_knots():
    curve = RisingCurve((-1.0, 1.0, 3.0), (0.2, 0.4, 0.9))
    at = np.array([-5.0, 0.0, 2.0, 9.0])
    np.testing.assert_allclose(expit(curve.log_odds(at, np.zeros(4))), [0.2, 0.3, 0.65, 0.9], rtol=1e-12)


def refitted(score, hit, w, new, label):
    """The isotonic fit at a new row, by fitting them all."""
    x, y, weights = np.append(score, new), np.append(hit, label), np.append(w, 1.0)
    return IsotonicRegression().fit(x, y, sample_weight=weights).predict([new])[0]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.booleans())
def test_venn_abers_is_a_refit_for_each_row(seed, n, ties):
    rng = np.random.default_rng(seed)
    score = rng.integers(-3, 4, n).astype(float) if ties else rng.normal(size=n)
    hit, w = (rng.random(n) < rng.random()).astype(float), rng.integers(1, 4, n).astype(float)
    found = VennAbers.fit_curve(score, np.zeros(n), hit, w)
    for new in (*score[:5], *rng.normal(size=5), -9.0, 9.0):
        p0, p1 = (refitted(score, hit, w, new, label) for label in (0.0, 1.0))
        log_odds = found.log_odds(np.array([new]), np.zeros(1))[0]
        assert expit(log_odds) == pytest.approx(p1 / (1 - p0 + p1), abs=1e-12)


def test_venn_abers_fits_are_fast_and_rise():
    rng = np.random.default_rng(0)
    at, mass, hits = grouped(rng.normal(size=3_000), (rng.random(3_000) < 0.5).astype(float), np.ones(3_000))
    assert len(at) == 3_000
    p0, p1 = fits_with_one_more(mass, hits)
    assert (np.diff(p0) >= 0).all()
    assert (np.diff(p1) >= 0).all()
    assert (p0 < p1).all()


def test_priors_are_corrected_by_the_weights_of_a_weighted_fit():
    """A weighted logistic regression, corrected, is the unweighted truth."""
    from likeliest.families import Bernoulli
    from likeliest.glm import fit_linear

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 1))
    truth = expit(-3 + 1.5 * x[:, 0])
    y = (rng.random(40_000) < truth).astype(float)
    weight = np.array([0.5, 12.0])
    fitted = fit_linear(Bernoulli(), x, y, weight=weight[y.astype(int)])
    given = expit(x[:, 0] * float(fitted.weight) + float(fitted.bias))
    corrected = correct_priors(given, weight)[:, 1]
    assert abs(given - truth).mean() > 0.2
    assert abs(corrected - truth).mean() < 0.006
    np.testing.assert_allclose(corrected, expit(logit(given) - math.log(24)), rtol=1e-9)


def test_a_prior_correction_is_undone_by_the_inverse_weights():
    p = drawn(20, 4)[0]
    weight = np.array([1.0, 2.0, 0.1, 30.0])
    by_hand = p / weight
    np.testing.assert_allclose(correct_priors(p, weight), by_hand / by_hand.sum(1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(correct_priors(correct_priors(p, weight), 1 / weight), p, rtol=1e-12)
    with pytest.raises(ShapeError, match="one weight for each of 4"):
        correct_priors(p, weight[:2])
    with pytest.raises(SupportError, match="positive"):
        correct_priors(p, weight - 1)


# What holds for all.


@st.composite
def problems(draw):
    k, n = draw(st.integers(2, 4)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    eta = rng.normal(size=(n, k)) * draw(st.sampled_from([0.0, 1.0, 30.0, 2_000.0]))
    p = softmax(np.round(eta, draw(st.integers(0, 6))), -1)
    y = p.argmax(1) if draw(st.booleans()) else rng.integers(k, size=n)  # all right, or at random
    return p, y, rng.integers(0, 3, n).astype(float) + (np.arange(n) == 0)


@pytest.mark.parametrize("calibrator", CALIBRATORS.values(), ids=CALIBRATORS)
@settings(max_examples=20)
@given(problem=problems())
def test_probabilities_come_out_finite_in_any_order_and_from_any_file(calibrator, problem):
    p, y, w = problem
    found = calibrator.fit(p, y, w)
    k = p.shape[1]
    asked = np.concatenate((p, np.eye(k), np.full((1, k), 1 / k)))
    q = found.apply(asked)
    np.testing.assert_allclose(q.sum(1), 1, rtol=1e-12)
    if calibrator.kind != "none":
        assert (q >= TINY).all()
    order = np.random.default_rng(1).permutation(len(y))
    assert calibrator.fit(p[order], y[order], w[order]) == found
    read = from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert read == found
    assert read.apply(asked).tobytes() == q.tobytes()


@pytest.mark.parametrize("calibrator", FITTED)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_of_two_classes_the_curve_rises(calibrator, seed):
    p, y, w = drawn(40, 2, seed)
    q = calibrator.fit(p, y, w).apply(np.linspace(0, 1, 101))[:, 1]
    assert (np.diff(q) >= -1e-14).all()


@pytest.mark.parametrize("calibrator", FITTED)
@pytest.mark.parametrize("k", [2, 4])
def test_classes_have_no_order(calibrator, k):
    p, y, w = drawn(150, k)
    order = np.random.default_rng(2).permutation(k)[::-1] if k > 2 else np.array([1, 0])
    moved = calibrator.fit(p[:, order], np.argsort(order)[y], w).apply(p[:, order])
    np.testing.assert_allclose(moved, calibrator.fit(p, y, w).apply(p)[:, order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("calibrator", FITTED)
def test_one_row_that_is_always_right_costs_little_when_it_is_wrong(calibrator):
    p = np.full((99, 2), (1 - 1e-9, 1e-9))
    q = calibrator.fit(p, np.zeros(99, int)).apply(p[:1])[0, 1]
    assert 0.001 < q < 0.02


@pytest.mark.parametrize("calibrator", FITTED)
@pytest.mark.parametrize("k", [2, 3])
def test_sure_probabilities_become_true(calibrator, k):
    p, y, _ = drawn(4_000, k)
    new_p, new_y, _ = drawn(4_000, k, seed=1)
    rows = np.arange(4_000), new_y
    gain = np.log(calibrator.fit(p, y).apply(new_p)[rows]) - np.log(new_p[rows])
    assert gain.mean() > 0.1


def test_a_sure_class_keeps_the_digits_of_the_others():
    p = np.array([[1e-20, 1.0], [1.0, 1e-20]])
    np.testing.assert_allclose(others(p), p[:, ::-1], rtol=1e-12)
    three = np.array([[1.0, 1e-20, 2e-20], [3e-20, 1.0, 1e-20]])
    np.testing.assert_allclose(others(three), [[3e-20, 1.0, 1.0], [1.0, 4e-20, 1.0]], rtol=1e-12)
    q = Beta((BetaCurve(1.0, 1.0, 0.0),)).apply(p)
    np.testing.assert_allclose(q, p, rtol=1e-12)


# Bad input.


@pytest.mark.parametrize(("p", "y", "w", "error", "message"), [
    ([[0.5, 0.5]], [0, 1], None, ShapeError, "p .n, K., y .n,."),
    ([[[0.5, 0.5]]], [0], None, ShapeError, "K ≥ 2"),
    ([[1.0]], [0], None, ShapeError, "K ≥ 2"),
    ([[0.5, 0.5]], [0], [0.0], ShapeError, "one is positive"),
    ([[0.5, 0.5]] * 2, [0, 1], [-1.0, 1.0], SupportError, "weights ≥ 0"),
    ([[0.5, 0.5], [3.0, -1.0]], [0, 1], None, SupportError, "row 1 is .3.0, -1.0.*not eta"),
    ([[0.5, np.nan]], [0], None, SupportError, "row 0"),
    ([[0.5, 0.5]], [2], None, SupportError, "among 0 … 1, found 2 to 2"),
    ([[0.5, 0.5]], [0.5], None, SupportError, "indices of p's columns"),
])  # fmt: skip
def test_what_cannot_be_calibrated_is_named(p, y, w, error, message):
    with pytest.raises(error, match=message):
        held_out(p, y, w)


@pytest.mark.parametrize("make", [
    lambda: Temperature(0.0), lambda: Temperature(math.nan), lambda: BetaCurve(-1.0, 0.0, 0.0),
    lambda: BetaCurve(1.0, 0.0, math.inf), lambda: RisingCurve((), ()), lambda: RisingCurve((0.0, 0.0), (0.1, 0.2)),
    lambda: RisingCurve((0.0, 1.0), (0.2, 0.1)), lambda: RisingCurve((0.0,), (1.0,)), lambda: Steps((0.0,), (0.5,)),
    lambda: Steps((0.0,), (0.5, 0.4)), lambda: Beta(()), lambda: from_json({"kind": "martian"}),
])  # fmt: skip
def test_numbers_of_no_calibrator_are_refused(make):
    with pytest.raises(SpecificationError):
        make()


def test_another_number_of_classes_is_refused():
    p, y, _ = drawn(40, 3)
    with pytest.raises(ShapeError, match="of 3 classes, found 2"):
        Isotonic.fit(p, y).apply([[0.5, 0.5]])
