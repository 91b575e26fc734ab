"""What `likeliest.fit` says of the failures to develop against: the right layer, phase, rows and cause, every time."""

import json

import pytest
import torch

import likeliest as lk
from likeliest.autopsy import CAUSES

from .cases import CAUSES as PLANTED
from .cases import first_failure
from .exam import examined
from .planted import data, losses, modules, parameters

CASES = (*parameters.CASES, *data.CASES, *losses.CASES, *modules.CASES)
MEASURED_FIRST = ("saturated",)
"""A measurement after an epoch meets these before a step does."""


def test_the_vocabulary_of_causes_is_the_planted_one():
    assert frozenset(CAUSES) == PLANTED


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_placed_and_explained_and_the_theta_is_usable(case):
    hits, found = examined(case)
    autopsy = found.autopsy
    assert hits.all, (hits, str(autopsy))
    assert found.verdict.kind is lk.VerdictKind.NON_FINITE
    assert str(autopsy) in found.verdict.message
    assert found.verdict.evidence["autopsy"] == autopsy.to_json() == json.loads(json.dumps(autopsy.to_json()))
    assert autopsy.step > autopsy.last_good
    if case.name not in MEASURED_FIRST:
        torch.set_flush_denormal(True)
        try:
            failure = first_failure(**case.make())
        finally:
            torch.set_flush_denormal(False)
        assert autopsy.step == failure.step
        assert set(autopsy.rows) <= set(failure.rows.tolist())
