"""Gradient descent, SGD, heavy-ball momentum and Nesterov's method, and the template of all first-order rules.

Every first-order rule is θ ← θ − lr · u, with a direction u of its own. Where all runs share one rate, the rule moves θ
directly. Where each has its own, it takes a step of rate 1 into a zeroed buffer, which then holds −u, and scales that:
torch's fused kernels know only one rate.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Local, Predictor, State
from likeliest.rules.base import Rule, add_scaled, check_lr, check_runs, current, peak
from likeliest.rules.hyperparameters import check_number
from likeliest.rules.schedules import Rate

Memory = dict[str, Any]


@dataclass(frozen=True)
class FirstOrder(Rule):
    """θ ← θ − lr · u, where u comes from this gradient and the memory of earlier ones. θ changes in place.

    Args:
        lr: a number, a tensor (R, 1) with one number a run, or a `Schedule`.

    Raises:
        SpecificationError: a hyperparameter lies outside its range.
        ShapeError: (from ``init``) lr is given for other runs than θ has.
    """

    lr: Rate = 1e-2

    def __post_init__(self) -> None:
        check_lr(self, self.lr)

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return a state with the rule's own memory and, for one rate a run, the buffer of unit steps."""
        check_runs(self, self.lr, theta)
        if not theta.is_contiguous():
            raise ShapeError(f"{self.name} moves θ in place and needs it contiguous; pass theta.contiguous()")
        memory = self.remember(theta)
        if isinstance(peak(self.lr), Tensor):
            memory["unit"] = torch.zeros_like(theta)
        return State(memory=memory)

    def step(self, local: Local, state: State) -> Tensor:
        """Return θ − lr · u."""
        lr = current(self.lr, state)
        # The fused kernels walk over raw storage: another layout than θ's would be read in the wrong order.
        grad = local.grad.contiguous()
        if isinstance(lr, Tensor) and lr.ndim:
            return self._step_runs(local.theta, grad, lr.to(local.theta), state.memory)
        self.move(local.theta, grad, lr, state.memory)
        return local.theta

    def _step_runs(self, theta: Tensor, grad: Tensor, lr: Tensor, memory: Memory) -> Tensor:
        unit: Tensor = memory["unit"].zero_()
        self.move(unit, grad, 1.0, memory)
        return theta.addcmul_(unit, lr)

    def remember(self, theta: Tensor) -> Memory:
        """Return the memory before the first step."""
        return {}

    @abstractmethod
    def move(self, target: Tensor, grad: Tensor, lr: float | Tensor, memory: Memory) -> None:
        """Add −lr · u to ``target`` in place and bring the memory up to date; a tensor lr is a number on θ's device."""


@dataclass(frozen=True)
class SteepestDescent(FirstOrder):
    """θ ← θ − lr · g, the rule that full-batch descent and SGD share: only the batch differs."""

    formula = "θ ← θ − lr·g"
    lr_range = (1e-3, 10.0)

    def _step_runs(self, theta: Tensor, grad: Tensor, lr: Tensor, memory: Memory) -> Tensor:
        return add_scaled(theta, grad, -lr)

    def move(self, target: Tensor, grad: Tensor, lr: float | Tensor, memory: Memory) -> None:
        """Subtract lr · g."""
        add_scaled(target, grad, -lr)


@dataclass(frozen=True)
class GradientDescent(SteepestDescent):
    """θ ← θ − lr · g over all rows.

    Args:
        lr: learning rate; below 2 / L, with L the largest curvature, each step lowers the objective.

    Source: Cauchy (1847), Méthode générale pour la résolution des systèmes d'équations simultanées.

    Example:
        >>> GradientDescent(lr=0.5).full_batch
        True
    """

    lr: Rate = 0.1

    name = "gradient_descent"
    full_batch = True
    source = "Cauchy (1847)"


@dataclass(frozen=True)
class SGD(SteepestDescent):
    """θ ← θ − lr · g, with g from a mini-batch.

    Args:
        lr: learning rate.

    Source: Robbins & Monro (1951), A stochastic approximation method.
    """

    lr: Rate = 0.1

    name = "sgd"
    source = "Robbins & Monro (1951)"


@dataclass(frozen=True)
class HeavyBall(FirstOrder):
    """m ← μm + g, then a step along m or, looking ahead, along g + μm."""

    momentum: float = 0.9

    lr_range = (1e-4, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.name, "momentum", self.momentum, high=1.0, open_low=True)

    def remember(self, theta: Tensor) -> Memory:
        """Return m = 0."""
        return {"m": torch.zeros_like(theta)}

    @property
    @abstractmethod
    def looks_ahead(self) -> bool:
        """Whether the step goes along g + μm."""

    def move(self, target: Tensor, grad: Tensor, lr: float | Tensor, memory: Memory) -> None:
        """Subtract lr · m, or lr · (g + μm)."""
        torch._fused_sgd_(
            [target], [grad], [memory["m"]], lr=lr, momentum=self.momentum, nesterov=self.looks_ahead, dampening=0.0,
            weight_decay=0.0, maximize=False, is_first_step=False,
        )  # fmt: skip


@dataclass(frozen=True)
class Momentum(HeavyBall):
    """m ← μm + g;  θ ← θ − lr · m: a heavy ball rolls through the small bumps.

    Args:
        lr: learning rate.
        momentum: μ in [0, 1).

    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods; as torch.optim.SGD has it.
    """

    name = "momentum"
    looks_ahead = False
    formula = "m ← μm + g;  θ ← θ − lr·m"
    source = "Polyak (1964)"


@dataclass(frozen=True)
class Nesterov(HeavyBall):
    """m ← μm + g;  θ ← θ − lr · (g + μm): the gradient is applied where the momentum will have carried θ.

    Args:
        lr: learning rate.
        momentum: μ in [0, 1).

    Source: Nesterov (1983), A method of solving a convex programming problem with convergence rate O(1/k²); in the form
    of Sutskever et al. (2013), as torch.optim.SGD has it.
    """

    name = "nesterov"
    looks_ahead = True
    formula = "m ← μm + g;  θ ← θ − lr·(g + μm)"
    source = "Nesterov (1983); Sutskever et al. (2013)"
