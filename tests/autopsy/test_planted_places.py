"""The place that a planted failure states is where plain PyTorch meets the first number that is not finite."""

import pytest
import torch
from torch import nn

import likeliest as lk

from .cases import first_failure
from .planted import data, losses, modules, parameters

CASES = (*parameters.CASES, *data.CASES, *losses.CASES, *modules.CASES)
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid, "gelu": nn.functional.gelu}


def outputs(predictor, theta, x):
    """What each layer gives, in the order of the forward pass, and η's columns last."""
    if isinstance(predictor, lk.Columns):
        sizes = [part.size for part in predictor.components.values()]
        for part, own in zip(predictor.components.values(), theta.split(sizes), strict=True):
            yield from outputs(part, own, x)
    elif isinstance(predictor, lk.MLP):
        weights = {name: theta[part.slice].view(part.shape) for name, part in predictor.parts.items()}
        for layer in range(1, len(predictor.sizes)):
            x = x @ weights[f"layer{layer}.weight"] + weights[f"layer{layer}.bias"]
            yield f"layer{layer}", x
            x = ACTIVATIONS[predictor.activation](x)
    elif isinstance(predictor, lk.Module):
        yield from outputs_of_module(predictor, theta, x)


def outputs_of_module(predictor, theta, x):
    found = []
    predictor.load_into(theta)
    handles = [
        module.register_forward_hook(lambda module, given, out, name=name: found.append((name, out.detach())))
        for name, module in predictor.module.named_modules()
        if name
    ]
    predictor.module(x)
    for handle in handles:
        handle.remove()
    return found


def places(objective, theta, rows):
    """(Name, phase, numbers) in the order in which a step meets them."""
    x, y = objective.x[rows], objective.y[rows]
    yield "x", "data", x
    yield "y", "data", y
    if objective.weight is not None:
        yield "weight", "data", objective.weight[rows]
    for name, numbers in outputs(objective.predictor, theta, x):
        yield name, "forward", numbers
    eta, _ = objective.predictor.forward(theta, x)
    yield "log_prob", "likelihood", objective.family.log_prob(eta, y)
    score = objective.family.score(eta, y)
    for column in score if isinstance(score, tuple) else (score,):
        yield "score", "likelihood", column
    parts = {} if isinstance(objective.predictor, lk.Columns) else objective.predictor.parts
    grad = objective.at(theta, rows).grad
    for name, part in parts.items():
        yield name.rpartition(".")[0], "backward", grad[part.slice]


def first_place(objective, failure):
    return next(p for p in places(objective, failure.theta, failure.rows) if not bool(torch.isfinite(p[2]).all()))


FINITE_DATA = ("sentinels", "missing_counts")
"""What is wrong with these rows is no number that is not finite: the first of those comes later."""


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in FINITE_DATA], ids=str)
def test_the_first_place_is_the_one_stated(case):
    arguments = case.make()
    failure = first_failure(**arguments)
    name, phase, numbers = first_place(arguments["objective"], failure)
    assert name in case.layers
    assert phase in case.phases
    if case.rows is not None and phase != "backward":
        assert set(failure.rows[~torch.isfinite(numbers).reshape(len(numbers), -1).all(1)].tolist()) <= case.rows


@pytest.mark.parametrize("case", [case for case in CASES if case.name in FINITE_DATA], ids=str)
def test_poisoned_rows_that_are_finite_fail_in_the_likelihood(case):
    arguments = case.make()
    failure = first_failure(**arguments)
    name, _, numbers = first_place(arguments["objective"], failure)
    assert name == "log_prob"
    assert set(failure.rows[~torch.isfinite(numbers)].tolist()) <= case.rows
