"""Negative log-likelihoods in torch, recursions and decompositions among them.

Each maker takes a seed and gives (fun of (θ, data), θ, data); fun keeps θ's dtype when the data are cast to it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812

F64 = torch.float64


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def normal_scale(seed):
    """Normal with a log scale of its own predictor."""

    def fun(t, d):
        X, y = d
        s = X @ t["scale"]
        return (((y - X @ t["mean"]) * (-s).exp()) ** 2 / 2 + s).mean()

    return (
        fun,
        {"mean": normal(seed, 4), "scale": normal(seed + 1, 4) / 3},
        (normal(seed + 2, 30, 4), normal(seed + 3, 30)),
    )


def student(seed):
    def fun(t, d):
        nu, s = t["log_df"].exp(), t["log_scale"]
        z = (d[0] - t["mean"]) * (-s).exp()
        constant = torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2) - (nu * math.pi).log() / 2 - s
        return -(constant - (nu + 1) / 2 * torch.log1p(z * z / nu)).sum()

    theta = {"mean": normal(seed, 1), "log_scale": normal(seed + 1, 1), "log_df": 1 + normal(seed + 2, 1)}
    return fun, theta, (3 * normal(seed + 3, 25),)


def gamma_shape(seed):
    def fun(t, d):
        a, rate = t["log_shape"].exp(), t["log_rate"]
        return -(a * rate + (a - 1) * d[0].log() - d[0] * rate.exp() - torch.lgamma(a)).sum()

    return fun, {"log_shape": normal(seed, 1), "log_rate": normal(seed + 1, 1)}, (normal(seed + 2, 30).exp(),)


def dirichlet(seed):
    def fun(t, d):
        a = t["log_a"].exp()
        return -(torch.lgamma(a.sum()) - torch.lgamma(a).sum() + ((a - 1) * d[0].log()).sum(-1)).mean()

    return fun, {"log_a": normal(seed, 5)}, (normal(seed + 1, 20, 5).softmax(-1),)


def poisson_large(seed):
    """Means of about 1e6: value 1e6 times the gradient's terms."""
    X = normal(seed, 40, 3)
    y = (math.log(1e6) + X.sum(1) / 3).exp().round()

    def fun(t, d):
        eta = d[0] @ t["w"] + t["b"]
        return (eta.exp() - d[1] * eta + torch.lgamma(d[1] + 1)).mean()

    return fun, {"w": normal(seed + 1, 3) / 3, "b": torch.full((1,), math.log(1e6), dtype=F64)}, (X, y)


def von_mises(seed):
    def fun(t, d):
        k = t["log_k"].exp()
        return (torch.special.i0e(k).log() + k - k * torch.cos(d[0] - t["mean"])).mean()

    return fun, {"mean": normal(seed, 1), "log_k": normal(seed + 1, 1)}, (normal(seed + 2, 20),)


def garch(seed):
    def fun(t, d):
        omega, alpha, beta = t["log_omega"].exp(), t["alpha"].sigmoid() / 2, t["beta"].sigmoid() / 2
        variance, total = d[0].square().mean(), 0.0
        for r in d[0]:
            total = total + (variance.log() + r * r / variance) / 2
            variance = omega + alpha * r * r + beta * variance
        return total.sum()

    return (
        fun,
        {"log_omega": normal(seed, 1), "alpha": normal(seed + 1, 1), "beta": normal(seed + 2, 1)},
        (normal(seed + 3, 30),),
    )


def mixture(seed):
    def fun(t, d):
        z = (d[0][:, None] - t["means"]) * (-t["log_scales"]).exp()
        return -(t["logits"].log_softmax(0) - t["log_scales"] - z * z / 2).logsumexp(1).mean()

    return (
        fun,
        {"logits": normal(seed, 3), "means": 2 * normal(seed + 1, 3), "log_scales": normal(seed + 2, 3) / 2},
        (3 * normal(seed + 3, 40),),
    )


