"""Is the gradient a function of θ at all? It is asked for again, and again after it was asked elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause

CALLS = 3
_DIGITS = 64.0
"""Sums in another order, as threads make them, may differ by so many last digits of the part's largest entry."""


@dataclass(frozen=True)
class Misbehaviour:
    """A part whose gradient is no function of θ.

    Attributes:
        cause: nondeterministic or stale.
        index: its worst entry, in the flat part.
        first: what that entry was at first.
        later: what it was later, at the same θ.
        detail: in words.
    """

    cause: Cause
    index: int
    first: float
    later: float
    detail: str


def observed(problem: Problem, elsewhere: Tensor) -> dict[str, Misbehaviour]:
    """The parts whose gradient at θ differs between calls, or after f and its gradient were evaluated elsewhere."""
    theta = problem.theta
    values = [problem.value(theta) for _ in range(CALLS)]
    calls = [problem.gradient(theta) for _ in range(CALLS)]
    if changing := _differing(problem, calls[0], calls[1:]):
        detail = _why_it_varies(values, calls)
        return {name: _seen(Cause.NONDETERMINISTIC, problem, name, calls[0], calls[i], detail) for name, i in changing}
    problem.value(elsewhere)
    after_value = problem.gradient(theta)
    problem.gradient(elsewhere)
    after_gradient = problem.gradient(theta)
    detail = (
        "it changes when the function is evaluated elsewhere in between: it is computed from what an earlier call left"
    )
    found = _differing(problem, calls[0], [after_value, after_gradient])
    return {
        name: _seen(Cause.STALE, problem, name, calls[0], (after_value, after_gradient)[i - 1], detail)
        for name, i in found
    }


def _differing(problem: Problem, first: Tensor, others: list[Tensor]) -> list[tuple[str, int]]:
    """The parts that differ from the first call by more than round-off, and in which call most."""
    found = []
    for name, part in problem.parts.items():
        own = first[part.slice]
        apart = [_gap(own, other[part.slice]) for other in others]
        digits = float(problem.epsilon[part.slice].max()) * _DIGITS
        if max(apart) > digits * float(own.abs().nan_to_num(0.0, 0.0, 0.0).max()):
            found.append((name, 1 + apart.index(max(apart))))
    return found


def _gap(one: Tensor, other: Tensor) -> float:
    same = (one == other) | (one.isnan() & other.isnan())
    return float(torch.where(same, 0.0, (one - other).abs()).nan_to_num(torch.inf).max())


def _seen(cause: Cause, problem: Problem, name: str, first: Tensor, later: Tensor, detail: str) -> Misbehaviour:
    own, other = (g[problem.parts[name].slice] for g in (first, later))
    index = int((own - other).abs().nan_to_num(torch.inf).argmax())
    return Misbehaviour(cause, index, float(own[index]), float(other[index]), detail)


def _why_it_varies(values: list[float], calls: list[Tensor]) -> str:
    if len(set(values)) > 1 and values[0] == values[0]:
        return (
            "so does the function's own value: dropout or another draw is on. Switch it off (eval mode), "
            "or fix its seed, before the gradient is checked"
        )
    growth = calls[1] - calls[0]
    if torch.allclose(calls[2] - calls[1], growth) and torch.allclose(growth, calls[0]):
        return "it grows by itself with each call: set the gradient to zero before it is accumulated"
    return "the function's value does not: something is drawn, or left uninitialised, in the gradient alone"
