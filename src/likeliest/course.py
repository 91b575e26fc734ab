"""One fit on its way: the loops that step a rule, measure outside the clock, and decide when to stop and why.

A rule moves θ and never measures itself; the course measures and never moves θ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeliest.autopsy import EVERY, Autopsy, Look, Remedy, Scene, Snapshot, examine, usable
from likeliest.autopsy.look import LOOKED
from likeliest.autopsy.remedy import MOST
from likeliest.batches import Batches
from likeliest.capture import Steps
from likeliest.checkpoint import Checkpoint, Held, description, packed, unpack
from likeliest.ending import PERFECT_NLL
from likeliest.interfaces import Draw, Local, Need, Record, Trace, VerdictKind
from likeliest.local import Local as View
from likeliest.local import Meter
from likeliest.objective import Objective
from likeliest.progress import Callback, Pace, told
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.standing import Standing

MEASURED_ROWS = 4_096
"""A mini-batch fit measures its training objective on at most so many rows, always the same ones."""
ARITHMETIC_LIMIT = 1e-5
"""With a gradient below this, a line search that finds no lower point has met the limit of its arithmetic."""
NEGLIGIBLE_DECREMENT = 1e-8
"""With a Newton decrement below this, in nats per unit of weight, it has met a kink there is nothing to gain beyond."""


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
        goes_on: bool = False,
        given: Objective | None = None,
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
        # Runs in lockstep are not looked at: each is lost by itself, and none is taken apart.
        self._look = Look.at_start(theta, self._average, self.state) if theta.ndim == 1 else None
        self._goes_on, self._given = goes_on, given or objective
        self._kept: Tensor | None = None
        self._seed = 0
        self.autopsies: list[Autopsy] = []
        self.remedies: list[Remedy] = []
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
        self._seed = seed
        try:
            if batch_size is None:
                return self._full_batch()
            return self._mini_batches(batch_size, seed, measure_every, measured_rows)
        except KeyboardInterrupt:
            return VerdictKind.INTERRUPTED

    def _full_batch(self) -> VerdictKind:
        while True:
            ending = self._full_steps()
            rows = torch.arange(self.objective.n, device=self.theta.device) if self._kept is None else self._kept
            if ending is not VerdictKind.NON_FINITE or not self._recovers(_all_rows, 1, rows):
                return ending

    def _full_steps(self) -> VerdictKind:
        objective, rule, state = self.objective, self.rule, self.state
        # A step costs a pass or more, so that the passes bound the steps too; a schedule needs to know its end.
        bound = min(self.budget.steps, self.budget.passes)
        state.steps = math.ceil(bound) if math.isfinite(bound) else None
        while True:
            # What it took to get to θ; its own gradient is the first part of the next step.
            spent = self.meter.work
            local = state.arrived or objective.at(self.theta, self._kept, rule.needs, self.meter)
            state.arrived = None
            if Need.GRAD in rule.needs:
                self.standing.grad_norm = _per_run(local.grad.abs().amax(-1))
            value = local.value if Need.VALUE in rule.needs else objective.at(self.theta, self._kept).value
            ending = self._measure(_per_run(value), spent)
            if ending is None and state.step % EVERY == 0 and not self._fine(local):
                ending = self._lose()
            if ending is not None:
                return ending
            if state.step >= self.budget.steps or spent >= self.budget.passes * objective.n:
                return VerdictKind.BUDGET
            if state.outcome is not None:
                near = (self.standing.lost | (self.standing.grad_norm <= ARITHMETIC_LIMIT)).all()
                return VerdictKind.CONVERGED if near or self._on_a_kink() else VerdictKind.BUDGET
            self.theta = rule.step(local, state)
            state.step += 1

    def _on_a_kink(self) -> bool:
        """Whether a rule that cannot move stands where there is nothing to gain, though no gradient vanishes there."""
        decrement = self.state.evidence.get("newton_decrement", math.inf)
        return not self.objective.predictor.smooth and decrement <= NEGLIGIBLE_DECREMENT

    def _mini_batches(
        self, batch_size: int, seed: int, measure_every: float | Sequence[int], measured_rows: int
    ) -> VerdictKind:
        objective, state = self.objective, self.state
        batches = Batches(objective.n, batch_size, seed, self.theta.device)
        last = math.ceil(min(self.budget.steps, self.budget.passes * batches.per_epoch))
        due = _due(measure_every, batches.per_epoch, last)
        state.steps = last
        described = description(objective, self.rule, batch_size, seed, self._decay)
        taken_up = self._go_on(described)
        ending: VerdictKind | None = self._ending(self.trace.records[-1].value) if taken_up else None
        fresh = not taken_up
        while True:
            rows = self._measured_rows(measured_rows)
            measured = self.objective if len(rows) == objective.n else self.objective.subset(rows)
            if fresh:
                ending = self._measure_at(measured)
            if ending is None:
                ending = self._steps(self._draws(batches), last, due, measured, described)
            if ending is not VerdictKind.NON_FINITE or not self._recovers(
                lambda step: self._draws(batches, step), batches.per_epoch, rows
            ):
                return ending
            ending, fresh = None, state.step == 0

    def _steps(
        self, draws: Iterator[Draw], last: int, due: Container[int], measured: Objective, described: dict[str, Any]
    ) -> VerdictKind:
        state, steps = self.state, Steps(self.objective, self.rule, self.theta, self.state, self.meter)
        ending = None
        while ending is None and state.step < last:
            local = steps.take(next(draws))
            self.theta = steps.theta
            state.step += 1
            self._follow()
            if state.step % EVERY == 0 and not self._fine(local):
                self._measure_at(measured)
                ending = self._lose()
            elif state.step in due or state.step == last:
                ending = self._measure_at(measured)
            if ending is not VerdictKind.NON_FINITE:  # the file stays as it was before
                self._keep(described, state.step == last or ending is not None)
        return ending or VerdictKind.BUDGET

    def _draws(self, batches: Batches, step: int | None = None) -> Iterator[Draw]:
        """The draws that follow a step, without the rows that are left out."""
        for draw in batches.after(self.state.step if step is None else step):
            if self._kept is None:
                yield draw
            else:
                yield replace(draw, rows=draw.rows[torch.isin(draw.rows, self._kept)])

    def _follow(self) -> None:
        """Let the average follow θ."""
        if self._average is not None and self._decay is not None:
            t = self.state.step
            self._average.lerp_(self.theta, 1.0 - min(self._decay, (1 + t) / (10 + t)))

    def _measure_at(self, measured: Objective) -> VerdictKind | None:
        value = _per_run(measured.at(self.measured_theta).value)
        if self._look is not None:
            self._look.note(float(value[0]), self.theta, self._average, self.state)
        return self._measure(value, self.meter.work)

    def _measured_rows(self, measured_rows: int) -> Tensor:
        """The rows that the training objective is measured on."""
        rows = torch.arange(self.objective.n, device=self.theta.device)
        if self.objective.n > measured_rows:
            chosen = stream(0, "measure").choice(self.objective.n, size=measured_rows, replace=False)
            rows = torch.from_numpy(np.sort(chosen)).to(self.theta.device)
        return rows if self._kept is None else rows[torch.isin(rows, self._kept)]

    # When something is no longer finite.

    def _fine(self, local: Local) -> bool:
        """Look whether θ, the rule's memory and the latest batch's value are finite."""
        if self._look is None:
            return True
        if isinstance(local, View) and self._lost_rows(local):
            return False
        return self._look.fine(self.theta, self._average, self.state)

    def _lost_rows(self, local: View) -> bool:
        """Whether the batch's value is not finite, where that is known for nothing.

        Columns of η may be views of θ, which has moved since: so it is asked once more where it is now.
        """
        if not 0 < local.n <= self.objective.block or _finite(local.value):
            return False
        return not _finite(self.objective.at(self.theta.clone(), local.rows).value)

    def _lose(self) -> VerdictKind:
        self.standing.lost[:] = True
        return VerdictKind.NON_FINITE

    def _recovers(self, draws: Callable[[int], Iterator[Draw | None]], per_epoch: int, measured: Tensor) -> bool:
        """Take the fit apart, go back to the best point that can be used, and say whether it goes on from there."""
        if self._look is None:
            return False
        self.seconds += time.perf_counter() - self._resumed
        scene = Scene(
            self.objective, self._given, self.rule, draws, per_epoch, self.state.steps, self._look, self.state.step,
            self.measured_theta.clone(), measured, self._kept, self.validation, self._seed,
        )  # fmt: skip
        autopsy, to_blame = examine(scene)
        self.autopsies.append(autopsy)
        remedy = Remedy.of(autopsy, to_blame, self.objective, self.rule) if self._goes_on else None
        goes_on = remedy is not None and len(self.remedies) < MOST
        if not (self.validation is not None and np.isfinite(self.standing.best_value).all()):
            known = (self.standing.best, self._look.best.measured_theta, self._look.good.measured_theta)
            self.standing.best.copy_(usable(scene, known, to_blame))
        if remedy is not None and goes_on:
            self.remedies.append(remedy)
            self._apply(remedy)
            # Steps that were too large have done harm before something overflowed.
            self._back_to(self._look.best if remedy.kind == "halve" else self._look.good)
        self._resumed = time.perf_counter()
        return goes_on

    def _apply(self, remedy: Remedy) -> None:
        self.objective, self.rule, self._kept = remedy.applied(self.objective, self.rule, self._kept)

    def _back_to(self, snapshot: Snapshot) -> None:
        """Be again what the fit was at a point that was kept."""
        self.theta = snapshot.theta.clone()
        if self._average is not None and snapshot.average is not None:
            self._average.copy_(snapshot.average)
        self.state = snapshot.state(self.state.steps)
        if self._look is not None:
            self._look.back_to(snapshot)
        before = [r for r in self.trace.records if r.step <= snapshot.step and np.isfinite(r.value).all()]
        self.trace.records[:] = before
        self.standing.lost[:] = False
        self.standing.grad_norm[:] = np.nan

    # Checkpoints: what a fit is between two steps.

    def _snapshots(self) -> dict[str, Snapshot]:
        """The points that an autopsy replays from and goes back to, which checkpoints keep too."""
        return {} if self._look is None else {"looked_good": self._look.good, "looked_best": self._look.best}

    def _keep(self, described: dict[str, Any], ended: bool) -> None:
        if self._checkpoint is None or not (ended or self.state.step % self._checkpoint.every == 0):
            return
        if self.theta.ndim == 1 and not _finite(self.theta):  # what is no longer finite is nothing to go on from
            return
        averaged = {} if self._average is None else {"average": self._average}
        tensors = {"theta": self.theta, "best": self.standing.best, **averaged, **packed(self.state.memory)}
        for name, snapshot in self._snapshots().items():
            own = {} if snapshot.average is None else {"average": snapshot.average}
            kept = {"theta": snapshot.theta, **own, **packed(snapshot.memory)}
            tensors |= {f"{name}.{what}": tensor for what, tensor in kept.items()}
        numbers = {
            "step": self.state.step,
            "work": self.meter.work,
            "seconds": self.seconds + time.perf_counter() - self._resumed,
            "evidence": self.state.evidence,
            "outcome": self.state.outcome,
            "look": None if self._look is None else {name: getattr(self._look, name) for name in LOOKED},
            "snapshots": {name: snapshot.step for name, snapshot in self._snapshots().items()},
            "remedies": [remedy.to_json() for remedy in self.remedies],
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
        for values in numbers.get("remedies", ()):
            self.remedies.append(Remedy.from_json(values))
            self._apply(self.remedies[-1])
        if self._look is not None:
            for name, value in numbers["look"].items():
                setattr(self._look, name, value)
        for name, snapshot in self._snapshots().items():
            tensors = {k.removeprefix(f"{name}."): t for k, t in held.tensors.items() if k.startswith(f"{name}.")}
            snapshot.step = numbers["snapshots"][name]
            snapshot.theta.copy_(tensors["theta"])
            if snapshot.average is not None:
                snapshot.average.copy_(tensors["average"])
            unpack(snapshot.memory, tensors)
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


def _all_rows(step: int) -> Iterator[None]:
    """The draws of full batches: none."""
    return repeat(None)


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


def _per_run(values: Tensor) -> np.ndarray:
    """A measured number of each run, (R,), in double precision."""
    return values.detach().double().reshape(-1).cpu().numpy().copy()