def cox(seed):
    """The partial likelihood: those who come later are at risk."""
    return (
        lambda t, d: -((d[0] @ t["w"]) - (d[0] @ t["w"]).flip(0).logcumsumexp(0).flip(0)).sum(),
        {"w": normal(seed, 4)},
        (normal(seed + 1, 25, 4),),
    )


def gaussian_process(seed):
    def fun(t, d):
        x, y = d
        K = (t["log_size"] - (x[:, None] - x).square() * t["log_rate"].exp()).exp()
        L = torch.linalg.cholesky(K + t["log_noise"].exp() * torch.eye(len(x), dtype=x.dtype))
        return torch.linalg.solve_triangular(L, y[:, None], upper=False).square().sum() / 2 + L.diagonal().log().sum()

    return (
        fun,
        {n: normal(seed + i, 1) / 2 for i, n in enumerate(("log_size", "log_rate", "log_noise"))},
        (2 * normal(seed + 3, 12), normal(seed + 4, 12)),
    )


def wishart(seed):
    """Log det and a trace, through a lower triangle."""

    def fun(t, d):
        L = t["L"].tril() + 2 * torch.eye(4, dtype=t["L"].dtype)
        return torch.trace(d[0] @ L @ L.T) - torch.linalg.slogdet(L @ L.T)[1]

    A = normal(seed, 9, 4)
    return fun, {"L": normal(seed + 1, 4, 4) / 3}, (A.T @ A / 9,)


def hidden_markov(seed):
    def fun(t, d):
        A, state = t["transitions"].log_softmax(1), t["start"].log_softmax(0)
        for x in d[0]:
            state = (state[:, None] + A).logsumexp(0) - (x - t["means"]) ** 2 / 2
        return -state.logsumexp(0)

    return (
        fun,
        {"start": normal(seed, 3), "transitions": normal(seed + 1, 3, 3), "means": normal(seed + 2, 3)},
        (normal(seed + 3, 15),),
    )


def local_level(seed):
    """The Kalman filter of a random walk seen through noise."""

    def fun(t, d):
        walk, noise = t["log_walk"].exp(), t["log_noise"].exp()
        level, spread, total = t["start"], torch.ones_like(walk), 0.0
        for y in d[0]:
            seen = spread + noise
            total = total + (seen.log() + (y - level) ** 2 / seen) / 2
            gain = spread / seen
            level, spread = level + gain * (y - level), (1 - gain) * spread + walk
        return total.sum()

    theta = {n: normal(seed + i, 1) for i, n in enumerate(("start", "log_walk", "log_noise"))}
    return fun, theta, (normal(seed + 3, 20).cumsum(0),)


def ordinal(seed):
    def fun(t, d):
        cuts = torch.cat([t["first"], t["gaps"].exp()]).cumsum(0)
        below = torch.sigmoid(cuts - (d[0] @ t["w"])[:, None])
        p = torch.diff(below, prepend=torch.zeros_like(below[:, :1]), append=torch.ones_like(below[:, :1]))
        return -p[torch.arange(len(p)), torch.arange(len(p)) % 4].log().mean()

    return (
        fun,
        {"w": normal(seed, 3) / 2, "first": normal(seed + 1, 1) - 1, "gaps": normal(seed + 2, 2) / 3},
        (normal(seed + 3, 20, 3),),
    )


def ctc(seed):
    def fun(t, d):
        log_p = (d[0] @ t["W"] + t["b"]).log_softmax(-1)
        lengths = torch.full((2,), 10), torch.tensor([3, 4])
        return F.ctc_loss(log_p, torch.tensor([[1, 2, 3, 0], [2, 2, 1, 3]]), *lengths, reduction="sum")

    return fun, {"W": normal(seed, 3, 4), "b": normal(seed + 1, 4)}, (normal(seed + 2, 10, 2, 3),)


LIKELIHOODS = (
    normal_scale,
    student,
    gamma_shape,
    dirichlet,
    poisson_large,
    von_mises,
    garch,
    mixture,
    cox,
    gaussian_process,
    wishart,
    hidden_markov,
    local_level,
    ordinal,
    ctc,
)
