"""Failures of θ: steps that are too large, and a start that was never finite."""

from typing import Any

import torch

import likeliest as lk
from likeliest.randomness import stream
from likeliest.rules.schedules import OneCycle

from ..cases import Planted, classes, inputs, regression


def of_mean(*layers: str) -> frozenset[str]:
    """Layers of the column "mean", with and without its name in front."""
    return frozenset(layers) | {f"mean.{layer}" for layer in layers}


def least_squares(sizes: tuple[int, ...], activation: str = "relu") -> lk.Columns:
    """A net for the mean of a normal family with a known scale of 1."""
    return lk.Columns(mean=lk.MLP(sizes, activation=activation), log_scale=lk.Fixed(0.0))


def sgd_net() -> dict[str, Any]:
    x, y = regression(2_000, 20, seed=1)
    objective = lk.Objective(lk.family("normal"), least_squares((20, 64, 64, 1)), x, 10 * y)
    return {"objective": objective, "rule": lk.rule("sgd", lr=1.0), "batch_size": 64, "budget": 5, "seed": 1}


def adam_deep() -> dict[str, Any]:
    x, y = classes(1_500, 30, 5, seed=2)
    net = lk.MLP((30, *[96] * 17, 5))
    objective = lk.Objective(lk.family("categorical"), net, x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=10.0), "batch_size": 50, "budget": 10, "seed": 2}


def momentum_raw() -> dict[str, Any]:
    z = torch.from_numpy(inputs(800, 3, seed=3))
    x = torch.tensor([170.0, 70.0, 40.0]) + z * torch.tensor([9.0, 12.0, 15.0])  # cm, kg, years
    y = 120 + 0.5 * (x[:, 2] - 40) + 5 * z[:, 1]
    linear = lk.Columns(mean=lk.Linear(3), log_scale=lk.Fixed(0.0))
    objective = lk.Objective(lk.family("normal"), linear, x, y)
    return {"objective": objective, "rule": lk.rule("momentum", lr=1.15e-4), "batch_size": 40, "budget": 60, "seed": 3}


def one_cycle() -> dict[str, Any]:
    x, y = regression(2_400, 12, seed=4)
    objective = lk.Objective(lk.family("normal"), least_squares((12, 48, 48, 1)), x, 3 * y)
    rule = lk.rule("sgd", lr=OneCycle(3.0, rise=0.4, start=0.004))
    return {"objective": objective, "rule": rule, "batch_size": 40, "budget": 12, "seed": 4}


def corrupt_start() -> dict[str, Any]:
    x, y = classes(900, 16, 4, seed=5)
    net = lk.MLP((16, 32, 32, 4), activation="tanh")
    objective = lk.Objective(lk.family("categorical"), net, x, y)
    theta = net.init([stream(5, "init")], objective.dtype)[0]
    theta[net.parts["layer2.weight"].slice][7] = torch.nan
    rule = lk.rule("adam", lr=1e-3)
    return {"objective": objective, "rule": rule, "batch_size": 32, "budget": 3, "seed": 5, "theta": theta}


CASES = (
    Planted(
        "sgd_net",
        sgd_net,
        of_mean("layer2", "layer3") | {"log_prob", "score"},
        frozenset({"forward", "likelihood"}),
        "learning_rate",
        "SGD with lr = 1 on a relu net for targets of scale 10 doubles and redoubles θ within a few steps",
    ),
    Planted(
        "adam_deep",
        adam_deep,
        frozenset({"layer17", "layer18"}),
        frozenset({"forward"}),
        "learning_rate",
        "Adam with lr = 10 on eighteen layers: each entry of θ moves by 10 in a step, and the layers multiply",
    ),
    Planted(
        "momentum_raw",
        momentum_raw,
        frozenset({"log_prob", "score"}),
        frozenset({"likelihood"}),
        "learning_rate",
        "momentum at 1.15e-4 on inputs in cm, kg and years, just above what their curvature allows",
        late=True,
    ),
    Planted(
        "one_cycle",
        one_cycle,
        of_mean("layer2", "layer3") | {"log_prob", "score"},
        frozenset({"forward", "likelihood"}),
        "learning_rate",
        "a one-cycle schedule rises to a rate of 3, which is too much long before its top",
        late=True,
    ),
    Planted(
        "corrupt_start",
        corrupt_start,
        frozenset({"layer2"}),
        frozenset({"forward"}),
        "start",
        "θ as given has one NaN among the weights of the second layer",
    ),
)
