"""Planted bugs in perceptrons, convolutions and batch norm, written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .hand_nets import conv, mlp
from .hand_normed import batch_normed
from .hand_written import (
    Array,
    absurd_differences,
    accumulated,
    coarse,
    delay,
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


def dead_unit(seed: int, inputs: int = 5, units: int = 7) -> dict:
    """A first unit that is exactly 0 for all rows, inputs that are positive."""
    random = np.random.default_rng(seed)
    W1, b1 = random.normal(size=(inputs, units)), random.normal(size=units)
    W1[:, 0] = b1[0] = 0
    return {"theta": {"W1": W1, "b1": b1}, "data": {"x": 0.2 + random.random((16, inputs))}}


def far_from_zero(level: float) -> dict:
    random = np.random.default_rng(7)
    return {"theta": {"b2": np.full(2, level)}, "data": {"y": level + random.normal(size=(16, 2))}}


def coarse_residual(delta: Array, s: SimpleNamespace) -> Array:
    as_stored = coarse("bfloat16")
    return (as_stored(s.eta, s) - as_stored(s.y, s)) / len(s.x)


def overflowing_slope(slope: Array, s: SimpleNamespace) -> Array:
    e = s.xp.exp(-s.z[1])
    return e / (1 + e) ** 2


def square_of_the_sum(precision: Array, s: SimpleNamespace) -> Array:
    u = s.u.astype(np.float32)
    variance = (u**2).mean(0) - u.mean(0) ** 2
    return (variance * (variance > 0) + s.eps) ** -0.5


def layer_norm(term: str):
    def hook(g: Array, s: SimpleNamespace) -> Array:
        dxhat = ((s.eta - s.y) / len(s.x) @ s.V.T) * (1 - s.h**2) * s.gamma
        along = dxhat if term == "mean" else dxhat * s.xhat
        return along.mean(1)[:, None] * (1 if term == "mean" else s.xhat)

    return hook


saturated = {"theta": {"b1": np.array([-900.0, 0.5, -0.5, 0.2, 0.4, -0.1, 0.3])}}
absurd = conv(159)

MLP = (
    mlp(140).case("sign", "output-weight", "W2", {"W2": times(-1)}),
    mlp(141, activation="logistic", **T32).case("sign", "hidden-delta", "W1 b1", {"delta1": times(-1)}),
    mlp(142, **N32).case("scale", "batch", "W2 b2", {"delta2": times(16)}, 16),
    mlp(143, (5, 6, 6, 2), "relu", **T64).case("scale", "bias-mean-for-sum", "b2", {"b2": times(1 / 16)}, 1 / 16),
    mlp(144, (5, 6, 6, 2)).case("zeroed", "middle-weight", "W2", {"W2": nothing}),
    mlp(145, (8, 40, 2), **T32).case("zeroed", "units", "W1", {"W1": zero_at(ALL, slice(10, 25))}),
    mlp(146, (5, 6, 6, 2)).case("transposed", "square", "W2", {"W2": transpose}),
    mlp(147, (6, 8, 3), "relu", **T32).case("transposed", "reshaped", "W1", {"W1": transpose}),
    mlp(148).case("shifted", "inputs", "W1", {"W1": roll(0)}),
    mlp(149, (4, 9, 3), "logistic", **T64).case("shifted", "units-filled", "W2", {"W2": delay(0)}),
    (net := mlp(150)).case("stale", "old-output-weights", "W1 b1", net.stale("W2", moved=1.5)),
    (net := mlp(151, (5, 8, 8, 2), **T64)).case("stale", "old-activations", "W3", net.stale("h", moved=1.5)),
    mlp(152, flat=True).case("stale", "flat-first-call", "theta", lambda: first_call("h", "z")),
    mlp(153).case("nonlinearity", "tanh-left-out", "W1 b1", {"slope1": left_out}),
    mlp(154, activation="logistic", **T64).case(
        "nonlinearity", "value-for-slope", "W1 b1", {"slope1": lambda g, s: s.h[1]}
    ),
    mlp(155, (5, 6, 6, 2), **T32).case("nonlinearity", "slope-of-z", "W1 b1", {"slope1": lambda g, s: 1 - s.z[1] ** 2}),
    mlp(156, activation="relu", **dead_unit(3)).case("kink", "relu-2", "W1 b1", {"slope1": where_zero("z.1", 2.0)}),
    mlp(157, **far_from_zero(300.0)).case("precision", "bfloat16-residual", "W2 b2", {"delta2": coarse_residual}),
    mlp(158, activation="logistic", **saturated).case(
        "nonfinite", "overflowing-slope", "W1 b1", {"slope1": overflowing_slope}
    ),
)

CONV = (
    conv(160).case("sign", "second-kernel", "K2", {"K2": times(-1)}),
    conv(161, pool=True, **T64).case("sign", "output", "V v", {"r": times(-1)}),
    conv(162).case("missing_term", "col2im-tap", "K1 c1", {"kernel2": zero_at(ALL, ALL, 0)}),
    conv(163, pool=True, **T64).case("missing_term", "pool-right", "K1 c1", {"right": nothing}),
    conv(164, **T32).case("zeroed", "bias", "c2", {"c2": nothing}),
    conv(165).case("zeroed", "input-channel", "K1", {"K1": zero_at(ALL, 1)}),
    conv(166, **T32).case("permuted", "output-channels", "K1 c1", {"d1": take(1, [1, 0, 3, 2])}),
    conv(167, width=4, **N32).case("permuted", "kernel-flipped", "K2", {"K2": take(2, [3, 2, 1, 0])}),
    conv(168).case("shifted", "kernel-position", "K2", {"K2": roll(2)}),
    conv(169, width=5, **T64).case("shifted", "kernel-filled", "K1", {"K1": delay(2)}),
    conv(270).case("shifted", "positions", "V", {"V": roll(1)}),
    conv(171, **T32).case("broadcast", "mean-over-kernel", "K1", {"K1": spread(2)}),
    conv(172).case("broadcast", "sum-over-channels", "K2", {"K2": spread(1, mean=False)}),
    conv(173, **T64).case("nonlinearity", "tanh-left-out", "K2 c2", {"slope2": left_out}),
    conv(174, activation="relu", pool=True).case("nonlinearity", "relu-left-out", "K1 c1", {"slope1": left_out}),
    conv(175, **T64).case("nondeterministic", "accumulated", "K1", lambda: {"K1": accumulated()}),
    conv(176, **N32).case("nondeterministic", "noise", "K2", lambda: {"K2": noise(2)()}),
    absurd.case("precision", "absurd-step", "K2", absurd_differences(absurd, "K2", 1e-15)),
    conv(177, **T64).case("unknown", "noise", "K2", lambda: {"K2": noise(3, seed=2)()}),
)

BATCH_NORM = (
    batch_normed(180).case("sign", "gamma", "gamma", {"gamma": times(-1)}),
    batch_normed(181, **T64).case("missing_term", "variance", "W", {"variance_term": nothing}),
    batch_normed(182, activation="logistic").case("missing_term", "mean", "W", {"mean_term": nothing}),
    batch_normed(183, ridge=0.8, **T32).case("missing_term", "ridge", "W", {"ridge": nothing}),
    batch_normed(184).case("zeroed", "beta", "beta", {"beta": nothing}),
    batch_normed(185, **T32).case("permuted", "channels", "gamma", {"gamma": take(0, [1, 0, 3, 2, 5, 4])}),
    batch_normed(186, units=8).case("shifted", "gamma", "gamma", {"gamma": roll(0)}),
    batch_normed(187, units=8, **T32).case("shifted", "filled", "W", {"W": delay(1)}),
    batch_normed(188).case("broadcast", "gamma-mean", "gamma", {"gamma": spread(0)}),
    batch_normed(189, **T64).case("broadcast", "beta-sum", "beta", {"beta": spread(0, mean=False)}),
    batch_normed(190).case("nonlinearity", "tanh-left-out", "gamma beta", {"slope": left_out}),
    batch_normed(191, **T64).case("nondeterministic", "noise", "W", lambda: {"W": noise(2)()}),
    batch_normed(192, offset=3000.0).case("precision", "square-of-the-sum", "W", {"precision": square_of_the_sum}),
    batch_normed(193).case(
        "unknown", "layer-norm", "W", {"mean_term": layer_norm("mean"), "variance_term": layer_norm("variance")}
    ),
)

CASES = MLP + CONV + BATCH_NORM
