"""Planted bugs by hand that are not run until the checker is finished: perceptrons, convolutions, batch norm."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .hand_nets import conv, linear, mlp
from .hand_normed import batch_normed
from .hand_written import (
    Array,
    absurd_differences,
    accumulated,
    coarse,
    delay,
    dropped,
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
ALL = slice(None)
random = np.random.default_rng(77)

half_zeros = random.normal(size=20) * (np.arange(20) % 2)
on_the_zeros = {"theta": {"w": np.zeros(6), "b": np.zeros(1)}, "data": {"x": random.random((20, 6)), "y": half_zeros}}
empty = {"data": {"x": np.where(np.arange(20) < 3, -2000.0, 1.0)[:, None] * random.uniform(0.5, 1, (20, 6))}}
empty |= {"theta": {"w": np.full(6, 0.2)}}
flat_channel = {"K1": np.concatenate([np.zeros((1, 2, 3)), random.normal(size=(3, 2, 3)) / 2])}
upwards = {"K2": random.random((3, 4, 3)) / 3, "V": random.random((3, 3)) / 3}
positive = {"x": random.random((8, 2, 12)), "y": 5 + random.random(8)}
dead_channel = flat_channel | {"c1": np.array([0.0, 0.3, -0.2, 0.4])}
large_bias = {"c1": np.array([900.0, 0.3, -0.2, 0.4])}
no_spread = {"W": random.normal(size=(5, 6)) * (np.arange(6) > 0)}
slim = {"gamma": np.array([0.8, 0.0, -1.1, 0.9, 0.0, 1.2])}


def ratio_of_means(r: Array, s: SimpleNamespace) -> Array:
    """(1 - y / μ) μ / n, where μ may have underflowed."""
    return (1 - s.y / s.mu) * s.mu / s.n


def sinh_over_cosh(slope: Array, s: SimpleNamespace) -> Array:
    return 1 - (s.xp.sinh(s.z1) / s.xp.cosh(s.z1)) ** 2


def without_eps(precision: Array, s: SimpleNamespace) -> Array:
    return (s.centred**2).mean(0) ** -0.5


def coarse_sum(r: Array, s: SimpleNamespace) -> Array:
    kind = coarse("bfloat16")
    return (kind(s.mu, s) - kind(s.y, s)) / s.n


def in_and_out(g: Array, s: SimpleNamespace) -> Array:
    return s.xp.swapaxes(g, 0, 1)


def both_of_a_tie(side: str):
    """The pool gives a tie's gradient to its left and to its right."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        tie = s.h1[:, :, 0::2] == s.h1[:, :, 1::2]
        other = g if side == "left" else s.pooled_gradient
        if side == "left":
            s.pooled_gradient = g
        return s.xp.where(tie, other, g)

    return hook


def momentum():
    """An average over the calls so far."""
    average = 0.0

    def hook(g: Array, s: SimpleNamespace) -> Array:
        nonlocal average
        average = 0.9 * average + g
        return average

    return hook


far = {"theta": {"b": np.array([300.0])}, "data": {"y": 300 + random.normal(size=20)}}
stepped = mlp(331, (4, 6, 2))

LINEAR = (
    linear(301, "poisson").case("sign", "residual", "w b", {"r": times(-1)}),
    linear(302, k=3, **T32).case("sign", "weight", "w", {"w": times(-1)}),
    linear(303, "logistic", k=3, **N32).case("scale", "mean-over-outputs", "w b", {"r": times(1 / 3)}, 1 / 3),
    linear(600, lasso=1.0, **T64).case("missing_term", "lasso", "w", {"lasso": nothing}),
    linear(305, "logistic", p=9).case("zeroed", "block", "w", {"w": zero_at(slice(3, 7))}),
    linear(306, flat=True, p=9, **T64).case("zeroed", "flat-block", "theta", {"w": zero_at(slice(0, 4))}),
    linear(307, "poisson", p=8).case("shifted", "filled", "w", {"w": delay(0)}),
    linear(308, "logistic", p=8, k=2, **T32).case("shifted", "rolled-back", "w", {"w": roll(0, -1)}),
    linear(309, "exponential").case("nonlinearity", "left-out", "w b", {"slope": left_out}),
    linear(310, "exponential", k=2, **T64).case("nonlinearity", "squared", "w b", {"slope": lambda g, s: g**2}),
    linear(311, "absolute", **on_the_zeros).case("kink", "absolute-5", "w b", {"r": where_zero("y", 5 / 20)}),
    linear(312, **T64).case("nondeterministic", "momentum", "w", lambda: {"w": momentum()}),
    linear(313, **far).case("precision", "bfloat16-residual", "w b", {"r": coarse_sum}),
    linear(314, "poisson", **empty).case("nonfinite", "zero-mean", "w b", {"r": ratio_of_means}),
    linear(315, "logistic", **T32).case("broadcast", "sum", "w", {"w": spread(0, mean=False)}),
)

