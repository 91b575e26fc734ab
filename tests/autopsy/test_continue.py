"""With ``on_non_finite="continue"`` a fit applies the remedy where one is safe, says so, and ends as other fits do."""

from dataclasses import dataclass

import pytest
import torch

import likeliest as lk
from likeliest.autopsy import Remedy
from likeliest.checkpoint import Checkpoint
from likeliest.errors import SpecificationError
from likeliest.predictors.layers import Activation, Dense, Layer
from likeliest.randomness import stream

from .cases import regression
from .exam import value_of
from .planted import data, losses, modules, parameters


def went_on(arguments, **more):
    found = lk.fit(**arguments, on_non_finite="continue", **more)
    assert bool(torch.isfinite(found.theta).all())
    return found


@pytest.mark.parametrize("make", [parameters.momentum_raw, parameters.one_cycle], ids=["number", "schedule"])
def test_the_learning_rate_is_halved_until_the_fit_goes_through(make):
    arguments = make()
    found = went_on(arguments)
    assert found.verdict.kind is lk.VerdictKind.BUDGET
    assert set(found.verdict.evidence["remedies"]) == {"the learning rate halved"}
    assert "gone on after the learning rate halved" in found.verdict.message
    assert len(found.autopsies) == len(found.verdict.evidence["remedies"])
    assert all(autopsy.cause == "learning_rate" for autopsy in found.autopsies)
    nothing = arguments["objective"].at(torch.zeros_like(found.theta)).value
    assert arguments["objective"].at(found.theta).value < 0.5 * nothing


def test_halved_often_enough_it_is_given_up():
    arguments = parameters.adam_deep()
    found = went_on({**arguments, "rule": lk.rule("adam", lr=1e9)})
    assert found.verdict.kind is lk.VerdictKind.NON_FINITE
    assert len(found.autopsies) == 9


@pytest.mark.parametrize(
    ("make", "poisoned"),
    [(data.sentinels, data.SENTINELS), (data.nan_rows, data.LATE_NANS), (data.inf_cell, (data.INF_CELL,))],
    ids=["far", "nan", "full_batch"],
)
def test_rows_to_blame_are_left_out_all_at_once(make, poisoned):
    arguments = make()
    found = went_on(arguments)
    assert found.verdict.kind is not lk.VerdictKind.NON_FINITE
    (remedy,) = found.verdict.evidence["remedies"]
    assert all(str(row) in remedy for row in poisoned)
    assert len(found.autopsies) == 1
    fine = torch.tensor([r for r in range(arguments["objective"].n) if r not in poisoned])
    start = arguments["objective"].predictor.init([stream(arguments["seed"], "init")])[0]
    assert value_of(arguments["objective"], found.theta, fine) < value_of(arguments["objective"], start, fine)


def test_leaving_rows_out_from_the_start_is_a_fit_that_never_visits_them():
    arguments = data.inf_cell()
    ours = arguments["objective"]
    found = went_on(arguments)
    fine = torch.tensor([row for row in range(ours.n) if row != data.INF_CELL])
    alone = lk.fit(**{**arguments, "objective": ours.subset(fine)})
    # The penalty is the same per unit of the total weight, which has one row more in ours.
    torch.testing.assert_close(found.theta, alone.theta, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("make", [losses.root_at_zero, modules.refunds, parameters.corrupt_start])
def test_code_of_ones_own_and_starts_have_no_safe_remedy(make):
    found = went_on(make())
    assert found.verdict.kind is lk.VerdictKind.NON_FINITE
    assert "remedies" not in found.verdict.evidence


@dataclass(frozen=True)
class Near(Layer):
    """y = 1/(x − 0.999): at x = 1 that is 1000, unless 0.999 rounds to 1."""

    kind = "near"

    def shape_after(self, shape):
        return shape

    def forward(self, views, x, draw):
        y = 1 / (x - torch.tensor(0.999, dtype=x.dtype))
        return y, y

    def pullback(self, views, tape, u, grads, further=True):
        return -u * tape * tape

    def pushforward(self, views, tape, directions, dx):
        return None if dx is None else -dx * tape * tape


def test_single_precision_for_half():
    x, y = regression(200, 3)
    layers = {
        "enter": Dense(3, 4),
        "bend": Activation("tanh"),
        "level": Dense(4, 1),
        "near": Near(),
        "out": Dense(1, 1),
    }
    net = lk.Layered((3,), layers, compute="bfloat16")
    theta = torch.zeros(net.size)
    theta[net.parts["level.bias"].slice] = 1.0
    ours = lk.Objective(lk.family("normal"), lk.Columns(mean=net, log_scale=lk.Fixed(0.0)), x, y)
    arguments = {
        "objective": ours, "rule": lk.rule("sgd", lr=1e-9), "batch_size": 20, "budget": 10, "theta": theta, "seed": 0
    }  # fmt: skip
    stopped = lk.fit(**arguments).autopsy
    assert (stopped.cause, stopped.layer, stopped.phase) == ("precision", "mean.near", "forward")
    found = went_on(arguments)
    assert found.verdict.kind is lk.VerdictKind.BUDGET
    assert found.verdict.evidence["remedies"] == ["single precision"]
    assert net.compute == "bfloat16"  # the user's net is as it was


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [70, 150], ids=["before", "after"])
def test_a_fit_that_goes_on_can_be_cut_short_and_resumed(at, tmp_path):
    def killed(progress):
        if progress.record.step >= at:
            raise _KilledError

    more = {"measure_every": 0.5, "on_non_finite": "continue"}
    whole = lk.fit(**parameters.momentum_raw(), **more)
    checkpoint = Checkpoint(tmp_path / "fit", every=30)
    with pytest.raises(_KilledError):
        lk.fit(**parameters.momentum_raw(), **more, checkpoint=checkpoint, callbacks=[killed])
    resumed = lk.fit(**parameters.momentum_raw(), **more, checkpoint=checkpoint)
    assert torch.equal(resumed.theta, whole.theta)
    assert resumed.verdict.evidence["remedies"] == whole.verdict.evidence["remedies"]


def test_remedies_survive_json():
    for remedy in (Remedy("halve"), Remedy("leave_out", (3, 5)), Remedy("single")):
        assert Remedy.from_json(remedy.to_json()) == remedy


def test_another_answer_is_refused():
    with pytest.raises(SpecificationError, match='"stop" or "continue"'):
        lk.fit(**parameters.sgd_net(), on_non_finite="ignore")
