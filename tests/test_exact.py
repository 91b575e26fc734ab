"""Every family is exact: log p and score against mpmath, at a precision raised until two precisions agree.

One family: ``pytest tests/test_exact.py -k gamma``. Other points: `worst` in tests/exact/judge.py, which also states
the bound. The references are themselves judged here, by numerical differentiation of their log p.
"""

import numpy as np
import pytest
from mpmath import mp, mpf

import likeliest as lk

from .exact.judge import errors, exact, own, worst
from .exact.points import points
from .exact.references import reference

CHANCE = 60


def instances():
    """Every family of rows with each link, and the pinball loss at more than one level."""
    found = [family for family in lk.families() if family.event_dims == 1]
    if any(family.name == "asymmetric_laplace" for family in found):
        found += [lk.family("asymmetric_laplace", level=level) for level in (0.05, 0.93)]
    return found


EVERY = pytest.mark.parametrize(
    "family", instances(), ids=lambda family: "-".join(map(str, (family.name, family.link, *family.settings.values())))
)


@EVERY
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
def test_log_prob_and_score_are_exact(family, dtype):
    error = worst(family, points(family, dtype, CHANCE), dtype)
    assert error.ratio <= 1, str(error)


@EVERY
def test_the_reference_has_the_derivatives_of_its_log_p(family):
    jet, step = reference(family), mpf(2) ** -150
    for eta, y in smooth(family, 12):
        with mp.workprec(700):
            there = jet(eta, y)
            for k in range(len(eta)):
                up, down = (jet((*eta[:k], eta[k] + s, *eta[k + 1 :]), y) for s in (step, -step))
                assert near((up.value - down.value) / (2 * step), there.score[k]), (eta, y, k)
                for j, row in enumerate(there.hessian):
                    assert near((up.score[j] - down.score[j]) / (2 * step), row[k]), (eta, y, j, k)


def smooth(family, count):
    """Moderate points of a family's table, off the kinks of |z|."""
    table = points(family, np.float64, 20)
    chosen = [p for p in table if all(x == 0 or 1e-9 < abs(x) < 20 for part in p for x in part) and p[0][0] != p[1][0]]
    for index in np.random.default_rng(0).choice(len(chosen), count):
        yield tuple(tuple(map(mpf, part)) for part in chosen[index])


def near(slope, stated):
    return abs(slope - stated) <= mpf(2) ** -60 * (1 + abs(slope))


JUDGED = lk.family("bernoulli")


@pytest.mark.parametrize(("dtype", "digits", "allowed"), [(np.float64, 53, 4), (np.float32, 24, 8)])
def test_the_judge_counts_ulps(dtype, digits, allowed):
    """At 0.3, log σ lies between −1 and −½, where an ulp is 2^−digits."""
    point = ((float(dtype(0.3)),), (1.0,))
    right = own(JUDGED, [point], dtype)["log_prob"]
    for off in (1, 7, 1000):
        (error,) = errors(JUDGED, [point], dtype, {"log_prob": right + off * 2.0**-digits})
        assert error.ulps == pytest.approx(off, abs=allowed / 4)
        assert error.ratio == pytest.approx(error.ulps / allowed)
        assert (error.ratio > 1) == (error.ulps > allowed)


@pytest.mark.parametrize(("got", "fine"), [(-np.inf, True), (np.inf, False), (-1e308, False), (np.nan, False)])
def test_what_overflows_is_infinite(got, fine):
    family, point = lk.family("poisson"), ((800.0,), (1.0,))
    assert exact(family, point).value < -(10**347)
    (error,) = errors(family, [point], np.float64, {"log_prob": np.array([got])})
    assert (error.ratio <= 1) == fine


def test_a_clipped_loss_and_a_dead_gradient_are_seen():
    """Keras stops at 16 nats; torch's BCELoss has a gradient near 0 at η = −50, where it is 1."""
    point = ((-50.0,), (1.0,))
    results = {"log_prob": np.array([-16.0]), "score": np.array([[1e-10]])}
    assert all(error.ratio > 1e10 for error in errors(JUDGED, [point], np.float64, results))