MLP = (
    mlp(321, (5, 6, 6, 6, 2), skip=True).case("missing_term", "path-around", "W2 b2", {"skip3": nothing}),
    mlp(322, ridge=1.0, **T32).case("missing_term", "ridge", "W1", {"ridge1": nothing}),
    mlp(323, (5, 8, 3)).case("permuted", "units", "W2", {"W2": take(0, [3, 0, 6, 1, 7, 2, 5, 4])}),
    mlp(324, (5, 6, 6, 2), "logistic", **T64).case(
        "permuted", "hidden-bias", "b2", {"b2": take(0, [1, 0, 3, 2, 5, 4])}
    ),
    mlp(325, (6, 30, 3), **T32).case("broadcast", "mean-over-units", "W1", {"W1": spread(1)}),
    mlp(326, (5, 7, 4), "logistic").case("broadcast", "bias-mean", "b2", {"b2": spread(0)}),
    mlp(327, activation="relu").case("nondeterministic", "dropped", "W1 b1", lambda: {"delta1": dropped()}),
    mlp(328, (5, 6, 6, 2), **T64).case("nondeterministic", "accumulated", "W2", lambda: {"W2": accumulated()}),
    mlp(329, (5, 6, 6, 2), **N32).case("unknown", "noise", "W3", lambda: {"W3": noise(3, seed=6)()}),
    mlp(330, **T64).case("unknown", "squares", "W1", {"W1": lambda g, s: 5 * g**2}),
    stepped.case("precision", "absurd-step", "W1", absurd_differences(stepped, "W1", 1e-15)),
    mlp(332, (5, 6, 6, 2)).case("sign", "middle-bias", "b2", {"b2": times(-1)}),
    (net := mlp(333, (5, 6, 6, 2), **T64)).case("stale", "old-weights", "W2 b2", net.stale("W3", moved=2.0)),
)

CONV = (
    conv(341).case("scale", "mean-over-positions", "c1", {"c1": times(1 / 10)}, 1 / 10),
    conv(342, **T32).case("scale", "batch", "V v", {"r": times(8)}, 8),
    conv(343, (4, 4, 3)).case("transposed", "in-and-out", "K1", {"K1": in_and_out}),
    conv(344, pool=True, **T32).case("transposed", "reshaped", "V", {"V": transpose}),
    (net := conv(345)).case("stale", "old-kernel", "K1 c1", net.stale("K2")),
    (net := conv(346, **T64)).case("stale", "old-columns", "K2", net.stale("cols2", moved=2.0)),
    conv(347, pool=True, theta=flat_channel | upwards, data=positive).case(
        "kink", "pool-ties", "K1 c1", {"left": both_of_a_tie("left"), "right": both_of_a_tie("right")}
    ),
    conv(348, activation="relu", theta=dead_channel, data={"x": random.random((8, 2, 12))}).case(
        "kink", "relu-2", "K1 c1", {"slope1": where_zero("z1", 2.0)}
    ),
    conv(349, theta=large_bias).case("nonfinite", "sinh-over-cosh", "K1 c1", {"slope1": sinh_over_cosh}),
    conv(350, **N32).case("zeroed", "output-channels", "K1", {"K1": zero_at(slice(1, 3))}),
    conv(351, width=4, **T64).case("permuted", "taps", "K2", {"K2": take(2, [1, 0, 3, 2])}),
    conv(352, activation="logistic").case("nonlinearity", "left-out", "K1 c1", {"slope1": left_out}),
)

BATCH_NORM = (
    batch_normed(361).case("scale", "mean-for-sum", "gamma", {"gamma": times(1 / 12)}, 1 / 12),
    batch_normed(362, **T32).case("scale", "batch", "W", {"W": times(12)}, 12),
    batch_normed(363, inputs=6).case("transposed", "square", "W", {"W": transpose}),
    batch_normed(364, **T32).case("transposed", "reshaped", "V", {"V": transpose}),
    (net := batch_normed(365)).case("stale", "old-normalised", "gamma", net.stale("xhat", moved=2.0)),
    batch_normed(366, **T64).case("stale", "first-call", "V", lambda: first_call("h")),
    batch_normed(367, lasso=0.3, theta=slim).case("kink", "lasso-5", "gamma", {"lasso": where_zero("gamma", 5 * 0.3)}),
    batch_normed(368, theta=no_spread).case("nonfinite", "without-eps", "W", {"precision": without_eps}),
    batch_normed(369, **N32).case("sign", "first-weight", "W", {"du": times(-1)}),
    batch_normed(370).case("missing_term", "both", "W", {"mean_term": nothing, "variance_term": nothing}),
    batch_normed(371, activation="relu", **T64).case("nonlinearity", "left-out", "gamma beta", {"slope": left_out}),
)

CASES = LINEAR + MLP + CONV + BATCH_NORM
