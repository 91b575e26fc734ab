"""Planted bugs by hand that are not run until the checker is finished: recurrent nets, softmax, attention."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .hand_normed import classifier
from .hand_sequences import attention, elman, gru
from .hand_written import (
    Array,
    absurd_differences,
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
    zero_at,
)

T32 = {"backend": "torch", "dtype": "float32"}
T64 = {"backend": "torch"}
N32 = {"dtype": "float32"}
ALL = slice(None)
random = np.random.default_rng(78)


def last_step_only(g: Array, s: SimpleNamespace) -> Array:
    return s.h[-1].T @ s.r[-1] / len(s.x)


def of_the_same_time(_: Array, s: SimpleNamespace) -> None:
    """h_t where h_{t-1} belongs."""
    s.past = s.h[1:]


def labels_with_noise():
    flips = np.random.default_rng(3)

    def hook(deta: Array, s: SimpleNamespace) -> Array:
        return (s.p - s.y[flips.permutation(len(s.y))]) / len(s.y)

    return hook


def of_least_squares(deta: Array, s: SimpleNamespace) -> Array:
    return (s.eta - s.y) / len(s.y)


def coarse_residual(r: Array, s: SimpleNamespace) -> Array:
    kind = coarse("bfloat16")
    return (kind(s.eta, s) - kind(s.y, s)) / len(s.y)


def no_jacobian(ds: Array, s: SimpleNamespace) -> Array:
    """The gradient with respect to the attention's weights, taken for that of the scores."""
    dg = ((s.eta - s.y) / len(s.y))[:, None, None] * s.w * (1 - s.f**2)
    do = dg @ s.Wo.T
    do = do.reshape(do.shape[0], do.shape[1], s.heads, -1).swapaxes(1, 2)
    return do @ s.v.swapaxes(2, 3)


far = {"theta": {"c": np.array([300.0])}, "data": {"y": 300 + 2 * random.normal(size=8)}}
stepped = gru(410, theta={"b": random.normal(size=12)}, **T32)

RECURRENT = (
    gru(401).case("sign", "recurrent-weight", "U", {"U": times(-1)}),
    elman(402, **T64).case("sign", "output", "V c", {"r": times(-1)}),
    gru(403, **T32).case("zeroed", "update-gate", "U", {"U": zero_at(ALL, slice(0, 4))}),
    elman(404).case("zeroed", "start", "h0", {"h0": nothing}),
    elman(405).case("shifted", "drive-in-time", "p", {"p": roll(0)}),
    elman(406, **T64).case("shifted", "state-of-the-same-time", "W", {"kept": of_the_same_time}),
    elman(407, steps=8, **N32).case("shifted", "drive-filled", "p", {"p": delay(0, -1)}),
    elman(408).case("nonlinearity", "left-out", "U W b p", {"slope": left_out}),
    gru(409, **T64).case("nonlinearity", "candidate-left-out", "W U b", {"slope_n": left_out}),
    stepped.case("precision", "absurd-step", "U", absurd_differences(stepped, "U", 2e-7)),
    elman(411).case("missing_term", "last-step-only", "V", {"V": last_step_only}),
    gru(412, **T64).case("permuted", "gates", "U", {"U": take(1, [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3])}),
    elman(413, units=6, **T32).case("broadcast", "sum-over-units", "W", {"W": spread(0, mean=False)}),
)

SOFTMAX = (
    classifier(421, brier=True).case("missing_term", "coupling", "W2 b2", {"coupling": nothing}),
    classifier(422, ridge=0.6, **T64).case("missing_term", "ridge", "W2", {"ridge": nothing}),
    classifier(423, classes=5).case("permuted", "classes", "W2 b2", {"deta": take(1, [1, 0, 4, 2, 3])}),
    classifier(424, hidden=6, **T32).case("permuted", "units", "W1 b1", {"delta": take(1, [1, 0, 3, 2, 5, 4])}),
    classifier(425, hidden=8).case("broadcast", "mean-over-hidden", "W2", {"W2": spread(0)}),
    classifier(426, hidden=6, brier=True, **T32).case("broadcast", "bias-sum", "b1", {"b1": spread(0, mean=False)}),
    classifier(427).case("nondeterministic", "labels", "W2", lambda: {"deta": labels_with_noise()}),
    classifier(428, hidden=6, **N32).case("nondeterministic", "noise", "W1", lambda: {"W1": noise(2)()}),
    classifier(429, hidden=6, **T64).case("unknown", "noise", "W2", lambda: {"W2": noise(3, seed=7)()}),
    classifier(430).case("unknown", "least-squares", "W2 b2", {"deta": of_least_squares}),
    classifier(431, hidden=5, inputs=5).case("transposed", "square", "W1", {"W1": transpose}),
    (net := classifier(432, **T64)).case("stale", "old-probabilities", "W2 b2", net.stale("p", moved=3.0)),
)

ATTENTION = (
    attention(441).case("sign", "scores", "Wq Wk", {"ds": times(-1)}),
    attention(442, 2, skip=True, **T32).case("sign", "positions", "P", {"P": times(-1)}),
    attention(443, **T64).case("zeroed", "keys", "Wk", {"Wk": nothing}),
    attention(444, 3).case("zeroed", "one-head", "Wv", {"Wv": zero_at(ALL, slice(2, 4))}),
    attention(445).case("shifted", "places", "P", {"P": roll(0)}),
    attention(446, 2, causal=True, **T32).case("shifted", "places-filled", "w", {"w": delay(0)}),
    attention(447, **T64).case("nonlinearity", "softmax-left-out", "Wq Wk", {"ds": no_jacobian}),
    attention(448, 2).case("nonlinearity", "tanh-left-out", "Wo bo", {"slope": left_out}),
    attention(449, **far).case("precision", "bfloat16-residual", "w c", {"r": coarse_residual}),
    attention(450, 2, skip=True).case("scale", "half", "Wv", {"Wv": times(0.5)}, 0.5),
    attention(451, 3, **N32).case("permuted", "query-heads", "Wq", {"Wq": take(1, [2, 3, 0, 1, 4, 5])}),
    attention(452, causal=True, **T64).case("stale", "first-call", "w", lambda: first_call("f")),
    attention(453, 2).case("nondeterministic", "dropped", "Wv", lambda: {"dv": dropped()}),
)

CASES = RECURRENT + SOFTMAX + ATTENTION
