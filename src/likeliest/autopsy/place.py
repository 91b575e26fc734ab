"""Where: the step, the batch and the place of the first number that is not finite."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from likeliest.autopsy.data import suspects
from likeliest.autopsy.look import all_finite
from likeliest.autopsy.replay import Scene, Step, first_failing
from likeliest.autopsy.walk import Finding, first_place, row_values
from likeliest.interfaces import Draw


@dataclass(frozen=True)
class Failure:
    """The evaluation that failed first.

    Attributes:
        step: from 1.
        rows: of its batch.
        draw: of its batch; None in evaluation, and where all rows make a step.
        theta: where it was.
        finding: its first place.
        measured: whether no step had failed, but a measurement.
        held_out: whether that was on the held-out rows.
    """

    step: int
    rows: Tensor
    draw: Draw | None
    theta: Tensor
    finding: Finding
    measured: bool = False
    held_out: bool = False


def locate(scene: Scene) -> Failure:
    """Find the first evaluation that failed: among the steps since the last good point, or else in a measurement."""
    if scene.step > 0:
        full = scene.draw_of(1) is None
        step = first_failing(scene, scene.look.good, scene.step + full)
        if step is not None:
            return failure_of(scene, step)
    return _in_measurement(scene)


def failure_of(scene: Scene, step: Step) -> Failure:
    """The first place of a step that was not finite."""
    rows = scene.rows_of(step.draw)
    finding = first_place(scene.objective, step.before, rows, step.draw) or _in_update(scene, step)
    return Failure(step.number, rows, step.draw, step.before, finding)


def _in_update(scene: Scene, step: Step) -> Finding:
    """All that was evaluated is finite, and what the rule made of it is not."""
    for values in (step.after, *(v for v in step.memory.values() if isinstance(v, Tensor))):
        if values.shape == step.after.shape and not all_finite(values):
            return Finding(part_at(scene, int((~torch.isfinite(values)).nonzero()[0])), "update")
    return Finding("eta", "update")


def part_at(scene: Scene, entry: int) -> str:
    """The layer that an entry of θ belongs to."""
    for name, part in scene.objective.predictor.parts.items():
        if part.slice.start <= entry < part.slice.stop:
            return name.rpartition(".")[0] or name
    return "eta"


def _in_measurement(scene: Scene) -> Failure:
    """What is measured is not finite, before any step or though every step was: in which rows?"""
    objective, theta = scene.objective, scene.theta
    values = row_values(objective, theta, scene.measured)
    bad = scene.measured[~torch.isfinite(values)]
    if len(bad) == 0 and scene.validation is not None:
        every = torch.arange(scene.validation.n, device=theta.device)
        held_out = first_place(scene.validation, theta, every, None)
        if held_out is not None:
            return Failure(scene.step, every, None, theta, held_out, measured=True, held_out=True)
    if scene.step == 0 or any(s.certain for s in suspects(scene.given, bad)):
        meeting = _first_to_meet(scene, bad)
        if meeting is not None:
            number, draw = meeting
            rows = scene.rows_of(draw)
            in_training = first_place(objective, theta, rows, draw)
            if in_training is not None:
                return Failure(number, rows, draw, theta, in_training, measured=scene.step > 0)
    finding = first_place(objective, theta, scene.measured, None) or Finding("eta", "update")
    return Failure(max(scene.step, 1), scene.measured, None, theta, finding, measured=True)


def _first_to_meet(scene: Scene, rows: Tensor) -> tuple[int, Draw | None] | None:
    """The first step of an epoch whose batch has one of some rows; the first of all where none are known."""
    for number, draw in enumerate(islice(scene.draws(0), scene.per_epoch), 1):
        if len(rows) == 0 or bool(torch.isin(scene.rows_of(draw), rows).any()):
            return number, draw
    return None
