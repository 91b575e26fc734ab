"""One wrong component among a million, in float32."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .torch_functions import F32, by_autograd, normal

WIDTHS = (701, 1000, 296, 10)
Needle = tuple[str, dict[str, Any], str, tuple[int, ...]]


def million() -> tuple[dict[str, Tensor], Tensor]:
    """θ of 1,001,266 parameters and 32 rows."""
    theta = {}
    for layer, (m, n) in enumerate(itertools.pairwise(WIDTHS), start=1):
        theta[f"W{layer}"] = (normal(layer, m, n) / m**0.5).to(F32)
        theta[f"b{layer}"] = (normal(10 + layer, n) / 3).to(F32)
    return theta, normal(20, 32, WIDTHS[0]).to(F32)


def needles(draws: int = 100) -> Iterator[Needle]:
    """Draws of a relu net's gradient with one component off by the median |g| of its part.

    Yields:
        The name, the arguments of ``check_gradient``, the part, and the index within it. The function keeps θ's dtype:
        it can be evaluated again in float64.
    """
    theta, X = million()
    labels = torch.arange(len(X)) % WIDTHS[-1]

    def fun(t: dict[str, Tensor]) -> Tensor:
        h = X.to(t["W1"].dtype)
        for layer in "12":
            h = torch.relu(h @ t[f"W{layer}"] + t[f"b{layer}"])
        return F.cross_entropy(h @ t["W3"] + t["b3"], labels)

    right = by_autograd(fun)
    off = {n: float(g.abs().median()) for n, g in right(theta).items()}
    random = np.random.default_rng(0)
    for draw in range(draws):
        part, index = component(theta, int(random.integers(sum(t.numel() for t in theta.values()))))
        error = off[part] * random.choice((-1.0, 1.0))
        arguments = {"fun": fun, "grad": with_error(right, part, index, error), "theta": theta}
        yield f"needle-{draw}-{part}", arguments, part, index


def component(theta, flat):
    """The part and the index of one entry of the flattened θ."""
    for part, t in theta.items():
        if flat < t.numel():
            return part, tuple(int(i) for i in np.unravel_index(flat, t.shape))
        flat -= t.numel()
    raise IndexError(flat)


def with_error(right, part, index, error):
    def grad(theta):
        g = right(theta)
        g[part][index] += error
        return g

    return grad
