"""The range test finds where a sweep explodes, suggests a rate that learns, and changes nothing of its caller's."""

import math

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.batches import Batches
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.randomness import stream
from likeliest.rules import Clipped, Cosine

DRAW = np.random.default_rng(3)
X = DRAW.normal(size=(512, 6)).astype(np.float32)
Y = (X @ DRAW.normal(size=(6, 3)) + 2 * DRAW.normal(size=(512, 3))).argmax(1)


def objective() -> lk.Objective:
    return lk.Objective(lk.family("categorical"), lk.MLP((6, 24, 3)), X, Y)


def reached(rate: float, rule: str) -> float:
    found = lk.fit(objective(), lk.rule(rule, lr=rate), batch_size=32, budget=8)
    value = float(objective().at(found.theta).value)
    return value if math.isfinite(value) else math.inf


@pytest.mark.parametrize("rule", ["adam", "sgd", "nesterov", "rmsprop"])
def test_what_is_suggested_learns_faster_than_rates_far_from_it(rule):
    found = lk.find_lr(objective(), rule, batch_size=32)
    here, far_below, far_above = (reached(found.suggestion * factor, rule) for factor in (1, 1 / 30, 100))
    assert here < far_below
    assert here < far_above
    assert found.suggestion < found.lowest


def test_gradient_descent_on_a_parabola_explodes_above_two_over_the_curvature():
    x = DRAW.normal(size=(200, 4))
    y = x @ DRAW.normal(size=4)
    linear = lk.Objective(lk.family("normal"), lk.Columns(lk.Linear(4), lk.Fixed(0.0)), x, y)
    gram = np.c_[x, np.ones(200)]
    limit = 2 / np.linalg.eigvalsh(gram.T @ gram / 200).max()
    found = lk.find_lr(linear, "gradient_descent", batch_size=None, low=1e-4, high=1e3)
    assert found.exploded is not None
    assert found.suggestion < limit < found.exploded < 30 * limit
    assert found.lowest < 2 * limit


def test_the_sweep_is_exponential_and_each_loss_is_that_of_the_batch_before_the_step():
    found = lk.find_lr(objective(), lk.rule("sgd"), batch_size=64, low=1e-4, high=1e-2, steps=50, seed=5)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 1e-2, 50), rtol=1e-12)
    assert found.exploded is None
    own = objective()
    theta = own.predictor.init([stream(5, "init")], own.dtype)[0].clone()
    for rate, loss, draw in zip(found.rates, found.losses, Batches(512, 64, 5).after(0), strict=False):
        eta, _ = own.predictor.forward(theta, own.x[draw.rows])
        assert float(torch.nn.functional.cross_entropy(eta, own.y[draw.rows])) == pytest.approx(loss, rel=1e-5)
        theta -= rate * own.at(theta, draw.rows).grad


def test_the_smooth_curve_is_a_local_straight_line():
    found = lk.find_lr(objective(), "sgd", low=1e-4, high=1e-1, steps=60)
    steps = np.arange(60)
    for at in (0, 17, 59):
        weight = np.exp(-0.25 * ((steps - at) / 3.0) ** 2)  # polyfit takes square roots of weights
        assert np.polyval(np.polyfit(steps, found.losses, 1, w=weight), at) == pytest.approx(found.smooth[at], rel=1e-9)


def test_negative_losses_explode_where_they_rise_and_not_where_they_fall():
    y = 1e-3 * DRAW.normal(size=256)
    narrow = lk.Objective(lk.family("normal"), lk.Columns(lk.Fixed(0.0), lk.Constant()), X[:256].astype(float), y)
    start = torch.tensor([-4.0], dtype=torch.float64)
    found = lk.find_lr(narrow, "adam", theta=start, high=100.0)
    assert found.smooth[0] < 0
    assert found.smooth.min() < found.smooth[0] - 0.5
    assert found.exploded is not None


def test_nothing_of_the_callers_changes_and_it_repeats():
    own = lk.Objective(lk.family("categorical"), lk.MLP((6, 8, 3), batch_norm=True, dropout=0.2), X, Y)
    theta = own.predictor.init([np.random.default_rng(1)], torch.float32)[0]
    before, state = theta.clone(), torch.get_rng_state()
    first, second = (lk.find_lr(own, "adam", theta=theta, seed=2) for _ in range(2))
    assert torch.equal(theta, before)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first.losses, second.losses)
    assert first.to_json()["suggestion"] == second.suggestion
    assert not np.array_equal(lk.find_lr(own, "adam", theta=theta, seed=3).losses[:5], first.losses[:5])


def test_a_schedule_is_put_aside_and_clipping_stays():
    plain = lk.find_lr(objective(), lk.rule("sgd", lr=0.1), steps=40)
    np.testing.assert_array_equal(
        lk.find_lr(objective(), lk.rule("sgd", lr=Cosine(0.5)), steps=40).losses, plain.losses
    )
    clipped = lk.find_lr(objective(), Clipped(lk.rule("sgd"), norm=0.01), steps=40)
    assert clipped.losses[-1] < plain.losses[0] + 0.1 < plain.losses.max()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"low": 0.0}, SpecificationError, "low > 0"),
        ({"low": 1.0, "high": 0.1}, SpecificationError, "low > 0"),
        ({"steps": 9}, SpecificationError, "at least 10 steps"),
        ({"rule": "lbfgs", "batch_size": None}, SpecificationError, "no learning rate"),
        ({"rule": "gradient_descent"}, NotOnOfferError, "leave batch_size out"),
        ({"theta": torch.zeros(3)}, ShapeError, "θ needs the shape"),
        ({"rule": "sgd", "low": 1e25, "high": 1e30}, SpecificationError, "exploded within"),
    ],
)
def test_what_cannot_be_swept_is_named(options, error, words):
    with pytest.raises(error, match=words):
        lk.find_lr(objective(), **options)
