"""Every planted failure fails in a plain loop, and what is said to be its cause is its cause: mended, it does not."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from likeliest.randomness import stream

from .cases import first_failure
from .planted import data, losses, modules, parameters
from .planted.modules import HalfAttention, HalfLinear

CASES = (*parameters.CASES, *data.CASES, *losses.CASES, *modules.CASES)
EVERY = pytest.mark.parametrize("case", CASES, ids=str)


def of(*causes):
    return pytest.mark.parametrize("case", [case for case in CASES if case.cause in causes], ids=str)


def test_twenty_with_two_of_each_common_kind():
    kinds = Counter(case.cause for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES) == 20
    assert min(number for cause, number in kinds.items() if cause != "start") >= 2
    assert sum(case.late for case in CASES) >= 6


@EVERY
def test_goes_non_finite(case):
    failure = first_failure(**case.make())
    assert failure is not None
    assert (failure.step > 64) == case.late
    if case.rows is not None:
        assert case.rows & set(failure.rows.tolist())


@pytest.mark.parametrize("case", [case for case in CASES if case.rows], ids=str)
def test_is_right_without_the_poisoned_rows(case):
    arguments = case.make()
    objective = arguments["objective"]
    kept = torch.tensor([row for row in range(objective.n) if row not in case.rows])
    arguments["objective"] = objective.subset(kept)
    assert first_failure(**arguments) is None


@pytest.mark.parametrize("case", [case for case in CASES if case.rows], ids=str)
def test_any_poisoned_row_alone_is_enough(case):
    arguments = case.make()
    objective = arguments["objective"]
    for row in case.rows:
        local = objective.at(objective.predictor.init([stream(0, "init")])[0], torch.tensor([row]))
        assert not torch.isfinite(torch.cat((local.value.reshape(1), local.grad))).all()


@of("learning_rate")
def test_is_right_with_smaller_steps(case):
    arguments = case.make()
    rule = arguments["rule"]
    rate = rule.lr / 1_000 if isinstance(rule.lr, float) else rule.lr.with_peak(rule.lr.peak / 1_000)
    assert first_failure(**{**arguments, "rule": replace(rule, lr=rate)}) is None


@of("precision")
def test_is_right_in_single_precision(case, monkeypatch):
    for layer in (HalfLinear, HalfAttention):
        monkeypatch.setattr(layer, "compute", torch.float32)
    assert first_failure(**case.make()) is None


@of("start")
def test_is_right_from_a_start_of_its_own(case):
    assert first_failure(**{**case.make(), "theta": None}) is None


@of("loss", "layer", "exploding_state", "learning_rate", "precision")
def test_its_data_are_moderate(case):
    objective = case.make()["objective"]
    for numbers in (objective.x, objective.y):
        assert torch.isfinite(numbers).all()
        assert numbers.abs().max() < 1e6


@of("exploding_state", "learning_rate", "precision", "loss", "layer", "input", "target")
def test_its_start_is_moderate(case):
    arguments = case.make()
    assert "theta" not in arguments
    theta = arguments["objective"].predictor.init([stream(arguments["seed"], "init")])[0]
    assert theta.abs().max() < 100
