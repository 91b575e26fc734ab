"""Failures of data: rows of x, y or weight that no net can learn from."""

from typing import Any

import numpy as np
import torch

import likeliest as lk
from likeliest.randomness import stream

from ..cases import Planted, classes, counts, outcomes, regression

SENTINELS = (310, 1_207, 1_208, 2_650)
MISSING_COUNTS = (41, 97, 350, 511)
INF_CELL = 417


def last_of_first_epoch(n: int, seed: int, rows: int) -> tuple[int, ...]:
    """The rows that the first epoch of a fit visits last."""
    return tuple(int(row) for row in stream(seed, "shuffle", 0).permutation(n)[-rows:])


LATE_NANS = last_of_first_epoch(4_000, 11, 5)
LATE_TARGET = last_of_first_epoch(3_000, 14, 1)


def nan_rows() -> dict[str, Any]:
    x, y = classes(4_000, 24, 6, seed=11)
    x[list(LATE_NANS)] = torch.nan
    objective = lk.Objective(lk.family("categorical"), lk.MLP((24, 48, 6), activation="gelu"), x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=2e-3), "batch_size": 20, "budget": 2, "seed": 11}


def inf_cell() -> dict[str, Any]:
    x, y = outcomes(600, 8, seed=12)
    x[INF_CELL, 3] = torch.inf  # a rate per visit, of someone with no visits
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(8), x, y, l2=1.0)
    return {"objective": objective, "rule": lk.rule("gradient_descent", lr=0.5), "budget": 50, "seed": 12}


def sentinels() -> dict[str, Any]:
    x, y = regression(3_200, 10, seed=13)
    x[list(SENTINELS), 4] = -1e30  # what the export wrote for "not measured"
    net = lk.Columns(mean=lk.MLP((10, 32, 1), activation="relu"), log_scale=lk.Constant())
    objective = lk.Objective(lk.family("normal"), net, x, y)
    return {"objective": objective, "rule": lk.rule("sgd", lr=0.02), "batch_size": 64, "budget": 4, "seed": 13}


def nan_target() -> dict[str, Any]:
    x, y = regression(3_000, 15, seed=14)
    net = lk.Columns(mean=lk.MLP((15, 40, 40, 1), activation="tanh"), log_scale=lk.Constant())
    objective = lk.Objective(lk.family("normal"), net, x, y)
    objective.y[LATE_TARGET[0]] = torch.nan
    return {"objective": objective, "rule": lk.rule("adamw", lr=1e-3), "batch_size": 30, "budget": 3, "seed": 14}


def missing_counts() -> dict[str, Any]:
    x, y = counts(700, 6, seed=15)
    objective = lk.Objective(lk.family("poisson"), lk.MLP((6, 24, 1), activation="tanh"), x, y)
    objective.y[list(MISSING_COUNTS)] = -1.0  # what stood for "not counted"; log y! has no value there
    return {"objective": objective, "rule": lk.rule("rmsprop", lr=1e-3), "batch_size": 25, "budget": 4, "seed": 15}


def infinite_weights() -> dict[str, Any]:
    x, y = outcomes(1_000, 5, seed=16)
    weight = np.random.default_rng(16).uniform(0.5, 2.0, size=1_000).astype(np.float32)
    net = lk.MLP((5, 20, 1), activation="logistic")
    objective = lk.Objective(lk.family("bernoulli"), net, x, y, weight)
    objective.weight[[250, 777]] = torch.inf  # 1 / the chance to be in the sample, where that chance was 0
    return {"objective": objective, "rule": lk.rule("nesterov", lr=0.05), "batch_size": 50, "budget": 3, "seed": 16}


CASES = (
    Planted(
        "nan_rows",
        nan_rows,
        frozenset({"x"}),
        frozenset({"data"}),
        "input",
        "five rows of x are NaN throughout; the first epoch meets them in its last batch",
        rows=frozenset(LATE_NANS),
        late=True,
    ),
    Planted(
        "inf_cell",
        inf_cell,
        frozenset({"x"}),
        frozenset({"data"}),
        "input",
        "one cell of x is inf, in a logistic regression by gradient descent on all rows",
        rows=frozenset({INF_CELL}),
    ),
    Planted(
        "sentinels",
        sentinels,
        frozenset({"x"}),
        frozenset({"data"}),
        "input",
        "four rows have −1e30 in one column, which stood for a missing value, among inputs of unit scale",
        rows=frozenset(SENTINELS),
    ),
    Planted(
        "nan_target",
        nan_target,
        frozenset({"y"}),
        frozenset({"data"}),
        "target",
        "one y of a regression became NaN after the objective had checked it; the first epoch meets it last",
        rows=frozenset(LATE_TARGET),
        late=True,
    ),
    Planted(
        "missing_counts",
        missing_counts,
        frozenset({"y"}),
        frozenset({"data"}),
        "target",
        "four counts became −1, outside the support of the Poisson family: log p is NaN, its score finite",
        rows=frozenset(MISSING_COUNTS),
    ),
    Planted(
        "infinite_weights",
        infinite_weights,
        frozenset({"weight"}),
        frozenset({"data"}),
        "target",
        "two weights became infinite after the objective had checked them",
        rows=frozenset({250, 777}),
    ),
)
