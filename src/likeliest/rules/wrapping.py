"""Rules around another rule: they change what it is given or what it gives, and are it in all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Local, Need, Predictor, State
from likeliest.rules.base import LR, Rule
from likeliest.rules.schedules import Rate


@dataclass(frozen=True)
class Wrapping(Rule):
    """A rule around another one, ``rule``, that asks for gradients alone; subclasses state ``step``.

    Raises:
        SpecificationError: a rule that asks for more than gradients.
    """

    rule: Rule

    def __post_init__(self) -> None:
        if self.rule.needs != {Need.GRAD}:
            needs = ", ".join(sorted(need.upper() for need in self.rule.needs))
            who = type(self).__name__
            raise SpecificationError(f"{who} is for rules that need GRAD alone; {self.rule.name} needs {needs}")

    @property
    def name(self) -> str:
        """The name of the rule inside."""
        return self.rule.name

    @property
    def lr(self) -> Rate:
        """The learning rate of the rule inside, where it has one."""
        lr: Rate = getattr(self.rule, LR)
        return lr

    def with_lr(self, lr: Rate) -> Self:
        """Return the same with another learning rate."""
        return replace(self, rule=self.rule.with_lr(lr))

    @property
    def lr_range(self) -> tuple[float, float] | None:
        """The learning rates that a fair race searches."""
        return self.rule.lr_range

    @property
    def full_batch(self) -> bool:
        """Whether the rule makes sense on all rows only."""
        return self.rule.full_batch

    @property
    def criterion(self) -> str:
        """What the rule minimises."""
        return self.rule.criterion

    @property
    def source(self) -> str:
        """Where the rule inside comes from."""
        return self.rule.source

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return the state of the rule inside."""
        return self.rule.init(theta, predictor)


@dataclass(frozen=True)
class Continued(Wrapping):
    """A rule that remembers what it did at the end of an earlier fit of the same parameters.

    Args:
        rule: a rule that asks for gradients alone.
        memory: ``state.memory`` of the earlier fit.
    """

    memory: Mapping[str, Tensor] = field(default_factory=dict)

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return a state at step 0 with a copy of that memory."""
        state = super().init(theta, predictor)
        for name, own in state.memory.items():
            own.copy_(self.memory[name])
        return state

    def step(self, local: Local, state: State) -> Tensor:
        """Return the rule's next θ."""
        return self.rule.step(local, state)


class View:
    """A local view with another gradient."""

    __slots__ = ("_local", "grad")

    def __init__(self, local: Local, grad: Tensor) -> None:
        self._local, self.grad = local, grad

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)
