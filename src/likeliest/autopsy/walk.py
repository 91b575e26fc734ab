"""One step's evaluation, walked through in the order in which it is computed, to the first number that is not finite.

x, y, weight  →  each layer's output  →  η  →  log p  →  its score  →  each layer's derivative, from the last
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from likeliest.autopsy.births import Birth, Births
from likeliest.autopsy.look import all_finite
from likeliest.families import Family
from likeliest.interfaces import Draw, Eta
from likeliest.objective import Objective
from likeliest.sequences import without_ends

HUGE = 1e6
"""Outputs larger than the inputs, and than 1, by this factor are no outputs of a net at work."""


@dataclass(frozen=True)
class Finding:
    """The first place of a walk that held a number that is not finite.

    Attributes:
        layer: its name.
        phase: "data", "forward", "likelihood", "backward" or "update".
        rows: the objective's rows that are not finite there; empty where that cannot be said of rows.
        birth: the operation that made the number.
        trail: the largest finite number, by magnitude, of x and of each output before.
        halves: whether anything was in half precision.
    """

    layer: str
    phase: str
    rows: tuple[int, ...] = ()
    birth: Birth | None = None
    trail: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    halves: bool = False


def walk(
    objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None
) -> Iterator[tuple[str, str, Tensor, bool]]:
    """Yield (name, phase, numbers, whether their first axis is the rows) in the order of one evaluation.

    θ (P,) stays as it is. Outputs are good until the next is asked for.
    """
    predictor, family = objective.predictor, objective.family
    x, y, weight = objective.batch(rows)
    if draw is not None and objective.transform is not None:
        yield from _data(x, y, weight)
        x, y, weight = objective.batch(rows, draw)
    yield from _data(x, y, weight)
    for name, output in predictor.probe(theta, x, draw):
        yield name, "forward", _meant(family, output), output.shape[0] == len(rows)
    block = objective.evaluate(theta.clone(), rows, len(rows), draw)
    for column in _columns(block.eta):
        yield "eta", "forward", _meant(family, column), column.shape[0] == len(rows)
    yield "log_prob", "likelihood", family.log_prob(block.eta, block.y), True
    score = family.score(block.eta, block.y)
    for column in _columns(score):
        yield "score", "likelihood", column, column.shape[0] == len(rows)
    for name, derivative, by_row in predictor.probe_back(theta, x, block.weigh(score, -1.0), draw):
        yield name, "backward", derivative, by_row


def first_place(
    objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None, *, past_data: bool = False
) -> Finding | None:
    """Walk, block by block, to the first number that is not finite, on demand past the data; None: there is none."""
    for part in rows.split(objective.at_once(draw)):
        found = _first_of_block(objective, theta, part, draw and replace(draw, rows=part), past_data)
        if found is not None:
            return found
    return None


def _first_of_block(
    objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None, past_data: bool
) -> Finding | None:
    trail: list[tuple[str, float]] = []
    with Births() as births:
        for name, phase, numbers, by_row in walk(objective, theta, rows, draw):
            if not all_finite(numbers) and not (past_data and phase == "data"):
                trail.append((name, largest(numbers)))
                here = rows[nonfinite_rows(numbers)] if by_row else rows[:0]
                return Finding(name, phase, tuple(here.tolist()), births.birth, tuple(trail), births.halves)
            if phase == "forward" or name == "x":
                trail.append((name, largest(numbers)))
    return None


def trail(objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None) -> list[tuple[str, float]]:
    """The largest number, by magnitude, of x and of each output, up to the first that is not finite."""
    found = []
    for name, phase, numbers, _ in walk(objective, theta, rows[: objective.at_once(draw)], draw):
        if phase == "likelihood":
            break
        if phase == "forward" or name == "x":
            found.append((name, largest(numbers) if all_finite(numbers) else torch.inf))
    return found


def amplified(trail: list[tuple[str, float]] | tuple[tuple[str, float], ...]) -> bool:
    """Whether outputs are out of all proportion to the inputs."""
    inputs = max([size for name, size in trail if name == "x"], default=1.0)
    return max([size for name, size in trail if name != "x"], default=0.0) > HUGE * max(inputs, 1.0)


def overflowed_far_from_inputs(finding: Finding) -> bool:
    """Whether outputs, or what went into the operation that overflowed, are out of all proportion to the inputs."""
    birth, inputs = finding.birth, max([size for name, size in finding.trail if name == "x"], default=1.0)
    inside = birth is not None and not birth.undefined and finding.phase == "forward"
    if birth is not None and inside and birth.largest > HUGE * max(inputs, 1.0):
        return True
    return amplified(finding.trail)


def bad_rows(objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None) -> Tensor:
    """Of some rows, those whose own log p, score or derivatives are not finite at θ, by halving what is not fine."""
    if len(rows) == 0 or all_finite(_own(objective, theta, rows, draw)):
        return rows[:0]
    if len(rows) == 1:
        return rows
    middle = len(rows) // 2
    return torch.cat([bad_rows(objective, theta, part, draw) for part in (rows[:middle], rows[middle:])])


def _own(objective: Objective, theta: Tensor, rows: Tensor, draw: Draw | None) -> Tensor:
    local = objective.at(theta.clone(), rows, draw=draw and replace(draw, rows=rows))
    return torch.cat((local.grad.double(), local.value.reshape(1)))


def row_values(objective: Objective, theta: Tensor, rows: Tensor) -> Tensor:
    """−log p of some rows in evaluation, (n,), in double precision."""
    values = []
    for part in rows.split(objective.at_once(None)):
        block = objective.evaluate(theta.clone(), part, len(part))
        values.append(-objective.family.log_prob(block.eta, block.y).double())
    return torch.cat(values) if values else torch.zeros(0, dtype=torch.float64)


def nonfinite_rows(numbers: Tensor) -> Tensor:
    """(n,) which rows hold a number that is not finite."""
    return ~torch.isfinite(numbers).reshape(len(numbers), -1).all(1)


def largest(numbers: Tensor) -> float:
    """The largest finite entry, by magnitude."""
    sizes = numbers.detach().abs().double()
    return float(torch.where(torch.isfinite(sizes), sizes, 0.0).max()) if sizes.numel() else 0.0


def _data(x: Tensor, y: Tensor, weight: Tensor | None) -> Iterator[tuple[str, str, Tensor, bool]]:
    yield "x", "data", x, True
    yield "y", "data", y, True
    if weight is not None:
        yield "weight", "data", weight, True


def _meant(family: Family, output: Tensor) -> Tensor:
    """An output in which all that is not finite went wrong: the ends of sequences, which hold −∞, are taken out."""
    return without_ends(output) if family.event_dims > 1 and output.ndim > family.event_dims else output


def _columns(eta: Eta) -> tuple[Tensor, ...]:
    return eta if isinstance(eta, tuple) else (eta,)
