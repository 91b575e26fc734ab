"""One fit on its way: the loops that step a rule, measure outside the clock, and decide when to stop and why.

A rule moves θ and never measures itself; the course measures and never moves θ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from likeliest.batches import Batches
from likeliest.checkpoint import Checkpoint, Held, packed, unpack
from likeliest.ending import PERFECT_NLL
from likeliest.interfaces import Need, Record, Trace, VerdictKind
from likeliest.local import Meter
from likeliest.objective import Objective
from likeliest.progress import Callback, Pace, told
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.standing import Standing

MEASURED_ROWS = 8_192
"""A mini-batch fit measures its training objective on at most so many rows, always the same ones."""
ARITHMETIC_LIMIT = 1e-5
"""With a gradient below this, a line search that finds no lower point has met the limit of its arithmetic."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a fit may spend, in work and never in time.

    Attributes:
        passes: row-gradient evaluations over n; for a mini-batch rule these are epochs.
        steps: calls of the rule.
    """

    passes: float = math.inf
    steps: float = math.inf


class Course:
    """One fit on its way: θ, the rule's state, the clock, and the standing of each run.

    With an ``average`` the point that is measured and kept is the exponential moving average of θ (Polyak and
    Juditsky, 1992, in the form of Tarvainen and Valpola, 2017): a ← d·a + (1 − d)·θ after every step, with
    d = min(average, (1 + t)/(10 + t)), so that the start is soon forgotten.
    """

    def __init__(
        self,
        objective: Objective,
        rule: Rule,
        theta: Tensor,
        validation: Objective | None,
        patience: int | None,
        tolerance: float,
        budget: Budget,
        callbacks: Sequence[Callback] = (),
        average: float | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.objective, self.rule, self.theta, self.validation = objective, rule, theta, validation
        self.tolerance, self.budget, self.callbacks = tolerance, budget, callbacks
        self.state = rule.init(theta, objective.predictor)
        self.meter, self.trace, self.seconds = Meter(), Trace(), 0.0
        self._pace = Pace()
        self._resumed = time.perf_counter()
        self.standing = Standing(theta, patience if validation is not None else None)
        self._decay, self._average = average, None if average is None else theta.clone()
        self._checkpoint = checkpoint
        unpenalised = objective.penalty is None and objective.predictor.linear
        self._separable = unpenalised and objective.recession_cone is not None

    @property
    def measured_theta(self) -> Tensor:
        """The point that is measured and kept: θ, or its moving average."""
        return self.theta if self._average is None else self._average

    # The two loops. Each yields to `_measure` at set amounts of work and ends with the kind of its ending.

    def run(
        self, batch_size: int | None, seed: int, measure_every: float | Sequence[int], measured_rows: int
    ) -> VerdictKind:
        """Step until something ends the fit; return what did."""
        try:
            if batch_size is None:
                return self._full_batch()
            return self._mini_batches(batch_size, seed, measure_every, measured_rows)
        except KeyboardInterrupt:
            return VerdictKind.INTERRUPTED

    def _full_batch(self) -> VerdictKind:
        objective, rule, state = self.objective, self.rule, self.state
        # A step costs a pass or more, so that the passes bound the steps too; a schedule needs to know its end.
        bound = min(self.budget.steps, self.budget.passes)
        state.steps = math.ceil(bound) if math.isfinite(bound) else None
        while True:
            # What it took to get to θ; its own gradient is the first part of the next step.
            spent = self.meter.work
            local = state.arrived or objective.at(self.theta, None, rule.needs, self.meter)
            state.arrived = None
            if Need.GRAD in rule.needs:
                self.standing.grad_norm = _per_run(local.grad.abs().amax(-1))
            value = local.value if Need.VALUE in rule.needs else objective.at(self.theta).value
            ending = self._measure(_per_run(value), spent)
            if ending is not None:
                return ending
            if state.step >= self.budget.steps or spent >= self.budget.passes * objective.n:
                return VerdictKind.BUDGET
            if state.outcome is not None:
                near = (self.standing.lost | (self.standing.grad_norm <= ARITHMETIC_LIMIT)).all()
                return VerdictKind.CONVERGED if near else VerdictKind.BUDGET
            self.theta = rule.step(local, state)
            state.step += 1

    def _mini_batches(
        self, batch_size: int, seed: int, measure_every: float | Sequence[int], measured_rows: int
    ) -> VerdictKind:
        objective, rule, state, needs, meter = self.objective, self.rule, self.state, self.rule.needs, self.meter
        batches = Batches(objective.n, batch_size, seed, self.theta.device)
        last = math.ceil(min(self.budget.steps, self.budget.passes * batches.per_epoch))
        due = _due(measure_every, batches.per_epoch, last)
        measured = self._measured_objective(measured_rows)
        state.steps = last
        described = self._description(batch_size, seed)
        if not self._go_on(described):
            ending = self._measure_at(measured)
        else:
            ending = self._ending(self.trace.records[-1].value)
        draws = batches.after(state.step)
        while ending is None and state.step < last:
            draw = next(draws)
            self.theta = rule.step(objective.at(self.theta, draw.rows, needs, meter, draw), state)
            state.step += 1
            self._follow()
            if state.step in due or state.step == last:
                ending = self._measure_at(measured)
            self._keep(described, state.step == last or ending is not None)
        return ending or VerdictKind.BUDGET

    def _follow(self) -> None:
        """Let the average follow θ."""
        if self._average is not None and self._decay is not None:
            t = self.state.step
            self._average.lerp_(self.theta, 1.0 - min(self._decay, (1 + t) / (10 + t)))

    def _measure_at(self, measured: Objective) -> VerdictKind | None:
        return self._measure(_per_run(measured.at(self.measured_theta).value), self.meter.work)

    def _measured_objective(self, measured_rows: int) -> Objective:
        if self.objective.n <= measured_rows:
            return self.objective
        rows = stream(0, "measure").choice(self.objective.n, size=measured_rows, replace=False)
        return self.objective.subset(np.sort(rows))

    # Checkpoints: what a fit is between two steps.

    def _description(self, batch_size: int, seed: int) -> dict[str, Any]:
        """What must be the same for a fit to go on."""
        if self._checkpoint is None:
            return {}
        objective = self.objective
        return {
            "family": objective.family.name,
            "parts": {name: list(part.shape) for name, part in objective.predictor.parts.items()},
            "rows": objective.n,
            "rule": repr(self.rule),
            "batch_size": batch_size,
            "seed": seed,
            "average": self._decay,
        }

    def _keep(self, described: dict[str, Any], ended: bool) -> None:
        if self._checkpoint is None or not (ended or self.state.step % self._checkpoint.every == 0):
            return
        averaged = {} if self._average is None else {"average": self._average}
        tensors = {"theta": self.theta, "best": self.standing.best, **averaged, **packed(self.state.memory)}
        numbers = {
            "step": self.state.step,
            "work": self.meter.work,
            "seconds": self.seconds + time.perf_counter() - self._resumed,
            "evidence": self.state.evidence,
            "outcome": self.state.outcome,
            "standing": {name: getattr(self.standing, name).tolist() for name in Standing.ARRAYS},
        }
        self._checkpoint.write(Held(tensors, numbers, self.trace.records, described))

    def _go_on(self, described: dict[str, Any]) -> bool:
        """Take up a fit that left a checkpoint; say whether there was one."""
        held = None if self._checkpoint is None else self._checkpoint.read(described)
        if held is None:
            return False
        self.theta.copy_(held.tensors["theta"])
        self.standing.best.copy_(held.tensors["best"])
        if self._average is not None:
            self._average.copy_(held.tensors["average"])
        unpack(self.state.memory, held.tensors)
        numbers = held.numbers
        self.state.step, self.state.outcome = numbers["step"], numbers["outcome"]
        self.state.evidence = dict(numbers["evidence"])
        self.meter.work, self.seconds = numbers["work"], numbers["seconds"]
        for name in Standing.ARRAYS:
            own = getattr(self.standing, name)
            setattr(self.standing, name, np.asarray(numbers["standing"][name], dtype=own.dtype))
        self.trace.records[:] = held.trace
        self._resumed = time.perf_counter()
        return True

    # Measuring, with the clock stopped.

    def _measure(self, value: np.ndarray, work: float) -> VerdictKind | None:
        self.seconds += time.perf_counter() - self._resumed
        held_out = None if self.validation is None else _per_run(self.validation.at(self.measured_theta).value)
        known = np.isfinite(self.standing.grad_norm).any()
        grad_norm = self.standing.grad_norm.copy() if known else None
        passes = work / self.objective.n
        record = Record(self.state.step, passes, self.seconds, value, held_out, grad_norm)
        self.trace.records.append(record)
        self.standing.note(self.measured_theta, value, held_out)
        progress = self._pace.at(record, self.measured_theta, self.state.steps, self.objective.n)
        stopped = told(self.callbacks, progress)
        ending = self._ending(value) or (VerdictKind.STOPPED if stopped else None)
        self._resumed = time.perf_counter()
        return ending

    def _ending(self, value: np.ndarray) -> VerdictKind | None:
        if self.standing.lost.all():
            return VerdictKind.NON_FINITE
        if (self.standing.lost | (self.standing.grad_norm <= self.tolerance)).all():
            return VerdictKind.CONVERGED
        if (self.standing.lost | self.standing.plateaued).all():
            return VerdictKind.PLATEAU
        if self._separable and (value <= PERFECT_NLL).all():
            return VerdictKind.SEPARATED
        return None


def _due(measure_every: float | Sequence[int], per_epoch: int, last: int) -> Container[int]:
    """The steps after which to measure."""
    if isinstance(measure_every, Sequence):
        return frozenset(measure_every)
    interval = max(1, round(measure_every * per_epoch))
    return range(interval, last + 1, interval)


def _per_run(values: Tensor) -> np.ndarray:
    """A measured number of each run, (R,), in double precision."""
    return values.detach().double().reshape(-1).cpu().numpy().copy()
