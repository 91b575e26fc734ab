"""One fit on its way: the loops that step a rule, measure outside the clock, and decide when to stop and why.

A rule moves θ and never measures itself; the course measures and never moves θ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeliest.interfaces import Draw, Need, Record, Trace, Verdict, VerdictKind
from likeliest.local import Meter
from likeliest.objective import Objective
from likeliest.randomness import stream
from likeliest.rules import Rule

MEASURED_ROWS = 8_192
"""A mini-batch fit measures its training objective on at most so many rows, always the same ones."""
PERFECT_NLL = 1e-8
"""An unpenalised NLL per unit of weight below this has its infimum, 0, at infinity."""
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
    """One fit on its way: θ, the rule's state, the clock, and the best point of each run."""

    def __init__(
        self,
        objective: Objective,
        rule: Rule,
        theta: Tensor,
        validation: Objective | None,
        patience: int | None,
        tolerance: float,
        budget: Budget,
        progress: Callable[[Record], None] | None,
    ) -> None:
        self.objective, self.rule, self.theta, self.validation = objective, rule, theta, validation
        self.patience, self.tolerance, self.budget, self.progress = patience, tolerance, budget, progress
        self.state = rule.init(theta, objective.predictor)
        self.meter, self.trace, self.seconds = Meter(), Trace(), 0.0
        self._resumed = time.perf_counter()
        runs = theta.shape[0] if theta.ndim == 2 else 1
        self._best = theta.clone()
        self._best_value = np.full(runs, np.inf)
        self._stale = np.zeros(runs, dtype=int)
        self._lost = np.zeros(runs, dtype=bool)
        self._grad_norm = np.full(runs, np.nan)
        unpenalised = objective.penalty is None and objective.predictor.linear
        self._separable = unpenalised and objective.recession_cone is not None

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
                self._grad_norm = _per_run(local.grad.abs().amax(-1))
            value = local.value if Need.VALUE in rule.needs else objective.at(self.theta).value
            ending = self._measure(_per_run(value), spent)
            if ending is not None:
                return ending
            if state.step >= self.budget.steps or spent >= self.budget.passes * objective.n:
                return VerdictKind.BUDGET
            if state.outcome is not None:
                near = (self._lost | (self._grad_norm <= ARITHMETIC_LIMIT)).all()
                return VerdictKind.CONVERGED if near else VerdictKind.BUDGET
            self.theta = rule.step(local, state)
            state.step += 1

    def _mini_batches(
        self, batch_size: int, seed: int, measure_every: float | Sequence[int], measured_rows: int
    ) -> VerdictKind:
        objective, rule, state, needs, meter = self.objective, self.rule, self.state, self.rule.needs, self.meter
        n = objective.n
        per_epoch = math.ceil(n / batch_size)
        last = math.ceil(min(self.budget.steps, self.budget.passes * per_epoch))
        due = _due(measure_every, per_epoch, last)
        measured = self._measured_objective(measured_rows)
        state.steps = last
        step, epoch = 0, 0
        ending = self._measure(_per_run(measured.at(self.theta).value), meter.work)
        while ending is None:
            order = torch.from_numpy(stream(seed, "shuffle", epoch).permutation(n))
            for rows in order.split(batch_size):
                draw = Draw(seed, epoch, rows)
                self.theta = rule.step(objective.at(self.theta, rows, needs, meter, draw), state)
                state.step = step = step + 1
                if step in due or step == last:
                    ending = self._measure(_per_run(measured.at(self.theta).value), meter.work)
                    if ending is None and step == last:
                        ending = VerdictKind.BUDGET
                    if ending is not None:
                        break
            epoch += 1
        return ending

    def _measured_objective(self, measured_rows: int) -> Objective:
        if self.objective.n <= measured_rows:
            return self.objective
        rows = stream(0, "measure").choice(self.objective.n, size=measured_rows, replace=False)
        return self.objective.subset(np.sort(rows))

    # Measuring, with the clock stopped.

    def _measure(self, value: np.ndarray, work: float) -> VerdictKind | None:
        self.seconds += time.perf_counter() - self._resumed
        held_out = None if self.validation is None else _per_run(self.validation.at(self.theta).value)
        known = np.isfinite(self._grad_norm).any()
        grad_norm = self._grad_norm.copy() if known else None
        passes = work / self.objective.n
        record = Record(self.state.step, passes, self.seconds, value, held_out, grad_norm)
        self.trace.records.append(record)
        self._keep_best(value, held_out)
        if self.progress is not None:
            self.progress(record)
        ending = self._ending(value)
        self._resumed = time.perf_counter()
        return ending

    def _keep_best(self, value: np.ndarray, held_out: np.ndarray | None) -> None:
        """Keep each run's best θ by the held-out NLL, or its latest finite one where nothing is held out."""
        score = value if held_out is None else held_out
        self._lost |= ~np.isfinite(value) | ~np.isfinite(score)
        live = ~self._lost & ~self._plateaued()
        better = live if held_out is None else live & (score < self._best_value)
        self._stale = np.where(better, 0, self._stale + live)
        self._best_value = np.where(better, score, self._best_value)
        if self.theta.ndim == 1:
            if better[0]:
                self._best.copy_(self.theta)
        else:
            self._best.copy_(torch.where(torch.from_numpy(better)[:, None], self.theta, self._best))

    def _plateaued(self) -> np.ndarray:
        if self.patience is None or self.validation is None:
            return np.zeros(len(self._stale), dtype=bool)
        return self._stale >= self.patience

    def _ending(self, value: np.ndarray) -> VerdictKind | None:
        if self._lost.all():
            return VerdictKind.NON_FINITE
        if (self._lost | (self._grad_norm <= self.tolerance)).all():
            return VerdictKind.CONVERGED
        if (self._lost | self._plateaued()).all():
            return VerdictKind.PLATEAU
        if self._separable and (value <= PERFECT_NLL).all():
            return VerdictKind.SEPARATED
        return None

    # What is left when it ends.

    def best_theta(self) -> Tensor:
        """The best θ of each run."""
        return self._best

    def verdicts(self, ending: VerdictKind) -> tuple[Verdict, ...]:
        """One verdict a run, from how the whole ended and what became of each."""
        if not self.trace.records:
            message = "stopped by the user before anything was measured; θ is where it started"
            return (Verdict(ending, message),) * len(self._lost)
        return tuple(self._verdict(r, ending) for r in range(len(self._lost)))

    def _verdict(self, r: int, ending: VerdictKind) -> Verdict:
        first, latest = self.trace.records[0], self.trace.records[-1]
        spent = f"{self.state.step} steps, {latest.work:.1f} passes"
        evidence = {
            "steps": self.state.step,
            "passes": round(latest.work, 6),
            "value": float(self._best_value[r]),
            "start": float(first.value[r]),
            **({"gradient_norm": float(self._grad_norm[r])} if np.isfinite(self._grad_norm[r]) else {}),
            **self.state.evidence,
        }
        if ending is VerdictKind.INTERRUPTED:  # whatever else is true: the user wants the caller to stop, too
            return Verdict(ending, self._unfinished(r, ending, spent), evidence)
        if self._lost[r]:
            seen = "from the start" if not np.isfinite(first.value[r]) else f"within {spent}"
            message = (
                f"the objective became NaN or infinite {seen}; θ is the last finite one; try a smaller learning rate"
            )
            return Verdict(VerdictKind.NON_FINITE, message, evidence)
        if self._grad_norm[r] <= self.tolerance or ending is VerdictKind.CONVERGED:
            return Verdict(VerdictKind.CONVERGED, f"gradient {self._grad_norm[r]:.1e} after {spent}", evidence)
        if self._plateaued()[r]:
            message = (
                f"held-out NLL {self._best_value[r]:.6g} did not improve over {self.patience} measurements; {spent}"
            )
            return Verdict(VerdictKind.PLATEAU, message, evidence)
        if latest.value[r] > first.value[r]:
            rose = f"from {first.value[r]:.4g} to {latest.value[r]:.4g}"
            message = f"the objective rose {rose} in {spent}; lower the learning rate"
            return Verdict(VerdictKind.DIVERGED, message, evidence)
        return Verdict(ending, self._unfinished(r, ending, spent), evidence)

    def _unfinished(self, r: int, ending: VerdictKind, spent: str) -> str:
        far = f"; largest gradient entry {self._grad_norm[r]:.1e}" if np.isfinite(self._grad_norm[r]) else ""
        if ending is VerdictKind.INTERRUPTED:
            return f"stopped by the user after {spent}{far}; θ is the best so far"
        if ending is VerdictKind.SEPARATED:
            return f"the NLL fell below {PERFECT_NLL:g} per unit of weight; its infimum lies at infinity; pass l2=1"
        if self.state.outcome is not None:
            return f"{self.state.outcome} after {spent}{far}"
        return f"the budget was spent: {spent}{far}; allow more passes to go on"


def _due(measure_every: float | Sequence[int], per_epoch: int, last: int) -> Container[int]:
    """The steps after which to measure."""
    if isinstance(measure_every, Sequence):
        return frozenset(measure_every)
    interval = max(1, round(measure_every * per_epoch))
    return range(interval, last + 1, interval)


def _per_run(values: Tensor) -> np.ndarray:
    """A measured number of each run, (R,), in double precision."""
    return values.detach().double().reshape(-1).cpu().numpy().copy()
