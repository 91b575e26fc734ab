"""What is wrong with rows as they were given: numbers that are none, that cannot occur, or that lie far outside.

A row is far outside where one of its numbers is more than `FAR` times as large as three quarters of its column, and of
a typical column, are. That makes it a suspect and no more: an autopsy leaves it out and looks whether that helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from likeliest.errors import LikeliestError
from likeliest.objective import Objective
from likeliest.sequences import is_ragged

FAR = 1e3
SAMPLED = 4_096
"""Rows that say what a column's numbers are like."""


@dataclass(frozen=True)
class Suspects:
    """Rows with something wrong in one of the data's places.

    Attributes:
        layer: "x", "y" or "weight".
        rows: the objective's, sorted.
        what: what is wrong with the first of them.
        certain: whether it is wrong whatever else is true.
    """

    layer: str
    rows: Tensor
    what: str
    certain: bool

    @property
    def cause(self) -> str:
        """The cause that this would be."""
        return "input" if self.layer == "x" else "target"


def suspects(objective: Objective, rows: Tensor) -> list[Suspects]:
    """What is wrong with some rows, the certain before the others, x before y before weight."""
    given = [("x", objective.x), ("y", objective.y)]
    if objective.weight is not None:
        given.append(("weight", objective.weight))
    found = [_unusable(name, values, rows) for name, values in given]
    found.append(_unsupported(objective, rows))
    found += [_far_outside(name, values, rows) for name, values in given]
    return [s for s in found if s is not None]


def _unusable(name: str, values: Tensor, rows: Tensor) -> Suspects | None:
    if not values.is_floating_point():
        return None
    flat = values[rows].reshape(len(rows), -1)
    bad = ~torch.isfinite(flat)
    if name == "weight":
        bad |= flat < 0
    return _found(name, flat, bad, rows, True, "")


def _unsupported(objective: Objective, rows: Tensor) -> Suspects | None:
    """Rows whose y the family says cannot occur."""
    bad = _refused(objective, rows)
    if not len(bad):
        return None
    value = objective.y[bad[0]].tolist()
    return Suspects("y", bad, f"y is {value} in row {int(bad[0])}, where {objective.family.support} is needed", True)


def _refused(objective: Objective, rows: Tensor) -> Tensor:
    try:
        objective.family.check_support(objective.y[rows], objective.outputs)
    except LikeliestError:
        if len(rows) == 1:
            return rows
        middle = len(rows) // 2
        return torch.cat([_refused(objective, part) for part in (rows[:middle], rows[middle:])])
    return rows[:0]


def _far_outside(name: str, values: Tensor, rows: Tensor) -> Suspects | None:
    if not values.is_floating_point() or is_ragged(values):
        return None
    sample = values[:: max(1, len(values) // SAMPLED)]
    usual = torch.nan_to_num(sample.reshape(len(sample), -1).abs(), 0.0, 0.0)
    columns = usual.sort(0).values[(3 * len(usual)) // 4]
    some = columns[columns > 0]
    typical = float(some.median()) if len(some) else 1.0
    flat = values[rows].reshape(len(rows), -1)
    bad = flat.abs() > FAR * columns.clamp_min(typical)
    return _found(name, flat, bad & torch.isfinite(flat), rows, False, "far outside all others")


def _found(name: str, flat: Tensor, bad: Tensor, rows: Tensor, certain: bool, why: str) -> Suspects | None:
    hit = bad.any(1)
    if not bool(hit.any()):
        return None
    i = int(hit.nonzero()[0])
    j = int(bad[i].nonzero()[0])
    cell = f"{name} holds" if flat.shape[1] == 1 else f"column {j} of x holds" if name == "x" else f"{name} holds"
    what = f"{cell} {float(flat[i, j]):.4g} in row {int(rows[i])}" + (f", {why}" if why else "")
    return Suspects(name, rows[hit].sort().values, what, certain)
