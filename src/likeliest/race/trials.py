"""Running the trials of one entrant on one deal: all its learning rates in lockstep, in one fit.

A mini-batch run is measured after 1, 2, … 10, 11, 12, 13, 15, … steps: each time a tenth more, which is as fine as work
on a log scale needs, at a cost that grows with the log of the budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from likeliest.course import Budget
from likeliest.fit import Fit, fit
from likeliest.interfaces import VerdictKind
from likeliest.race.dealing import Deal
from likeliest.race.entrants import Entrant

Floats = NDArray[np.float64]

GROWTH = 1.1
"""Each measurement comes after so many times the steps of the one before."""
MEASURED_ROWS = 256
"""Training rows on which a run is seen to be still finite."""


class Curve(NamedTuple):
    """One run: what was measured on validation rows (m,) after so much work (m,), in passes; first comes the start."""

    work: Floats
    value: Floats

    @property
    def start(self) -> float:
        """The value at the initial θ."""
        return float(self.value[0])

    @property
    def best(self) -> float:
        """The smallest finite value."""
        return float(self.value[np.isfinite(self.value)].min(initial=math.inf))

    def work_to(self, target: float) -> float:
        """The first measured work, after the start, at which the value is at most the target; ∞ where it never is."""
        reached = np.flatnonzero(self.value[1:] <= target)
        return float(self.work[1 + reached[0]]) if len(reached) else math.inf

    def at(self, work: Floats) -> Floats:
        """The last value measured by so much work (k,)."""
        return self.value[np.searchsorted(self.work, work, side="right") - 1]


@dataclass(frozen=True)
class Trials:
    """All runs of one entrant on one deal.

    Attributes:
        curves: one a trial, within the budget.
        error: held-out error at the best θ of each trial (R,), or the smallest one of a rule that is ranked by it.
        test_nll: NLL on test rows at the best θ (R,), or None.
        test_error: error on test rows (R,), or None.
    """

    curves: tuple[Curve, ...]
    error: Floats
    test_nll: Floats | None
    test_error: Floats | None


def run_trials(entrant: Entrant, deal: Deal, budget: float, batch_size: int | None) -> Trials:
    """Run every learning rate of an entrant on a deal.

    Raises:
        NotOnOfferError: the rule asks for something that the objective or its family cannot give.
    """
    held_out = deal.by_error(deal.validation, entrant.rule)
    found = _finished(
        fit(
            deal.training,
            entrant.lockstep(deal.training.dtype),
            theta=deal.theta.expand(entrant.trials, -1),
            batch_size=None if entrant.rule.full_batch else batch_size,
            budget=budget,
            seed=deal.seed,
            validation=held_out if entrant.by_error else deal.validation,
            measure_every=_measured_steps(deal.training.n, budget, batch_size),
            measured_rows=MEASURED_ROWS,
        )
    )
    curves = _curves(found, budget, 0.0 if entrant.by_error else deal.log_unit)
    if entrant.by_error:
        mean_error = np.array([curve.best for curve in curves])
    else:
        mean_error = held_out.at(found.theta).value.numpy()
    nll, error = _on_test_rows(entrant, deal, found)
    return Trials(curves, deal.reported_error(mean_error), nll, error)


def _measured_steps(n: int, budget: float, batch_size: int | None) -> tuple[int, ...]:
    last = math.ceil(budget * math.ceil(n / (batch_size or n)))
    exponents = np.arange(math.ceil(math.log(max(last, 1)) / math.log(GROWTH)) + 1)
    return tuple(np.unique(np.rint(GROWTH**exponents)).astype(int).tolist())


def _curves(found: Fit, budget: float, shift: float) -> tuple[Curve, ...]:
    """Cut the trace into runs, and each where the budget ends: a step may have spent more than what was left."""
    work, values = found.trace.column("work"), found.trace.column("validation") + shift
    within = work <= budget * (1 + 1e-9)
    return tuple(Curve(work[within], run[within]) for run in values.T)


def _on_test_rows(entrant: Entrant, deal: Deal, found: Fit) -> tuple[Floats | None, Floats | None]:
    if deal.test is None:
        return None, None
    mean_error = deal.by_error(deal.test, entrant.rule).at(found.theta).value.numpy()
    return deal.test.at(found.theta).value.numpy() + deal.log_unit, deal.reported_error(mean_error)


def seconds_alone(entrant: Entrant, trial: int, deal: Deal, work: float, batch_size: int | None) -> float:
    """Time one setting, run by itself over so many passes, without measuring: seconds in the rule."""
    return _finished(
        fit(
            deal.training,
            entrant.alone(trial),
            theta=deal.theta[None],
            batch_size=None if entrant.rule.full_batch else batch_size,
            budget=Budget(passes=work),
            seed=deal.seed,
            measure_every=(),
            measured_rows=MEASURED_ROWS,
        )
    ).seconds


def _finished(found: Fit) -> Fit:
    """Pass on a Ctrl-C, which ends a fit with what it has: half a race shows nothing."""
    if any(verdict.kind is VerdictKind.INTERRUPTED for verdict in found.verdicts):
        raise KeyboardInterrupt
    return found
