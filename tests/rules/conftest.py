"""A stand-in for the objective: any smooth function of θ, differentiated by autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from likeliest.interfaces import Part, State
from likeliest.rules import Rule

Function = Callable[[Tensor], Tensor]


class Plain:
    """A predictor all of whose parameters are learnt."""

    parts: ClassVar[Mapping[str, Part]] = {}


class View:
    """f, its gradient and its Hessian at θ; like the real view it hands out one gradient buffer again and again."""

    buffer = torch.empty(0)

    def __init__(self, function: Function, theta: Tensor, gauge: Tensor | None = None) -> None:
        self.function, self.theta, self.gauge = function, theta, gauge
        self._grad: Tensor | None = None

    @property
    def value(self) -> Tensor:
        return self.function(self.theta.detach())

    @property
    def grad(self) -> Tensor:
        if self._grad is None:
            leaf = self.theta.detach().clone().requires_grad_()
            with torch.enable_grad():
                (grad,) = torch.autograd.grad(self.function(leaf).sum(), leaf)
            if View.buffer.shape != grad.shape or View.buffer.dtype != grad.dtype:
                View.buffer = torch.empty_like(grad, memory_format=torch.contiguous_format)
            self._grad = View.buffer.copy_(grad)
        return self._grad

    def hessian_matrix(self) -> Tensor:
        rows = self.theta.reshape(-1, self.theta.shape[-1])
        each = [torch.autograd.functional.hessian(lambda t: self.function(t).sum(), row) for row in rows]
        return torch.stack(each).reshape(*self.theta.shape, self.theta.shape[-1])

    fisher_matrix = hessian_matrix

    def moved(self, theta: Tensor) -> View:
        return View(self.function, theta, self.gauge)


def _follow(
    rule: Rule, functions: Sequence[Function], theta: Tensor, gauge: Tensor | None = None
) -> tuple[list[Tensor], State]:
    theta = theta.clone()
    state, path = rule.init(theta, Plain()), [theta.clone()]
    for step, function in enumerate(functions):
        state.step, state.steps = step, len(functions)
        theta = rule.step(View(function, theta, gauge), state)
        path.append(theta.clone())
    return path, state


@pytest.fixture
def view() -> type[View]:
    return View


@pytest.fixture
def follow() -> Callable[..., tuple[list[Tensor], State]]:
    """Take one step of a rule on each function in turn; return all θ and the last state."""
    return _follow


@pytest.fixture
def noisy_quadratics() -> list[Function]:
    """A hundred quadratics of condition 100 whose minimum jumps about: what a mini-batch does to an objective."""
    generator = torch.Generator().manual_seed(0)
    curvature = torch.logspace(-1, 1, 7, dtype=torch.float64)
    minima = torch.randn(100, 7, generator=generator, dtype=torch.float64)
    return [lambda theta, m=m: 0.5 * (curvature * (theta - m).square()).sum(-1) for m in minima]


@pytest.fixture
def start() -> Tensor:
    return torch.randn(7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
