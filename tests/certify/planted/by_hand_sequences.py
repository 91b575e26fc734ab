"""Planted bugs in recurrent nets and attention, written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .hand_sequences import attention, elman, gru
from .hand_written import (
    Array,
    accumulated,
    dropped,
    first_call,
    noise,
    nothing,
    spread,
    take,
    times,
    transpose,
    where_zero,
)

T32 = {"backend": "torch", "dtype": "float32"}
T64 = {"backend": "torch"}
N32 = {"dtype": "float32"}
R_BEFORE_Z = [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11]  # units' gates in the order r, z, n


def dead_unit() -> dict:
    """A first unit that is exactly 0 at all times, inputs and a start that are positive."""
    random = np.random.default_rng(6)
    shapes = {"U": (3, 5), "W": (5, 5), "b": (5,), "p": (6, 5)}
    theta = {n: 0.5 * random.normal(size=shape) for n, shape in shapes.items()}
    for a in theta.values():
        a[..., 0] = 0
    x, y = random.random((8, 6, 3)), 3 + random.normal(size=(8, 6, 2))
    return {"activation": "relu", "theta": theta | {"h0": random.random(5)}, "data": {"x": x, "y": y}}


def by_the_odds(slope: Array, s: SimpleNamespace) -> Array:
    """The slope z (1 - z) as z² times the odds against z, which overflow where z is 0."""
    z = s.steps[s.t][1]
    return z * z * (1 / z - 1)


def per_probability(ds: Array, s: SimpleNamespace) -> Array:
    return s.a * (ds / s.a)


def closed_gate(seed: int) -> dict:
    b = 0.5 * np.random.default_rng(seed).normal(size=12)
    b[0] = -900.0
    return {"b": b}


sparse = np.random.default_rng(9).normal(size=(6, 6))
sparse[np.abs(sparse) < 0.5] = 0

RECURRENT = (
    gru(201).case("scale", "twice", "V c", {"delta": times(2)}, 2),
    elman(202, **T32).case("scale", "mean-over-time", "b", {"b": times(1 / 6)}, 1 / 6),
    elman(203, **T64).case("missing_term", "no-carry", "U W b p", {"carry": nothing}),
    gru(204).case("missing_term", "leak", "W U b", {"leak": nothing}),
    elman(205).case("transposed", "recurrent-weight", "W", {"W": transpose}),
    gru(206, inputs=4, **T32).case("transposed", "reshaped", "W", {"W": transpose}),
    gru(207).case("permuted", "gates", "W b", {"gates": take(1, R_BEFORE_Z)}),
    elman(208, **T32).case("permuted", "time-reversed", "p", {"p": take(0, [5, 4, 3, 2, 1, 0])}),
    (net := elman(209)).case("stale", "old-recurrent-weight", "U W b p", net.stale("W", moved=1.0)),
    (net := elman(210, **T64)).case("stale", "old-states", "W", net.stale("past", moved=1.0)),
    gru(211).case("stale", "first-call", "V", lambda: first_call("last")),
    elman(212).case("broadcast", "drive-over-time", "p", {"p": spread(0)}),
    gru(213, **T32).case("broadcast", "mean-over-inputs", "W", {"W": spread(0)}),
    elman(214, **dead_unit()).case("kink", "relu-2", "U W b p", {"slope": where_zero("z.t", 2.0)}),
    elman(215, **N32).case("nondeterministic", "dropped-carry", "U W b p", lambda: {"carry": dropped()}),
    gru(216, **T64).case("nondeterministic", "accumulated", "U", lambda: {"U": accumulated()}),
    gru(217, theta=closed_gate(1)).case("nonfinite", "odds", "W U b", {"slope_z": by_the_odds}),
    gru(218, **T64).case("unknown", "noise", "U", lambda: {"U": noise(3, seed=3)()}),
    elman(219, flat=True).case("unknown", "flat-noise", "theta", lambda: {"W": noise(8, seed=4)()}),
)

ATTENTION = (
    attention(221).case("scale", "root-of-width", "Wq Wk", {"ds": times(6**0.5)}, 6**0.5),
    attention(222, 2, skip=True, **T32).case("scale", "batch", "Wo", {"Wo": times(8)}, 8),
    attention(223, **T64).case("missing_term", "coupling", "Wq Wk", {"coupling": nothing}),
    attention(224, 3, skip=True).case("missing_term", "path-around", "P", {"skip": nothing}),
    attention(225, ridge=1.0, **T64).case("missing_term", "ridge", "Wv", {"ridge": nothing}),
    attention(226, 2, causal=True).case("transposed", "output", "Wo", {"Wo": transpose}),
    attention(227, places=6, **T32).case("transposed", "places", "P", {"P": transpose}),
    attention(228, 3).case("permuted", "heads", "Wv", {"Wv": take(1, [4, 5, 2, 3, 0, 1])}),
    attention(229, **T32).case("permuted", "places", "w", {"w": take(0, [1, 0, 4, 3, 2])}),
    (net := attention(230, 2)).case("stale", "old-attention", "Wq Wk Wv", net.stale("a", moved=2.0)),
    (net := attention(231, **N32)).case("stale", "old-output-weight", "Wq Wk Wv", net.stale("Wo", moved=2.0)),
    attention(232).case("broadcast", "mean-over-places", "P", {"P": spread(0)}),
    attention(233, 2, **T64).case("broadcast", "sum-over-rows", "Wk", {"Wk": spread(0, mean=False)}),
    attention(234, lasso=0.15, theta={"Wo": sparse}).case(
        "kink", "lasso-5", "Wo", {"lasso": where_zero("Wo", 5 * 0.15)}
    ),
    attention(235, 3, **T64).case("nondeterministic", "dropped", "Wq Wk", lambda: {"da": dropped()}),
    attention(236, causal=True).case("nonfinite", "masked", "Wq Wk", {"ds": per_probability}),
    attention(237, 2, causal=True, **T32).case("unknown", "noise", "Wv", lambda: {"Wv": noise(3, seed=5)()}),
)

CASES = RECURRENT + ATTENTION
