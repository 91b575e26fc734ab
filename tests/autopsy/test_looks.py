"""Looks change nothing and raise no alarm where nothing is wrong; replays are the steps themselves, bit for bit."""

import importlib
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.autopsy import Look, Scene, Snapshot
from likeliest.autopsy.replay import replayed
from likeliest.batches import Batches
from likeliest.checkpoint import Checkpoint
from likeliest.randomness import stream
from likeliest.rules import Adam, Warmup
from likeliest.rules.schedules import Cosine

from .cases import classes, counts, regression
from .planted import data, parameters

course = importlib.import_module("likeliest.course")


class Shifted:
    """An augmentation that depends on row and epoch."""

    def __call__(self, x, y, weight, draw):
        return x + 0.1 * torch.sin(draw.rows * 12.9898 + draw.epoch)[:, None].to(x.dtype), y, weight


def module():
    return lk.Module(nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)))


NETS = {
    "mlp": lambda: lk.MLP((6, 16, 3), dropout=0.2, batch_norm=True),
    "bfloat16": lambda: lk.MLP((6, 16, 16, 3), compute="bfloat16"),
    "module": module,
}
RULES = {
    "adam": lk.rule("adam", lr=Warmup(20, Cosine(1e-2))),
    "adamw": lk.rule("adamw", lr=1e-3),
    "nesterov": lk.rule("nesterov", lr=1e-2),
    "rmsprop": lk.rule("rmsprop", lr=1e-3),
    "adagrad": lk.rule("adagrad", lr=1e-2),
    "delta_rule": lk.rule("delta_rule", lr=1e-3),
}


def objective(net, transform=None):
    x, y = classes(400, 6, 3, seed=1)
    return lk.Objective(lk.family("categorical"), NETS[net](), x, y, l2=0.1, transform=transform)


@dataclass(frozen=True)
class Recording(Adam):
    """Adam that writes down every θ it is asked at, and the one that it returns."""

    seen: ClassVar[list] = []

    def step(self, local, state):
        before = local.theta.clone()
        theta = super().step(local, state)
        self.seen.append((before, theta.clone()))
        return theta


@pytest.mark.parametrize("net", NETS)
def test_a_replay_is_the_steps_themselves(net):
    Recording.seen.clear()
    ours = objective(net, Shifted())
    rule = Recording(lr=Warmup(20, Cosine(1e-2)))
    lk.fit(ours, rule, batch_size=32, budget=lk.Budget(steps=100), seed=4)
    steps = list(Recording.seen)
    theta = ours.predictor.init([stream(4, "init")], ours.dtype)[0]
    state = rule.init(theta, ours.predictor)
    look = Look.at_start(theta, None, state)
    scene = Scene(ours, ours, rule, Batches(ours.n, 32, 4).after, 13, 100, look, 100, theta, None, None, None, 4)
    state.steps = 100
    torch.set_flush_denormal(True)
    try:
        with torch.no_grad():
            early = list(islice(replayed(scene, look.good), 70))
            # From a point in the middle as from the start.
            moved = Snapshot(steps[69][1], None, 70, early[-1].memory)
            late = list(islice(replayed(scene, moved), 30))
    finally:
        torch.set_flush_denormal(False)
    for step, (before, _) in zip((*early, *late), steps, strict=True):
        assert step.fine
        # What is not learnt is brought up to date by the step's own evaluation, so that `before` is before that too.
        learnt = torch.cat([torch.arange(p.size) + p.start for p in ours.predictor.parts.values() if p.learnt])
        assert torch.equal(step.before[learnt], before[learnt])
    assert torch.equal(late[-1].after, steps[-1][1])
    assert [step.number for step in (*early, *late)] == list(range(1, 101))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", NETS)
def test_a_healthy_fit_is_not_disturbed(net, rule, monkeypatch):
    settings = {"batch_size": 16, "budget": 6, "seed": 2, "average": 0.95}
    looked_at = lk.fit(objective(net), RULES[rule], **settings)
    assert looked_at.autopsies == ()
    assert looked_at.autopsy is None
    assert "autopsy" not in looked_at.verdict.evidence
    monkeypatch.setattr(course, "EVERY", 10**9)
    alone = lk.fit(objective(net), RULES[rule], **settings)
    assert torch.equal(looked_at.theta, alone.theta)
    assert looked_at.work == alone.work
    assert [r.value.tolist() for r in looked_at.trace] == [r.value.tolist() for r in alone.trace]


@pytest.mark.parametrize("rule", ["lbfgs", "newton", "gradient_descent"])
def test_full_batches_are_looked_at_too(rule):
    x, y = counts(300, 4)
    ours = lk.Objective(lk.family("poisson"), lk.Linear(4), x.double(), y, l2=1.0)
    rule = lk.rule(rule, lr=1e-2) if rule == "gradient_descent" else rule
    assert lk.fit(ours, rule, budget=lk.Budget(steps=200)).autopsies == ()


