"""What a fit returns after an autopsy: the best point it is known to have been at that can be used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from likeliest.autopsy.look import all_finite
from likeliest.autopsy.replay import Scene
from likeliest.autopsy.walk import row_values
from likeliest.objective import Objective
from likeliest.randomness import stream

ABSURD = 1e4
HALVINGS = 64


def usable(scene: Scene, known: Sequence[Tensor], to_blame: Tensor) -> Tensor:
    """The θ (P,) of lowest training value among the points known, the start included.

    The value is that of the rows measured, without those to blame. Where it is finite at none of them, the start is
    mended: entries that are not finite, or absurd, are drawn anew; then all are halved until the value is finite.
    """
    rows = scene.measured[~torch.isin(scene.measured, to_blame.to(scene.measured.device))]
    start = scene.look.start
    values = [(_value(scene.objective, theta, rows), i) for i, theta in enumerate((start, *known))]
    best = min(((v, i) for v, i in values if math.isfinite(v)), default=None)
    if best is not None:
        return (start, *known)[best[1]].clone()
    return next((t for t in _mended(scene) if math.isfinite(_value(scene.objective, t, rows))), _drawn(scene))


def _mended(scene: Scene) -> Iterator[Tensor]:
    drawn = torch.nan_to_num(_drawn(scene), 0.0, 0.0, 0.0)
    fine = torch.isfinite(scene.look.start) & (scene.look.start.abs() <= ABSURD)
    theta = torch.where(fine, scene.look.start, drawn)
    yield theta
    yield drawn
    for _ in range(HALVINGS):
        theta = theta / 2
        yield theta


def _drawn(scene: Scene) -> Tensor:
    """θ as the predictor draws it."""
    start = scene.look.start
    return scene.objective.predictor.init([stream(scene.seed, "init")], start.dtype)[0].to(start.device)


def _value(objective: Objective, theta: Tensor, rows: Tensor) -> float:
    """The training value in evaluation on some rows."""
    if not all_finite(theta):
        return math.inf
    values = row_values(objective, theta, rows)
    if objective.weight is not None:
        values = values * objective.weight[rows]
    penalty = 0.0 if objective.penalty is None else float(0.5 * (theta.double().square() * objective.penalty).sum())
    return float(values.mean()) + penalty if len(values) else 0.0
