"""The seven architectures by hand: forward and backward, with the bugs' places marked by ``at``."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .hand_written import Array, Net, weights

At = Callable[[str, Array], Array]
State = SimpleNamespace


def logistic(z: Array, xp: Any) -> Array:
    return 0.5 * (1 + xp.tanh(z / 2))


ACTIVATION = {"tanh": lambda z, xp: xp.tanh(z), "relu": lambda z, xp: z * (z > 0), "logistic": logistic}
SLOPE = {
    "tanh": lambda z, h: 1 - h**2,
    "relu": lambda z, h: 1.0 * (z > 0) + 0 * z,
    "logistic": lambda z, h: h * (1 - h),
}


# Linear predictors: squared, logistic, Poisson, exponential least squares, hinge, absolute error


def linear_forward(s: State) -> Array:
    xp = s.xp
    s.eta = eta = s.x @ s.w + s.b
    s.n = len(s.x)
    lasso, ridge = s.lasso * abs(s.w).sum(), 0.5 * s.ridge * (s.w**2).sum()
    match s.family:
        case "squared":
            s.mu, losses = eta, 0.5 * (eta - s.y) ** 2
        case "logistic":
            s.mu, losses = logistic(eta, xp), eta * (eta > 0) + xp.log1p(xp.exp(-abs(eta))) - s.y * eta
        case "poisson":
            s.mu = xp.exp(eta)
            losses = s.mu - s.y * eta
        case "exponential":
            s.mu = xp.exp(eta)
            losses = 0.5 * (s.mu - s.y) ** 2
        case "hinge":
            s.mu, losses = eta, (1 - s.y * eta) * (s.y * eta < 1)
        case "absolute":
            s.mu, losses = eta, abs(eta - s.y)
    return losses.sum() / s.n + ridge + lasso


def linear_backward(s: State, at: At) -> dict[str, Array]:
    r = s.mu - s.y
    if s.family == "hinge":
        r = -s.y * (s.y * s.eta < 1)
    if s.family == "absolute":
        r = s.xp.sign(r)
    if s.family == "exponential":
        r = r * at("slope", s.mu)
    r = at("r", r / s.n)
    penalty = at("ridge", s.ridge * s.w) + at("lasso", s.lasso * s.xp.sign(s.w))
    return {"w": s.x.T @ r + penalty, "b": r.sum(0).reshape(s.b.shape)}


def linear(seed: int, family: str = "squared", p: int = 6, k: int = 0, n: int = 20, **how: Any) -> Net:
    """One predictor, or k of them with W (p, k)."""
    random = np.random.default_rng(seed)
    outputs = (k,) if k else ()
    x = random.normal(size=(n, p)) + how.pop("offset", 0.0)
    theta = {"w": 0.8 * random.normal(size=(p, *outputs)) * p**-0.5, "b": 0.4 * random.normal(size=outputs or 1)}
    y = {
        "logistic": lambda: 1.0 * (random.random((n, *outputs)) < 0.5),
        "poisson": lambda: 1.0 * random.poisson(2.0, (n, *outputs)),
        "hinge": lambda: random.choice([-1.0, 1.0], (n, *outputs)),
    }.get(family, lambda: random.normal(size=(n, *outputs)) + 1)()
    data = {"x": x, "y": y, "family": family, "ridge": how.pop("ridge", 0.0), "lasso": how.pop("lasso", 0.0)}
    theta, data = theta | how.pop("theta", {}), data | how.pop("data", {})
    return Net("linear", (linear_forward, linear_backward), theta, data, **how)


# Multilayer perceptron, with a path around each square hidden layer if ``skip``


def mlp_forward(s: State) -> Array:
    s.h, s.z = [s.x], [None]
    for k in range(1, s.depth):
        z = s.h[-1] @ getattr(s, f"W{k}") + getattr(s, f"b{k}")
        h = ACTIVATION[s.activation](z, s.xp)
        s.z.append(z)
        s.h.append(h + s.h[-1] if s.skip and k > 1 else h)
    s.eta = s.h[-1] @ getattr(s, f"W{s.depth}") + getattr(s, f"b{s.depth}")
    squares = sum((getattr(s, f"W{k}") ** 2).sum() for k in range(1, s.depth + 1))
    return 0.5 * ((s.eta - s.y) ** 2).sum() / len(s.x) + 0.5 * s.ridge * squares


def mlp_backward(s: State, at: At) -> dict[str, Array]:
    grads, delta = {}, at(f"delta{s.depth}", (s.eta - s.y) / len(s.x))
    back = None
    for k in range(s.depth, 0, -1):
        W = getattr(s, f"W{k}")
        grads[f"W{k}"] = at(f"h{k - 1}", s.h[k - 1]).T @ delta + at(f"ridge{k}", s.ridge * W)
        grads[f"b{k}"] = delta.sum(0)
        if k == 1:
            break
        through = delta @ W.T
        back = through + at(f"skip{k}", back) if s.skip and 1 < k < s.depth else through
        back = at(f"back{k - 1}", back)
        h = s.h[k - 1] - s.h[k - 2] if s.skip and k > 2 else s.h[k - 1]
        delta = at(f"delta{k - 1}", back * at(f"slope{k - 1}", SLOPE[s.activation](s.z[k - 1], h)))
    return grads


def mlp(seed: int, sizes: tuple[int, ...] = (5, 7, 2), activation: str = "tanh", n: int = 16, **how: Any) -> Net:
    random = np.random.default_rng(seed)
    theta = {}
    for k, (a, b) in enumerate(itertools.pairwise(sizes), start=1):
        theta |= {f"W{k}": weights(random, a, b), f"b{k}": 0.5 * random.normal(size=b)}
    x = random.normal(size=(n, sizes[0]))
    data = {"x": x, "y": random.normal(size=(n, sizes[-1])) + 0.5, "activation": activation, "depth": len(sizes) - 1}
    data |= {"skip": how.pop("skip", False), "ridge": how.pop("ridge", 0.0)} | how.pop("data", {})
    return Net("mlp", (mlp_forward, mlp_backward), theta | how.pop("theta", {}), data, **how)


# Two convolutions over time by im2col, a max-pool of two between them if ``pool``, a linear output over all positions


def windows(x: Array, width: int) -> Array:
    """(n, channels, positions, width)."""
    return x[:, :, np.arange(x.shape[2] - width + 1)[:, None] + np.arange(width)]


def conv_forward(s: State) -> Array:
    xp = s.xp
    s.cols1 = windows(s.x, s.K1.shape[2])
    s.z1 = xp.einsum("nclk,ock->nol", s.cols1, s.K1) + s.c1[:, None]
    s.h1 = s.pooled = ACTIVATION[s.activation](s.z1, xp)
    if s.pool:
        left, right = s.h1[:, :, 0::2], s.h1[:, :, 1::2]
        s.first = left >= right
        s.pooled = xp.where(s.first, left, right)
    s.cols2 = windows(s.pooled, s.K2.shape[2])
    s.z2 = xp.einsum("nclk,ock->nol", s.cols2, s.K2) + s.c2[:, None]
    s.h2 = ACTIVATION[s.activation](s.z2, xp)
    s.eta = xp.einsum("nol,ol->n", s.h2, s.V) + s.v
    return 0.5 * ((s.eta - s.y) ** 2).sum() / len(s.x)


def conv_backward(s: State, at: At) -> dict[str, Array]:
    xp = s.xp
    r = at("r", (s.eta - s.y) / len(s.x))
    dh2 = at("dh2", r[:, None, None] * s.V)
    d2 = at("d2", dh2 * at("slope2", SLOPE[s.activation](s.z2, s.h2)))
    K2 = at("kernel2", s.K2)
    back = 0 * s.pooled
    for j in range(K2.shape[2]):  # col2im
        back[:, :, j : j + d2.shape[2]] += xp.einsum("nol,oc->ncl", d2, K2[:, :, j])
    dh1 = at("back1", back)
    if s.pool:
        routed = 0 * s.h1
        routed[:, :, 0::2] = at("left", dh1 * s.first)
        routed[:, :, 1::2] = at("right", dh1 * (~s.first))
        dh1 = at("routed", routed)
    d1 = at("d1", dh1 * at("slope1", SLOPE[s.activation](s.z1, s.h1)))
    return {
        "K1": xp.einsum("nol,nclk->ock", d1, at("cols1", s.cols1)),
        "c1": d1.sum((0, 2)),
        "K2": xp.einsum("nol,nclk->ock", d2, at("cols2", s.cols2)),
        "c2": d2.sum((0, 2)),
        "V": xp.einsum("n,nol->ol", r, s.h2),
        "v": r.sum().reshape(1),
    }


def conv(seed: int, channels: tuple[int, int, int] = (2, 4, 3), width: int = 3, length: int = 12, **how: Any) -> Net:
    random = np.random.default_rng(seed)
    c, o1, o2 = channels
    pool = how.pop("pool", False)
    between = length - width + 1
    out = (between // 2 if pool else between) - width + 1
    theta = {
        "K1": weights(random, o1, c, width),
        "c1": 0.4 * random.normal(size=o1),
        "K2": weights(random, o2, o1, width),
        "c2": 0.4 * random.normal(size=o2),
        "V": random.normal(size=(o2, out)) * (o2 * out) ** -0.5,
        "v": 0.3 * random.normal(size=1),
    }
    x = np.cumsum(0.7 * random.normal(size=(8, c, length)), -1)
    data = {"x": x, "y": 1 + random.normal(size=8), "activation": how.pop("activation", "tanh"), "pool": pool}
    return Net("conv", (conv_forward, conv_backward), theta | how.pop("theta", {}), data | how.pop("data", {}), **how)