def test_a_net_that_learns_inputs_of_its_own_scale_is_waited_for():
    x, y = regression(600, 5)
    net = lk.Columns(mean=lk.Linear(5), log_scale=lk.Fixed(0.0))
    ours = lk.Objective(lk.family("normal"), net, x, 1e8 * y)
    found = lk.fit(ours, lk.rule("sgd", lr=0.05), batch_size=20, budget=20)
    assert found.autopsies == ()


def test_the_snapshot_is_a_copy():
    theta, state = torch.ones(3), lk.rule("adam").init(torch.ones(3), lk.Linear(2))
    look = Look.at_start(theta, None, state)
    theta += 1
    assert look.fine(theta, None, state)
    state.step = 64
    assert look.fine(theta, None, state)
    theta[1] = torch.nan
    state.memory["v"][0] = torch.inf
    assert not look.fine(theta, None, state)
    assert look.good.theta.tolist() == [2.0, 2.0, 2.0]
    assert look.good.step == 64
    assert look.start.tolist() == [1.0, 1.0, 1.0]
    assert not look.fine(torch.ones(3), None, state)  # the memory alone
    assert bool(torch.isfinite(look.good.memory["v"]).all())


def test_runs_in_lockstep_are_lost_one_by_one_and_not_taken_apart():
    arguments = parameters.sgd_net()
    rates = torch.tensor([[1e-3], [1.0]])
    found = lk.fit(**{**arguments, "rule": lk.rule("sgd", lr=rates)})
    assert [v.kind for v in found.verdicts] == [lk.VerdictKind.BUDGET, lk.VerdictKind.NON_FINITE]
    assert found.autopsy is None


class _KilledError(Exception):
    pass


def test_an_autopsy_after_a_resumed_fit_is_that_of_an_uninterrupted_one(tmp_path):
    def killed(progress):
        if progress.record.step >= 120:
            raise _KilledError

    arguments = {**parameters.one_cycle(), "measure_every": 0.5}
    whole = lk.fit(**arguments)
    checkpoint = Checkpoint(tmp_path / "fit", every=50)
    with pytest.raises(_KilledError):
        lk.fit(**parameters.one_cycle(), measure_every=0.5, checkpoint=checkpoint, callbacks=[killed])
    # What is no longer finite is not written down: the file stays good to go on from, and fails as it did.
    for _ in range(2):
        resumed = lk.fit(**parameters.one_cycle(), measure_every=0.5, checkpoint=checkpoint)
        assert resumed.autopsy == whole.autopsy
        assert torch.equal(resumed.theta, whole.theta)


def test_the_best_theta_on_held_out_rows_stays():
    arguments = parameters.one_cycle()
    ours = arguments["objective"]
    x, y = regression(500, 12, seed=5)
    best = []
    found = lk.fit(
        **arguments,
        validation=ours.held_out(x, 3 * y),
        callbacks=[lambda p: best.append((float(p.record.validation[0]), p.theta.clone()))],
    )
    assert found.verdict.kind is lk.VerdictKind.NON_FINITE
    finite = [(value, theta) for value, theta in best if value == value and value < float("inf")]
    assert torch.equal(found.theta, min(finite, key=lambda pair: pair[0])[1])


def test_held_out_rows_that_are_wrong_are_said_to_be():
    arguments = parameters.one_cycle()
    ours = arguments["objective"]
    x, y = regression(50, 12, seed=5)
    x[7, 3] = torch.nan
    found = lk.fit(**{**arguments, "rule": lk.rule("sgd", lr=1e-3)}, validation=ours.held_out(x, y))
    assert (found.autopsy.layer, found.autopsy.cause, found.autopsy.rows) == ("x", "input", ())
    assert "held-out" in found.autopsy.message


def test_data_that_the_net_copes_with_are_not_to_blame():
    x, y = regression(600, 5)
    x[::3, 2] = torch.nan
    net = lk.Module(nn.Sequential(Imputed(), nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1)), outputs=1)
    ours = lk.Objective(lk.family("normal"), lk.Columns(mean=net, log_scale=lk.Fixed(0.0)), x, 20 * y)
    found = lk.fit(ours, lk.rule("sgd", lr=2.0), batch_size=20, budget=3)
    assert found.autopsy.cause == "learning_rate"
    assert found.autopsy.phase != "data"


class Imputed(nn.Module):
    def forward(self, x):
        return torch.nan_to_num(x, 0.0)


def test_memory_that_overflows_is_found_though_theta_is_finite():
    x, y = classes(640, 6, 3)
    x[400, 2] = 1e25  # a gradient of 10²⁵ has an infinite square, and moves nothing ever after
    ours = lk.Objective(lk.family("categorical"), lk.MLP((6, 3)), x, y)
    rule = lk.rule("adam", lr=1e-3)
    found = lk.fit(ours, rule, batch_size=20, budget=6)
    assert (found.autopsy.layer, found.autopsy.phase, found.autopsy.rows) == ("x", "data", (400,))


def test_sentinels_of_the_planted_kind_are_named_with_their_value():
    found = lk.fit(**data.sentinels()).autopsy
    assert "-1e+30" in found.message
    assert str(found.rows[0]) in str(found)
