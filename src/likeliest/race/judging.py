"""From trials to a verdict: the target, one setting a rule, comparisons, seconds, and a conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from likeliest.race.comparing import compare, reference_of
from likeliest.race.dealing import Deal
from likeliest.race.entrants import Entrant
from likeliest.race.result import Band, Race, Row, Skipped
from likeliest.race.target import Target, best_values, choose, works
from likeliest.race.trials import Floats, Trials, seconds_alone
from likeliest.race.wording import conclusion, verdict

POINTS = 100
"""At most so many points to a curve."""


class _Raced(NamedTuple):
    """One rule at its chosen setting: works (S,), ∞ for a miss, and None where there is no target for it."""

    entrant: Entrant
    trials: Sequence[Trials]
    chosen: int
    work: Floats | None

    @property
    def label(self) -> str:
        return self.entrant.label

    @property
    def nll(self) -> float:
        return float(np.median(best_values(self.trials)[:, self.chosen]))

    @property
    def error(self) -> float:
        return float(np.median([trial.error[self.chosen] for trial in self.trials]))


def judge(
    model: str,
    trials: Mapping[Entrant, Sequence[Trials]],
    skipped: Sequence[Skipped],
    seeds: Sequence[int],
    dealt: Callable[[int], Deal],
    *,
    budget: float,
    trials_each: int,
    batch_size: int | None,
) -> Race:
    """Return the outcome of a race from all its trials.

    Args:
        model: what was trained.
        trials: by entrant, one a seed.
        skipped: rules that did not run.
        seeds: which there were.
        dealt: deals a seed again, for timing.
        budget: passes that each run might spend.
        trials_each: learning rates tried by each rule that has one.
        batch_size: rows in a mini-batch.
    """
    target = Target.of([found for entrant, found in trials.items() if not entrant.by_error])
    raced = [_at_its_best(entrant, found, None if entrant.by_error else target) for entrant, found in trials.items()]
    timed = _seconds(raced, seeds, dealt, batch_size)
    work = {one.label: one.work for one in raced if one.work is not None}
    reference = reference_of(work, {one.label: one.nll for one in raced})
    rows = sorted((_row(one, target, timed[one.label]) for one in raced), key=_rank)
    comparisons = [] if reference is None else compare(work, reference, budget)
    order = [row.rule for row in rows]
    said = conclusion(
        rows,
        comparisons,
        reference=reference,
        target=None if target is None else target.median,
        budget=budget,
        seeds=len(seeds),
    )
    return Race(
        model=model,
        rows=tuple(rows),
        curves=tuple(_band(one, budget) for one in raced if not one.entrant.by_error),
        comparisons=tuple(sorted(comparisons, key=lambda one: order.index(one.rule))),
        skipped=tuple(skipped),
        target=None if target is None else target.median,
        start=None if target is None else float(np.median(target.start)),
        best=None if target is None else float(np.median(target.best)),
        reference=reference,
        budget=budget,
        seeds=len(seeds),
        trials=trials_each,
        batch_size=batch_size,
        conclusion=said,
    )


def _at_its_best(entrant: Entrant, trials: Sequence[Trials], target: Target | None) -> _Raced:
    chosen = choose(trials, target)
    return _Raced(entrant, trials, chosen, None if target is None else works(trials, target)[:, chosen])


def _seconds(
    raced: Sequence[_Raced], seeds: Sequence[int], dealt: Callable[[int], Deal], batch_size: int | None
) -> dict[str, list[float]]:
    """Time each rule's chosen setting, alone, to where it reached the target: seconds by seed that did."""
    found: dict[str, list[float]] = {one.label: [] for one in raced}
    for at, seed in enumerate(seeds):
        cards = dealt(seed)
        for one in raced:
            if one.work is not None and np.isfinite(one.work[at]):
                spent = seconds_alone(one.entrant, one.chosen, cards, float(one.work[at]), batch_size)
                found[one.label].append(spent)
    return found


def _row(one: _Raced, target: Target | None, seconds: Sequence[float]) -> Row:
    entrant, chosen, seeds = one.entrant, one.chosen, len(one.trials)
    missed = np.full(seeds, np.inf) if one.work is None else one.work
    reached = missed[np.isfinite(missed)]
    moved = target is not None and one.nll < float(np.median(target.start))
    return Row(
        rule=one.label,
        lr=entrant.rates[chosen] if entrant.rates else None,
        criterion=entrant.rule.criterion,
        nll=None if entrant.by_error else _finite(one.nll),
        error=_finite(one.error),
        nll_test=None if entrant.by_error else _median([t.test_nll for t in one.trials], chosen),
        error_test=_median([t.test_error for t in one.trials], chosen),
        work_to_target=_finite(float(np.median(missed))),
        work_low=float(reached.min()) if len(reached) else None,
        work_high=_finite(float(missed.max())),
        reached=len(reached),
        censored=0 if entrant.by_error else seeds - len(reached),
        seconds_to_target=float(np.median(seconds)) if seconds else None,
        trials=entrant.trials,
        at_edge=len(entrant.rates) > 1 and chosen in (0, len(entrant.rates) - 1),
        verdict=verdict(len(reached), seeds, by_error=entrant.by_error, moved=moved),
    )


def _median(values: Sequence[Floats | None], chosen: int) -> float | None:
    known = [value[chosen] for value in values if value is not None]
    return _finite(float(np.median(known))) if known else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _rank(row: Row) -> tuple[bool, float, float]:
    """NLL rules by work, then NLL; the others after them, by error."""
    first = np.inf if row.work_to_target is None else row.work_to_target
    second = row.error if row.nll is None else row.nll
    return row.criterion != "nll", first, np.inf if second is None else second


def _band(one: _Raced, budget: float) -> Band:
    """The chosen setting's curves on one grid of work, thinned evenly on a log scale, with the end at the budget."""
    curves = [trial.curves[one.chosen] for trial in one.trials]
    grid = np.unique(np.concatenate([*(curve.work for curve in curves), [budget]]))
    if len(grid) > POINTS:
        wanted = np.geomspace(grid[1], budget, POINTS - 1)
        grid = np.concatenate((grid[:1], np.unique(grid[np.searchsorted(grid, wanted * (1 - 1e-12))])))
    values = np.array([curve.at(grid) for curve in curves])
    bands = (np.median(values, 0), values.min(0), values.max(0))
    return Band(one.label, grid.tolist(), *([_finite(v) for v in band.tolist()] for band in bands))
