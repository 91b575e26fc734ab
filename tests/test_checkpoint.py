"""A fit that was cut short goes on from its checkpoint and ends with the bytes of one that was not."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.framewise import Framewise, Louder, texts
from torch import nn

import likeliest as lk
from likeliest.batches import Batches
from likeliest.checkpoint import Checkpoint
from likeliest.errors import CheckpointError, NotOnOfferError, SpecificationError

RULES = {"adam": {"lr": 1e-2}, "nesterov": {"lr": 1e-2}, "rmsprop": {"lr": 1e-3}}


class Shifted:
    """An augmentation: each row moves by an amount that belongs to its number and the epoch."""

    def __call__(self, x, y, weight, draw):
        return x + 0.1 * torch.sin(draw.rows * 12.9898 + draw.epoch)[:, None].to(x.dtype), y, weight


def _net() -> lk.Module:
    return lk.Module(
        nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)), outputs=3
    )


def _objectives() -> tuple[lk.Objective, lk.Objective]:
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(500, 6, generator=numbers)
    y = (x[:, :3] + 0.5 * torch.randn(500, 3, generator=numbers)).argmax(1)
    objective = lk.Objective(lk.family("categorical"), _net(), x[:400], y[:400], l2=0.1, transform=Shifted())
    return objective, objective.held_out(x[400:], y[400:])


def _of_recordings() -> tuple[lk.Objective, lk.Objective]:
    """Recordings of unequal length, changed in every epoch, and their texts."""
    objective, held_out = (texts(n, np.random.default_rng(n)) for n in (400, 100))
    objective = lk.Objective(lk.family("ctc"), Framewise(), *objective, l2=0.1, transform=Louder())
    return objective, objective.held_out(*held_out)


def _fit(rule: str, objectives=_objectives, **more) -> lk.Fit:
    objective, held_out = objectives()
    settings = {"batch_size": 32, "budget": 6, "seed": 3, "validation": held_out, "average": 0.95} | more
    return lk.fit(objective, lk.rule(rule, **RULES[rule]), **settings)


class _KilledError(Exception):
    pass


def _killed_after(records: int):
    seen = []

    def callback(progress):
        seen.append(progress)
        if len(seen) > records:
            raise _KilledError

    return callback


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("objectives", "records"), [(_objectives, 1), (_objectives, 3), (_objectives, 5), (_of_recordings, 3)]
)
def test_resumed_equals_uninterrupted_bit_for_bit(rule, records, objectives, tmp_path):
    whole = _fit(rule, objectives)
    checkpoint = Checkpoint(tmp_path / "fit.checkpoint", every=7)
    with pytest.raises(_KilledError):
        _fit(rule, objectives, checkpoint=checkpoint, callbacks=[_killed_after(records)])
    resumed = _fit(rule, objectives, checkpoint=checkpoint)
    assert torch.equal(resumed.theta, whole.theta)
    assert resumed.work == whole.work
    assert resumed.verdict == whole.verdict
    for ours, theirs in zip(resumed.trace, whole.trace, strict=True):
        assert (ours.step, ours.work) == (theirs.step, theirs.work)
        np.testing.assert_array_equal(ours.value, theirs.value)
        np.testing.assert_array_equal(ours.validation, theirs.validation)
    again = _fit(rule, objectives, checkpoint=checkpoint)
    assert torch.equal(again.theta, whole.theta), "a finished fit has nothing left to do"


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.checkpoint")
    _fit("adam", checkpoint=checkpoint, budget=2)
    assert torch.equal(_fit("adam", checkpoint=checkpoint).theta, _fit("adam").theta)


@pytest.mark.parametrize(
    ("change", "named"), [({"seed": 4}, "seed"), ({"batch_size": 16}, "batch_size"), ({"average": None}, "average")]
)
def test_a_checkpoint_of_another_fit_is_refused_by_what_differs(change, named, tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.checkpoint")
    _fit("adam", checkpoint=checkpoint, budget=1)
    with pytest.raises(CheckpointError, match=f"its {named} is"):
        _fit("adam", checkpoint=checkpoint, **change)
    with pytest.raises(CheckpointError, match="its rule is"):
        _fit("rmsprop", checkpoint=checkpoint)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_named(content, tmp_path):
    path = tmp_path / "fit.checkpoint"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"fit\.checkpoint: .*remove the file"):
        _fit("adam", checkpoint=Checkpoint(path))
    assert path.read_bytes() == content


def test_full_batches_have_no_checkpoints(tmp_path):
    with pytest.raises(SpecificationError, match="give a batch_size"):
        _fit("adam", batch_size=None, checkpoint=Checkpoint(tmp_path / "c"), average=None)
    with pytest.raises(SpecificationError, match="give a batch_size"):
        _fit("adam", batch_size=None)
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        _fit("adam", average=1.0)
    with pytest.raises(SpecificationError, match="at least 1"):
        Checkpoint("c", every=0)
    with pytest.raises(NotOnOfferError):
        lk.fit(_objectives()[0], "lbfgs", batch_size=4)


def test_the_average_follows_theta():
    """By the recursion itself, over the path of a fit that is stopped after every step."""
    thetas = [_fit("nesterov", average=None, budget=lk.Budget(steps=k), validation=None).theta for k in range(9)]
    average = thetas[0].clone()
    for t, theta in enumerate(thetas[1:], 1):
        decay = min(0.95, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * theta
    found = _fit("nesterov", budget=lk.Budget(steps=8), validation=None).theta
    torch.testing.assert_close(found, average, rtol=1e-5, atol=1e-6)


def test_any_step_has_its_batch():
    batches = Batches(23, 5, seed=7)
    first = [draw for _, draw in zip(range(14), batches.after(0), strict=False)]
    for start in (1, 4, 5, 9):
        for ours, theirs in zip(batches.after(start), first[start:], strict=False):
            assert torch.equal(ours.rows, theirs.rows)
            assert ours.epoch == theirs.epoch
    for epoch in (0, 1):
        rows = torch.cat([draw.rows for draw in first if draw.epoch == epoch])
        assert rows.sort().values.tolist() == list(range(23))


SCRIPT = Path(__file__).parent / "resume_after_kill.py"


@pytest.mark.parametrize("of", ["pictures", "texts"])
def test_killed_by_a_signal_and_resumed(of, tmp_path):
    """Two real kills here; the script beside this file takes any number, and any of the rules."""
    command = [sys.executable, str(SCRIPT), "--of", of, "--rule", "adam", "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["equal"] is True
