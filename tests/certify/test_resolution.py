"""The stated resolution where nothing but single-precision values exist: errors above it are seen in every entry."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from likeliest.certify import check_gradient

F32 = np.float32
DRAWS = int(os.environ.get("LIKELIEST_RESOLUTIONS", "8"))
ABSURD = 0.1


def single(t):
    """Code that accepts nothing but single precision."""
    for array in t.values():
        if array.dtype not in (np.float32, torch.float32):
            raise TypeError(f"single precision only, found {array.dtype}")
    return t


def cast(t):
    """Code that casts all it gets to single precision, and drops what is imaginary."""
    return {n: a.to(torch.float32) if isinstance(a, torch.Tensor) else np.real(a).astype(F32) for n, a in t.items()}


def logistic(draws, enter):
    X = draws.normal(size=(60, 12)).astype(F32)
    y = draws.integers(2, size=60).astype(F32)
    theta = {"weight": draws.normal(size=12).astype(F32) / F32(2), "bias": draws.normal(size=1).astype(F32)}

    def fun(t):
        t = enter(t)
        z = X @ t["weight"] + t["bias"]
        return np.mean(np.logaddexp(F32(0), z) - y * z)

    def grad(t):
        z = X @ t["weight"] + t["bias"]
        u = (1 / (1 + np.exp(-z)) - y) / F32(len(y))
        return {"weight": X.T @ u, "bias": u.sum(keepdims=True)}

    return fun, grad, theta


def tanh_net(draws, enter):
    X, Y = draws.normal(size=(40, 6)).astype(F32), draws.normal(size=(40, 2)).astype(F32)
    theta = {
        "W1": (draws.normal(size=(6, 10)) / 2.5).astype(F32),
        "b1": draws.normal(size=10).astype(F32) / F32(3),
        "W2": (draws.normal(size=(10, 2)) / 3).astype(F32),
        "b2": draws.normal(size=2).astype(F32) / F32(3),
    }

    def fun(t):
        t = enter(t)
        a = np.tanh(X @ t["W1"] + t["b1"])
        return np.mean((a @ t["W2"] + t["b2"] - Y) ** 2)

    def grad(t):
        a = np.tanh(X @ t["W1"] + t["b1"])
        u = 2 * (a @ t["W2"] + t["b2"] - Y) / F32(Y.size)
        inner = u @ t["W2"].T * (1 - a**2)
        return {"W1": X.T @ inner, "b1": inner.sum(0), "W2": a.T @ u, "b2": u.sum(0)}

    return fun, grad, theta


def relu_net(draws, enter):
    X = torch.from_numpy(draws.normal(size=(50, 8)).astype(F32))
    y = torch.from_numpy(draws.integers(3, size=50))
    shapes = {"W1": (8, 12), "b1": (12,), "W2": (12, 3), "b2": (3,)}
    theta = {n: torch.from_numpy((draws.normal(size=s) / 3).astype(F32)) for n, s in shapes.items()}

    def loss(t):
        a = torch.relu(X @ t["W1"] + t["b1"])
        return torch.nn.functional.cross_entropy(a @ t["W2"] + t["b2"], y)

    def fun(t):
        return float(loss({n: a.detach() for n, a in enter(t).items()}).numpy())

    def grad(t):
        leaves = {n: a.detach().clone().requires_grad_() for n, a in t.items()}
        return dict(zip(leaves, torch.autograd.grad(loss(leaves), list(leaves.values())), strict=True))

    return fun, grad, theta


def gaussian(draws, enter):
    x = (3 + draws.normal(size=80)).astype(F32)
    theta = {"mean": np.array([2.5], F32), "log_scale": np.array(draws.normal() / 3, F32)}

    def fun(t):
        t = enter(t)
        z = (x - t["mean"]) * np.exp(-t["log_scale"])
        return np.sum(z**2 / 2 + t["log_scale"])

    def grad(t):
        z = (x - t["mean"]) * np.exp(-t["log_scale"])
        return {"mean": -(z * np.exp(-t["log_scale"])).sum(keepdims=True), "log_scale": np.sum(1 - z**2)}

    return fun, grad, theta


FUNCTIONS = (
    logistic,
    gaussian,
    pytest.param(tanh_net, marks=pytest.mark.slow),
    pytest.param(relu_net, marks=pytest.mark.slow),
)


def planted(grad, part, entry, share):
    """One entry is off by a share of its part's largest, wherever the gradient is asked for."""

    def wrong(t):
        g = {n: a.clone() if isinstance(a, torch.Tensor) else np.array(a) for n, a in grad(t).items()}
        g[part].reshape(-1)[entry] += share * abs(g[part]).max()
        return g

    return wrong


@pytest.mark.parametrize("make", FUNCTIONS)
def test_errors_above_it_are_seen_in_every_part_and_it_is_not_absurdly_coarse(make):
    draws = np.random.default_rng(list(make.__name__.encode()))
    missed = []
    for draw in range(DRAWS):
        fun, grad, theta = make(draws, (single, cast)[draw % 2])
        clean = check_gradient(fun, grad, theta, seed=draw)
        assert clean.passed, clean
        assert clean.resolution <= ABSURD, clean
        part = clean.parts[draw % len(clean.parts)]
        entry, sign = int(draws.integers(part.size)), draws.choice((-1.0, 1.0))
        wrong = planted(grad, part.part, entry, 2 * sign * part.resolution)
        findings = check_gradient(fun, wrong, theta, seed=draw).findings
        if part.part not in {f.part for f in findings}:
            missed.append((draw, part.part, entry, part.resolution))
    assert not missed
