"""Softmax classifiers and nets with batch norm by hand, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from .hand_nets import ACTIVATION, SLOPE, At, State
from .hand_written import Array, Net, weights

# Softmax of a hidden layer at a temperature τ: cross-entropy, or squared error of the probabilities (Brier)


def softmax(eta: Array, xp: Any) -> Array:
    e = xp.exp(eta - xp.amax(eta, -1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_forward(s: State) -> Array:
    xp = s.xp
    s.h = xp.tanh(s.x @ s.W1 + s.b1) if s.hidden else s.x
    s.eta = (s.h @ s.W2 + s.b2) / s.temperature
    s.p = softmax(s.eta, xp)
    if s.brier:
        losses = ((s.p - s.y) ** 2).sum(-1)
    else:
        top = xp.amax(s.eta, -1, keepdims=True)
        losses = top[:, 0] + xp.log(xp.exp(s.eta - top).sum(-1)) - (s.y * s.eta).sum(-1)
    return losses.sum() / len(s.x) + 0.5 * s.ridge * (s.W2**2).sum() + s.lasso * abs(s.W2).sum()


def softmax_backward(s: State, at: At) -> dict[str, Array]:
    n = len(s.x)
    if s.brier:
        dp = at("dp", 2 * (s.p - s.y) / n)
        deta = s.p * dp - at("coupling", s.p * (s.p * dp).sum(-1)[:, None])
    else:
        deta = (s.p - s.y) / n
    deta = at("deta", at("temperature", deta / s.temperature))
    penalty = at("ridge", s.ridge * s.W2) + at("lasso", s.lasso * s.xp.sign(s.W2))
    grads = {"W2": s.h.T @ deta + penalty, "b2": deta.sum(0)}
    if s.hidden:
        delta = at("delta", at("back", deta @ s.W2.T) * at("slope", 1 - s.h**2))
        grads |= {"W1": s.x.T @ delta, "b1": delta.sum(0)}
    return grads


def classifier(seed: int, classes: int = 4, inputs: int = 5, hidden: int = 0, n: int = 18, **how: Any) -> Net:
    random = np.random.default_rng(seed)
    first = {"W1": weights(random, inputs, hidden), "b1": 0.5 * random.normal(size=hidden)} if hidden else {}
    last = {"W2": weights(random, hidden or inputs, classes), "b2": 0.5 * random.normal(size=classes)}
    x, y = random.normal(size=(n, inputs)), np.eye(classes)[random.integers(0, classes, n)]
    data = {"x": x, "y": y, "hidden": bool(hidden), "brier": how.pop("brier", False)}
    data |= {"temperature": how.pop("temperature", 1.0), "ridge": how.pop("ridge", 0.0), "lasso": how.pop("lasso", 0.0)}
    theta = first | last | how.pop("theta", {})
    return Net("softmax", (softmax_forward, softmax_backward), theta, data | how.pop("data", {}), **how)


# A linear layer without bias, batch norm over the rows, an activation, a linear output; lasso on γ ("network slimming")


def batch_norm_forward(s: State) -> Array:
    s.u = s.x @ s.W
    s.centred = s.u - s.u.mean(0)
    s.precision = ((s.centred**2).mean(0) + s.eps) ** -0.5
    s.xhat = s.centred * s.precision
    s.z = s.gamma * s.xhat + s.beta
    s.h = ACTIVATION[s.activation](s.z, s.xp)
    s.eta = s.h @ s.V + s.v
    return 0.5 * ((s.eta - s.y) ** 2).sum() / len(s.x) + s.lasso * abs(s.gamma).sum() + 0.5 * s.ridge * (s.W**2).sum()


def batch_norm_backward(s: State, at: At) -> dict[str, Array]:
    delta = at("delta", (s.eta - s.y) / len(s.x))
    dz = at("dz", at("dh", delta @ s.V.T) * at("slope", SLOPE[s.activation](s.z, s.h)))
    dxhat = at("dxhat", dz * s.gamma)
    mean_term = at("mean_term", dxhat.mean(0) + 0 * dxhat)
    variance_term = at("variance_term", s.xhat * (dxhat * s.xhat).mean(0))
    du = at("du", at("precision", s.precision) * (dxhat - mean_term - variance_term))
    return {
        "W": s.x.T @ du + at("ridge", s.ridge * s.W),
        "gamma": (dz * s.xhat).sum(0) + at("lasso", s.lasso * s.xp.sign(s.gamma)),
        "beta": dz.sum(0),
        "V": s.h.T @ delta,
        "v": delta.sum(0),
    }


def batch_normed(seed: int, inputs: int = 5, units: int = 6, n: int = 12, activation: str = "tanh", **how: Any) -> Net:
    random = np.random.default_rng(seed)
    theta = {
        "W": weights(random, inputs, units),
        "gamma": random.choice([-1.0, 1.0], units) * random.uniform(0.7, 1.5, units),
        "beta": 0.5 * random.normal(size=units),
        "V": weights(random, units, 2),
        "v": 0.3 * random.normal(size=2),
    }
    x = random.normal(size=(n, inputs)) + random.normal(size=inputs) + how.pop("offset", 0.0)
    data = {"x": x, "y": 0.7 + random.normal(size=(n, 2)), "activation": activation, "eps": 1e-5}
    data |= {"lasso": how.pop("lasso", 0.0), "ridge": how.pop("ridge", 0.0)} | how.pop("data", {})
    theta |= how.pop("theta", {})
    return Net("batch_norm", (batch_norm_forward, batch_norm_backward), theta, data, **how)
