"""Replays: the steps of a fit, taken again from a point that was kept, as they were or with one thing changed.

Every random number of a fit has an address, so that the same θ, memory and batches give the same steps, bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from likeliest.autopsy.births import InSingle
from likeliest.autopsy.look import Look, Snapshot, all_finite, finite_memory
from likeliest.capture import keep_rate
from likeliest.interfaces import Draw, Need, State
from likeliest.objective import Objective
from likeliest.predictors import Columns, Layered, Predictor
from likeliest.rules import Rule
from likeliest.rules.base import peak


@dataclass(frozen=True)
class Scene:
    """What an autopsy is given: one run of a fit that met a number that is not finite.

    Attributes:
        objective: what was minimised.
        given: the same rows in the user's own units.
        rule: as it was.
        draws: steps done → the draws of the steps that follow; None stands for all rows.
        per_epoch: steps to an epoch.
        steps: where the fit would have ended, for schedules.
        look: the start, the last good point, and what the looks saw.
        step: steps done when it was noticed.
        theta: the point measured then.
        measured: the rows that the training objective is measured on.
        kept: the rows that are not left out; None is all of them.
        validation: what else is.
        seed: of the fit.
    """

    objective: Objective
    given: Objective
    rule: Rule
    draws: Callable[[int], Iterator[Draw | None]]
    per_epoch: int
    steps: int | None
    look: Look
    step: int
    theta: Tensor
    measured: Tensor
    kept: Tensor | None
    validation: Objective | None
    seed: int

    @property
    def all_rows(self) -> Tensor:
        """The rows that make an epoch."""
        return torch.arange(self.objective.n, device=self.theta.device) if self.kept is None else self.kept

    def draw_of(self, step: int) -> Draw | None:
        """The draw of a step, from 1."""
        return next(self.draws(step - 1))

    def rows_of(self, draw: Draw | None) -> Tensor:
        """The rows of a step."""
        return self.all_rows if draw is None else draw.rows

    @property
    def at_start(self) -> Snapshot:
        """The start, with a fresh memory."""
        state = self.rule.init(self.look.start.clone(), self.objective.predictor)
        return Snapshot(self.look.start, None, 0, state.memory)


@dataclass(frozen=True)
class Step:
    """A step taken again: its number from 1, its draw, θ before and after it, and whether all of it was finite.

    ``after`` and ``memory`` are the replay's own, good until the next step.
    """

    number: int
    draw: Draw | None
    before: Tensor
    after: Tensor
    memory: dict[str, Any]
    fine: bool


def replayed(
    scene: Scene,
    start: Snapshot,
    *,
    rule: Rule | None = None,
    objective: Objective | None = None,
    without: Tensor | None = None,
) -> Iterator[Step]:
    """Take steps again from a point, without end; with another rule or objective, or without some rows."""
    rule, objective = rule or scene.rule, objective or scene.objective
    state, theta = start.state(scene.steps), start.theta.clone()
    for draw in scene.draws(start.step):
        rows = scene.kept if draw is None else draw.rows
        if without is not None:
            rows = scene.rows_of(draw)
            rows = rows[~torch.isin(rows, without)]
            draw = None if draw is None else replace(draw, rows=rows)
        before, fine = theta.clone(), True
        if rows is None or len(rows):
            theta, fine = _step(objective, rule, theta, state, draw, rows)
        state.step += 1
        yield Step(state.step, draw, before, theta, state.memory, fine)


def _step(
    objective: Objective, rule: Rule, theta: Tensor, state: State, draw: Draw | None, rows: Tensor | None
) -> tuple[Tensor, bool]:
    """Step as a fit does, then say whether value, gradient, θ and memory are finite."""
    keep_rate(rule, theta, state)
    local = objective.at(theta, rows, rule.needs, None, draw)
    # Columns of η may be views of θ, which changes in place: the value comes before the step, unless the rule asks.
    value = None if Need.VALUE in rule.needs else local.value
    state.arrived = None
    theta = rule.step(local, state)
    fine = all_finite(local.value if value is None else value)
    if Need.GRAD in rule.needs:
        fine = fine and all_finite(local.grad)
    return theta, fine and all_finite(theta) and finite_memory(theta, state.memory)


def first_failing(scene: Scene, start: Snapshot, until: int, **changed: Any) -> Step | None:
    """The first step up to a number of them that is not finite all through; None where there is none."""
    steps = islice(replayed(scene, start, **changed), max(until - start.step, 0))
    return next((step for step in steps if not step.fine), None)


def stays_finite(scene: Scene, start: Snapshot, until: int, *, single: bool = False, **changed: Any) -> bool:
    """Whether the steps up to a number of them are finite with something changed."""
    with InSingle() if single else nullcontext():
        try:
            return first_failing(scene, start, until, **changed) is None
        except (RuntimeError, ValueError, IndexError):  # what was changed does not go together with the user's code
            return False


def slower(rule: Rule, by: float) -> Rule | None:
    """The same rule with its learning rate divided; None where it has none."""
    rate = getattr(rule, "lr", None)
    return None if rate is None else rule.with_lr(peak(rate) / by)


def in_single(objective: Objective) -> Objective:
    """The same objective on a predictor that computes in θ's own precision all through."""
    found = copy.copy(objective)
    found.predictor, found._buffer = _in_single(objective.predictor), None
    return found


def computes_in_half(predictor: Predictor) -> bool:
    """Whether one of our own nets does, or is part of it."""
    if isinstance(predictor, Columns):
        return any(computes_in_half(p) for p in predictor.components.values())
    return isinstance(predictor, Layered) and predictor.compute is not None


def _in_single(predictor: Predictor) -> Predictor:
    if not computes_in_half(predictor):
        return predictor
    if isinstance(predictor, Columns):
        parts = {name: _in_single(p) for name, p in predictor.components.items()}
        leading = [p for n, p in parts.items() if n.isdigit()]
        return Columns(*leading, **{n: p for n, p in parts.items() if not n.isdigit()})
    plain = copy.copy(predictor)
    assert isinstance(plain, Layered)
    plain.compute = None
    return plain
