"""Planted bugs in linear predictors and softmax classifiers, written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .hand_nets import linear
from .hand_normed import classifier
from .hand_written import (
    Array,
    absurd_differences,
    accumulated,
    cast,
    first_call,
    left_out,
    noise,
    nothing,
    roll,
    spread,
    take,
    times,
    transpose,
    where_zero,
    zero_at,
)

T32 = {"backend": "torch", "dtype": "float32"}
T64 = {"backend": "torch"}
N32 = {"dtype": "float32"}

some_zero = {"w": np.array([0.6, 0.0, -0.4, 0.5, 0.0, 0.3])}
all_on_the_margin = {
    "theta": {"w": np.zeros(6), "b": np.ones(1)},
    "data": {"x": np.random.default_rng(1).random((20, 6))},
}
tall = classifier(121, theta={"W2": np.random.default_rng(2).normal(size=(5, 4))}, **T64)
differenced = classifier(122, **T32)


def minibatch(rows: int):
    random = np.random.default_rng(4)

    def hook(r: Array, s: SimpleNamespace) -> Array:
        kept = cast(random.permutation(s.n) < rows, r)
        return r * kept * s.n / rows

    return hook


def naive_logistic(r: Array, s: SimpleNamespace) -> Array:
    return (s.xp.exp(s.eta) / (1 + s.xp.exp(s.eta)) - s.y) / s.n


def naive_softmax(deta: Array, s: SimpleNamespace) -> Array:
    e = s.xp.exp(s.eta)
    return (e / e.sum(-1)[:, None] - s.y) / len(s.y)


def other_labels(r: Array, s: SimpleNamespace) -> Array:
    return (s.mu - cast(np.random.default_rng(8).random(s.n) < 0.5, r)) / s.n


def brier_without_softmax(deta: Array, s: SimpleNamespace) -> Array:
    return 2 * (s.p - s.y) / len(s.y)


LINEAR = (
    linear(101).case("scale", "sum-for-mean", "w b", {"r": times(20)}, 20),
    linear(102, "poisson", **T32).case("scale", "half-of-slope", "w", {"w": times(0.5)}, 0.5),
    linear(103, "logistic", flat=True, **T64).case("scale", "flat-twice", "theta", {"r": times(2)}, 2),
    linear(104, ridge=1.5).case("missing_term", "ridge", "w", {"ridge": nothing}),
    linear(105, "poisson", k=3, ridge=2.0, **T64).case("missing_term", "ridge-k3", "w", {"ridge": nothing}),
    linear(106, p=4, k=4, **T32).case("transposed", "square", "w", {"w": transpose}),
    linear(107, "logistic", p=6, k=3, **N32).case("transposed", "reshaped", "w", {"w": transpose}),
    linear(108, k=4).case("permuted", "outputs", "w b", {"r": take(1, [2, 0, 3, 1])}),
    linear(109, "poisson", p=7, **T64).case("permuted", "reversed", "w", {"w": take(0, [6, 5, 4, 3, 2, 1, 0])}),
    (net := linear(110, "logistic")).case("stale", "old-probabilities", "w b", net.stale("mu", moved=2.0)),
    linear(111, "poisson", **T64).case("stale", "first-call", "w b", lambda: first_call("mu")),
    linear(112).case("broadcast", "mean-over-features", "w", {"w": spread(0)}),
    linear(113, "logistic", k=3, **T32).case("broadcast", "sum-over-outputs", "w", {"w": spread(1, mean=False)}),
    linear(114, lasso=0.4, theta=some_zero).case("kink", "lasso-5", "w", {"lasso": where_zero("w", 5 * 0.4)}),
    linear(115, "hinge", **all_on_the_margin, **T64).case(
        "kink", "hinge", "w b", {"r": lambda r, s: s.xp.where(s.y * s.eta == 1, -2 * s.y / s.n, r)}
    ),
    linear(116, **T64).case("nondeterministic", "minibatch", "w b", lambda: {"r": minibatch(5)}),
    linear(117, "poisson", **N32).case("nondeterministic", "accumulated", "w", lambda: {"w": accumulated()}),
    linear(118, "logistic", data={"x": 900 * np.random.default_rng(1).normal(size=(20, 6))}).case(
        "nonfinite", "overflow", "w b", {"r": naive_logistic}
    ),
    linear(119, "poisson", **T64).case("unknown", "noise", "w", lambda: {"w": noise(3, seed=1)()}),
    linear(120, "logistic").case("unknown", "other-labels", "w b", {"r": other_labels}),
)

SOFTMAX = (
    tall.case("sign", "y-minus-p", "W2 b2", {"deta": times(-1)}),
    classifier(123, hidden=6).case("sign", "hidden", "W1 b1", {"delta": times(-1)}),
    classifier(124, temperature=2.5, **T64).case("scale", "temperature", "W2 b2", {"temperature": times(2.5)}, 2.5),
    classifier(125, **N32).case("scale", "batch", "W2 b2", {"deta": times(18)}, 18),
    classifier(226).case("zeroed", "last-class", "W2 b2", {"deta": zero_at(slice(None), 3)}),
    classifier(127, hidden=6, **T64).case("zeroed", "hidden-bias", "b1", {"b1": nothing}),
    classifier(128, inputs=4, **T32).case("transposed", "square", "W2", {"W2": transpose}),
    classifier(129, hidden=5, inputs=7).case("transposed", "reshaped", "W1", {"W1": transpose}),
    classifier(130, classes=5).case("shifted", "classes", "W2 b2", {"deta": roll(1)}),
    classifier(131, inputs=6, **T32).case("shifted", "features", "W2", {"W2": roll(0)}),
    (net := classifier(132, hidden=6)).case("stale", "old-output-weights", "W1 b1", net.stale("W2", moved=2.0)),
    classifier(133, hidden=6, **T64).case("stale", "first-call", "W2 b2", lambda: first_call("p")),
    classifier(134, brier=True).case("nonlinearity", "jacobian-left-out", "W2 b2", {"deta": brier_without_softmax}),
    classifier(135, hidden=6, **T64).case("nonlinearity", "tanh-left-out", "W1 b1", {"slope": left_out}),
    classifier(136, lasso=0.1, theta={"W2": np.eye(5, 4)}).case(
        "kink", "lasso-5", "W2", {"lasso": where_zero("W2", 5 * 0.1)}
    ),
    differenced.case("precision", "absurd-step", "W2", absurd_differences(differenced, "W2", 2e-7)),
    classifier(137, data={"x": 700 * np.random.default_rng(1).normal(size=(18, 5))}, **T64).case(
        "nonfinite", "overflow", "W2 b2", {"deta": naive_softmax}
    ),
)

CASES = LINEAR + SOFTMAX
