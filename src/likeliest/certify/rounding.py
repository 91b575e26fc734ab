"""How much of a difference between two gradients is round-off: it is measured, not assumed.

A right gradient changes by no more than its conditioning when θ changes in its last digits, and so does its round-off.
What the code under check does then, what the witness does, and how far the witness in the code's own precision lies
from itself in double precision: the largest of these is what round-off explains.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from likeliest.certify.problem import Problem, Witness
from likeliest.randomness import stream

DRAWS = 5
ORDER = 32.0
"""So many last digits lie between two orders of summation of a thousand terms, which no change of θ shows where the
gradient does not depend on θ. Half precisions are summed in single precision, and rounded once."""


class Rounding(NamedTuple):
    """Round-off as it was seen, each (P,).

    Attributes:
        got: changes of the gradient under check when θ changes in its last digits.
        plain: what a plain evaluation of the same derivative, in the same precision, would be excused for.
    """

    got: Tensor
    plain: Tensor


def measured(
    problem: Problem, theta: Tensor, got: Tensor, witness: Witness | None, full: Tensor | None, seed: int
) -> Rounding:
    """Measure the round-off near θ of a gradient and of its witness."""
    fine = torch.finfo(torch.float64).eps
    known = got if full is None else full
    plain = torch.full_like(got, fine * _largest(known) if problem.rounding is None else 0.0)
    for part in problem.parts.values():
        epsilon = float(problem.epsilon[part.slice].max())
        digits = ORDER if epsilon <= torch.finfo(torch.float32).eps else 1.0
        plain[part.slice] += digits * epsilon * _largest(known[part.slice])
    if problem.rounding is not None:
        plain = torch.maximum(plain, problem.rounding(theta))
    moved = torch.zeros_like(got)
    for draw in range(DRAWS):
        signs = torch.from_numpy(stream(seed, "rounding", draw).choice((-1.0, 1.0), len(theta)))
        near = problem.rounded(theta * (1 + problem.epsilon * signs))
        moved = torch.maximum(moved, (problem.gradient(near) - got).abs())
        if witness is not None and full is not None and witness.gradient is not None:
            there = witness.gradient(near)
            plain = torch.maximum(plain, (there - full).abs())
            if witness.coarse is not None and problem.dtype != "float64":
                plain = torch.maximum(plain, (witness.coarse(near) - there).abs())
    return Rounding(moved, plain)


def _largest(values: Tensor) -> float:
    finite = values[torch.isfinite(values)].abs()
    return float(finite.max()) if len(finite) else 0.0
