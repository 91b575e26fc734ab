"""Functions in torch with autograd's gradient, at three scales: likelihoods, decompositions, kinks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .likelihoods import F64, LIKELIHOODS, normal
from .linear_models import Named

F32 = torch.float32


def by_autograd(fun):
    def grad(theta):
        leaves = {n: t.detach().clone().requires_grad_() for n, t in theta.items()}
        return dict(zip(leaves, torch.autograd.grad(fun(leaves), list(leaves.values())), strict=True))

    return grad


def rosenbrock(seed):
    return (
        lambda t, d: ((1 - t["x"][:-1]) ** 2 + 100 * (t["x"][1:] - t["x"][:-1] ** 2) ** 2).sum(),
        {"x": normal(seed, 9)},
        (),
    )


def quadratic(seed):
    """Condition number 1e8."""
    q = torch.linalg.qr(normal(seed, 8, 8))[0]
    A = q @ torch.diag(torch.logspace(-4, 4, 8, dtype=F64)) @ q.T
    return lambda t, d: t["x"] @ d[0] @ t["x"] / 2 - d[1] @ t["x"], {"x": normal(seed + 1, 8)}, (A, normal(seed + 2, 8))


def log_sum_exp(seed):
    return lambda t, d: (d[0] @ t["x"]).logsumexp(0), {"x": 3 * normal(seed, 6)}, (normal(seed + 1, 40, 6),)


def factorisation(seed):
    return (
        lambda t, d: (t["U"] @ t["V"].T - d[0]).square().sum() / 2,
        {"U": normal(seed, 6, 2), "V": normal(seed + 1, 5, 2)},
        (normal(seed + 2, 6, 5),),
    )


def contrastive(seed):
    def fun(t, d):
        a, b = (F.normalize(x @ t[n], dim=-1) for x, n in zip(d, "AB", strict=True))
        return F.cross_entropy(a @ b.T / 0.1, torch.arange(len(a)))

    return fun, {"A": normal(seed, 4, 3), "B": normal(seed + 1, 5, 3)}, (normal(seed + 2, 8, 4), normal(seed + 3, 8, 5))


def lasso_at_zero(seed):
    """|θ| at 0, where autograd takes the subgradient 0."""
    w = normal(seed, 6)
    w[::2] = 0
    return (
        lambda t, d: (d[0] @ t["w"] - d[1]).square().mean() + 0.3 * t["w"].abs().sum(),
        {"w": w},
        (normal(seed + 1, 20, 6), normal(seed + 2, 20)),
    )


def largest(seed):
    """Max with ties: amax shares, max picks one winner."""
    x = normal(seed, 5, 6)
    x[:, 3] = x.amax(1)
    return lambda t, d: t["x"].amax(1).square().sum() + t["x"].max(0).values.sum(), {"x": x}, ()


def median_and_sort(seed):
    return (
        lambda t, d: (t["x"].sort().values * d[0]).sum() + t["x"].median() ** 2,
        {"x": normal(seed, 9)},
        (normal(seed + 1, 9),),
    )


def zero_in_part(seed):
    """Parts on which the function does not depend, or only through a factor that is 0."""
    return (
        lambda t, d: (t["a"] ** 3).sum() + 0 * t["b"].sum() + (t["c"] * d[0]).sum(),
        {n: normal(seed + i, 4) for i, n in enumerate("abc")},
        (torch.zeros(4, dtype=F64),),
    )


MAKERS = (
    rosenbrock,
    quadratic,
    log_sum_exp,
    factorisation,
    contrastive,
    lasso_at_zero,
    largest,
    median_and_sort,
    zero_in_part,
    *LIKELIHOODS,
)
FACTORS = (1.0, 1e-6, 1e6)


def torch_functions() -> Iterator[Named]:
    """Every function at three scales, in f32 (each third) and f64."""
    for i, (maker, (j, factor), k) in enumerate(itertools.product(MAKERS, enumerate(FACTORS), range(3))):
        dtype = F32 if k == (j % 3) else F64
        name = f"torch-{maker.__name__}-{factor:g}-{'float32' if dtype == F32 else 'float64'}-{k}"
        yield name, scaled(maker(10 * i), factor, dtype)


def scaled(made, factor, dtype):
    fun, theta, data = made

    def value(t: dict[str, Tensor]) -> Tensor:
        kind = next(iter(t.values())).dtype
        return factor * fun(t, [d.to(dtype).to(kind) for d in data])

    return {"fun": value, "grad": by_autograd(value), "theta": {n: t.to(dtype) for n, t in theta.items()}}
