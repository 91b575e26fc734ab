"""What more data would bring: the net by its recipe on a part of the training rows, then on more, then on all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from likeliest.model import Model
from likeliest.randomness import stream
from likeliest.speech.intervals import rate_interval
from likeliest.study.by_recipe import net_of, trained
from likeliest.study.candidate import finished
from likeliest.study.ground import Ground
from likeliest.tasks import Recipe

if TYPE_CHECKING:
    from likeliest.report.schema import SizeCurve, SizePoint

SHARES = (0.25, 0.5, 1.0)
"""Of the training rows."""
WORK = 0.2
"""Share of the net's own budget that each point is given: as many steps from few rows as from all."""
LEAST_MINUTES = 5.0
"""A study with a smaller budget does without the curve."""
LEAST_PASSES = 4.0
"""So does one that could make fewer passes over all rows: a net that has learnt next to nothing tells nothing."""
LEAST_ROWS = 64
"""And one whose smallest part would have fewer rows."""


class Judged(NamedTuple):
    """What a model says of n test rows: −log p, errors, and how many there could be, each (n,)."""

    nll: NDArray[np.float64]
    errors: NDArray[Any]
    length: NDArray[Any]


Learn = Callable[[Ground, Recipe, NDArray[np.int64]], Model]


def by_recipe(ground: Ground, recipe: Recipe, rows: NDArray[np.int64]) -> Model:
    """Return the net that learnt from some rows."""
    return net_of(ground, recipe, finished(trained(ground, recipe, rows, lambda seen: None)))


def size_curve(
    ground: Ground, recipe: Recipe, unit: str, judge: Callable[[Model], Judged], learn: Learn = by_recipe
) -> SizeCurve | None:
    """Return held-out NLL and errors by number of training rows; None where the budget or the rows are too few.

    The rows of a smaller part are among those of a larger one. All parts are drawn at random, speaker or not: the curve
    says what more recordings of the same kind of speakers bring.

    Args:
        ground: what the study stands on.
        recipe: the net's.
        unit: what errors are counted in.
        judge: asks a model about the test rows.
        learn: fits the net on some rows by a recipe.
    """
    train = ground.split.train
    too_short = ground.plan.minutes < LEAST_MINUTES or recipe.passes * WORK < LEAST_PASSES
    if too_short or len(train) * SHARES[0] < LEAST_ROWS:
        return None
    order = stream(ground.plan.seed, "sizes").permutation(train)
    groups = ground.speakers(ground.split.test)
    points: list[SizePoint] = []
    method = ""
    for share in SHARES:
        part = replace(recipe, passes=recipe.passes * WORK / share)
        rows = np.sort(order[: round(share * len(order))])
        judged = judge(learn(ground, part, rows))
        point, method = _point(len(rows), part.passes, judged, groups)
        points.append(point)
    return {"unit": unit, "work": WORK, "method": method, "points": points}


def interval_of_mean(values: NDArray[np.float64], groups: Sequence[str] | None) -> list[float] | None:
    """Return the ends of a 95 % t interval of a mean over groups, or over values where there are fewer than two groups.

    With m_i the mean of group i, w_i its share of the values and M the mean of all, s² = k/(k − 1) Σ w_i² (m_i − M)²,
    and the interval is M ± t s with k − 1 degrees of freedom.
    """
    names, at = np.unique(range(len(values)) if groups is None else groups, return_inverse=True)
    if len(names) == 1:
        names, at = np.unique(range(len(values)), return_inverse=True)
    if len(names) < 2:
        return None
    k, mean = len(names), float(values.mean())
    apart = np.bincount(at, values - mean) / len(values)
    half = float(stdtrit(k - 1, 0.975)) * math.sqrt(k / (k - 1) * float(apart @ apart))
    return [mean - half, mean + half]


def _point(rows: int, passes: float, judged: Judged, groups: list[str] | None) -> tuple[SizePoint, str]:
    finite = bool(np.isfinite(judged.nll).all())
    error = rate_interval(judged.errors, judged.length, groups)
    length = float(judged.length.sum())
    point: SizePoint = {
        "rows": rows,
        "passes": passes,
        "nll": float(judged.nll.mean()) if finite else None,
        "nll_interval": interval_of_mean(judged.nll, groups) if finite else None,
        "error": float(judged.errors.sum()) / length if length else 0.0,
        "error_interval": None if error is None else [error.low, error.high],
    }
    return point, "none" if error is None else error.method
