"""Nets of two hidden layers with backpropagation by hand in NumPy, on and off the kinks of their activations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from .linear_models import Named


class Activation(NamedTuple):
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


ROOT = float(np.sqrt(2 * np.pi))
ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "sigmoid": Activation(special.expit, lambda u: special.expit(u) * special.expit(-u)),
    "softplus": Activation(lambda u: np.logaddexp(0, u), special.expit),
    "gelu": Activation(lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * np.exp(-u * u / 2) / ROOT),
    "relu": Activation(lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(u.dtype)),
    "relu_one_at_zero": Activation(lambda u: np.maximum(u, 0), lambda u: (u >= 0).astype(u.dtype)),
    "leaky": Activation(lambda u: np.maximum(u, u / 10), lambda u: np.where(u > 0, 1.0, 0.1).astype(u.dtype)),
    "hard_tanh": Activation(lambda u: np.clip(u, -1, 1), lambda u: (np.abs(u) < 1).astype(u.dtype)),
}


def squared(o, y):
    return np.sum((o - y) ** 2) / (2 * len(y)), (o - y) / len(y)


def absolute(o, y):
    return np.sum(np.abs(o - y)) / len(y), np.sign(o - y) / len(y)


def cross_entropy(o, y):
    labels = np.arange(len(y)) % o.shape[1]
    p = special.softmax(o, axis=1)
    signal = p.copy()
    signal[np.arange(len(y)), labels] -= 1
    value = np.sum(special.logsumexp(o, axis=1)) - np.sum(o[np.arange(len(y)), labels])
    return value / len(y), signal / len(y)


def poisson(o, y):
    counts = np.floor(np.abs(y) * 3)
    return np.sum(np.exp(o) - counts * o) / len(y), (np.exp(o) - counts) / len(y)


LOSSES = {"squared": squared, "absolute": absolute, "cross_entropy": cross_entropy, "poisson": poisson}
CONDITIONS = ("plain", "empty_rows", "dead_units", "almost_on_kink", "tiny_weights", "scaled")


def hand_nets() -> Iterator[Named]:
    """Every activation with every loss under every condition; each third in f32."""
    i = 0
    for activation in ACTIVATIONS:
        for loss in LOSSES:
            for condition in CONDITIONS:
                i += 1
                dtype = np.float32 if i % 3 == 0 else np.float64
                name = f"numpy-net-{activation}-{loss}-{condition}-{np.dtype(dtype).name}"
                yield name, hand_net(ACTIVATIONS[activation], LOSSES[loss], condition, dtype, seed=i)


def hand_net(activation, loss, condition, dtype, seed):
    random = np.random.default_rng(seed)
    widths = (4, 7, 6, 3)
    theta = {}
    for layer, (m, n) in enumerate(itertools.pairwise(widths), start=1):
        theta[f"W{layer}"] = random.normal(size=(m, n)) / np.sqrt(m)
        theta[f"b{layer}"] = random.normal(size=n) / 3
    X, y = random.normal(size=(10, 4)), random.normal(size=(10, 3))
    factor = 1.0
    match condition:
        case "empty_rows":  # with a bias of 0, these lie on a kink of relu
            X[::3] = 0
            theta["b1"][:] = 0
        case "dead_units":  # one that nothing reaches, one exactly on the kink for every row of a non-negative X
            X = np.abs(X)
            theta["b1"][0] = -100
            theta["W1"][:, 1] = 0
            theta["b1"][1] = 0
        case "almost_on_kink":
            theta["b1"] = -(X[0] @ theta["W1"]) + np.array([1e-9, -1e-9, 1e-7, -1e-7, 1e-5, -1e-5, 1e-4])
        case "tiny_weights":
            theta = {n: 1e-4 * t for n, t in theta.items()}
        case "scaled":
            X, theta["W1"], factor = X * 1e6, theta["W1"] / 1e6, 1e-6
    X, y, theta = X.astype(dtype), y.astype(dtype), {n: t.astype(dtype) for n, t in theta.items()}

    def forward(t):
        u1 = X @ t["W1"] + t["b1"]
        u2 = activation.value(u1) @ t["W2"] + t["b2"]
        return u1, u2, activation.value(u2) @ t["W3"] + t["b3"]

    def fun(t):
        return factor * loss(forward(t)[2], y)[0]

    def grad(t):
        u1, u2, o = forward(t)
        g3 = factor * loss(o, y)[1]
        g2 = g3 @ t["W3"].T * activation.slope(u2)
        g1 = g2 @ t["W2"].T * activation.slope(u1)
        inputs = (X, activation.value(u1), activation.value(u2))
        pairs = zip("123", inputs, (g1, g2, g3), strict=True)
        return {n: v for i, a, g in pairs for n, v in ((f"W{i}", a.T @ g), (f"b{i}", g.sum(0)))}

    return {"fun": fun, "grad": grad, "theta": theta}
