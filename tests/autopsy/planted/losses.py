"""Failures of a family of the user's own, which is right on paper and undefined in floating point."""

from typing import Any

import torch
from torch import Tensor

import likeliest as lk
from likeliest.families.automatic import Automatic
from likeliest.interfaces import Eta

from ..cases import Planted, inputs, regression

PADDED = (12, 345, 346, 901)


class CrossEntropy(Automatic):
    """Bernoulli as the textbook has it: a sigmoid that rounds to 1 leaves the log of 0, times 0."""

    columns = ("logit",)

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        p = torch.sigmoid(eta[..., 0])
        return y * torch.log(p) + (1 - y) * torch.log(1 - p)


class OwnNormal(Automatic):
    """A normal family whose scale is kept from being negative by a relu, and so from being positive."""

    columns = ("mean", "scale")

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        mean, scale = eta[0], torch.relu(1 + eta[1])
        return -0.5 * ((y - mean) / scale) ** 2 - torch.log(scale) - 0.9189385


class Distance(Automatic):
    """Laplace's family with |y − μ| as √((y − μ)²), which has no derivative where it is 0."""

    columns = ("median",)

    def log_prob(self, eta: Eta, y: Tensor) -> Tensor:
        return -torch.sqrt((y - eta[..., 0]) ** 2) - 0.6931472


def saturated() -> dict[str, Any]:
    x = torch.from_numpy(inputs(1_200, 6, seed=21))
    x = x + torch.sign(x[:, :1])  # two clouds with a gap between them
    y = (x[:, 0] > 0).float()
    objective = lk.Objective(CrossEntropy(), lk.MLP((6, 32, 1)), x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=1e-2), "batch_size": 40, "budget": 30, "seed": 21}


def vanished_scale() -> dict[str, Any]:
    x = torch.from_numpy(inputs(900, 3, seed=22))
    y = 0.32 + 1.8 * x[:, 0] - 0.5 * x[:, 2]  # a change of units: there is no noise, and the scale goes to 0
    objective = lk.Objective(OwnNormal(), lk.Columns(mean=lk.Linear(3), scale=lk.Constant()), x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=0.02), "batch_size": 30, "budget": 20, "seed": 22}


def root_at_zero() -> dict[str, Any]:
    x, y = regression(1_100, 7, seed=23)
    x[list(PADDED)], y[list(PADDED)] = 0.0, 0.0  # padding, which a line through the origin meets exactly
    objective = lk.Objective(Distance(), lk.Linear(7, intercept=False), x, y)
    return {"objective": objective, "rule": lk.rule("sgd", lr=0.05), "batch_size": 44, "budget": 3, "seed": 23}


CASES = (
    Planted(
        "saturated",
        saturated,
        frozenset({"log_prob"}),
        frozenset({"likelihood"}),
        "loss",
        "a Bernoulli family of one's own takes log(1 − p) of a sigmoid that has come to round to 1",
        late=True,
    ),
    Planted(
        "vanished_scale",
        vanished_scale,
        frozenset({"log_prob"}),
        frozenset({"likelihood"}),
        "loss",
        "a normal family of one's own divides by a scale that a relu makes 0 as the fit gets close",
        late=True,
    ),
    Planted(
        "root_at_zero",
        root_at_zero,
        frozenset({"score"}),
        frozenset({"likelihood"}),
        "loss",
        "log p takes the root of a square: finite at a residual of 0, which four rows have, but its score is NaN",
        rows=frozenset(PADDED),
    ),
)
