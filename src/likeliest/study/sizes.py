"""What more data would bring: the net by its recipe on a part of the training rows, then on more, then on all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
LEAST_ROWS = 64
"""So does one whose smallest part would have fewer rows."""


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
    if ground.plan.minutes < LEAST_MINUTES or len(train) * SHARES[0] < LEAST_ROWS:
        return None
    order = stream(ground.plan.seed, "sizes").permutation(train)
    speakers = ground.examples.raw.speakers
    groups = None if speakers is None else [speakers[row] for row in ground.examples.kept[ground.split.test]]
    points: list[SizePoint] = []
    method = ""
    for share in SHARES:
        part = replace(recipe, passes=recipe.passes * WORK / share)
        rows = np.sort(order[: round(share * len(order))])
        judged = judge(learn(ground, part, rows))
        point, method = _point(len(rows), part.passes, judged, groups)
        points.append(point)
    return {"unit": unit, "work": WORK, "method": method, "points": points}


def _point(rows: int, passes: float, judged: Judged, groups: list[str] | None) -> tuple[SizePoint, str]:
    ones = np.ones(len(judged.nll))
    nll = rate_interval(judged.nll, ones, groups) if np.isfinite(judged.nll).all() else None
    error = rate_interval(judged.errors, judged.length, groups)
    length = float(judged.length.sum())
    point: SizePoint = {
        "rows": rows,
        "passes": passes,
        "nll": float(judged.nll.mean()) if np.isfinite(judged.nll).all() else None,
        "nll_interval": None if nll is None else [nll.low, nll.high],
        "error": float(judged.errors.sum()) / length if length else 0.0,
        "error_interval": None if error is None else [error.low, error.high],
    }
    return point, "none" if error is None else error.method
