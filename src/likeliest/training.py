"""How a net is trained: options with the names and defaults that the field has for them, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from likeliest.augment import Augmentation, Chain, LabelSmoothing, Mixup
from likeliest.errors import SpecificationError, SupportError, UnknownNameError
from likeliest.families import Family
from likeliest.interfaces import Draw, Transform
from likeliest.predictors import preferred_compute
from likeliest.rules import Clipped, Constant, Cosine, Decayed, InverseTime, OneCycle, Rule, Schedule
from likeliest.rules.base import LR, peak
from likeliest.rules.hyperparameters import check_number

SCHEDULES: Mapping[str, Callable[[float | Tensor], Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "inverse_time": InverseTime,
}
_COMPUTE = ("auto", "bfloat16", None)
WORTH_CASTING = 100_000
"""Twice the multiply-adds of a row below which casting to bfloat16 costs more than its products save."""


@dataclass(frozen=True)
class Training:
    """How a net is trained; what is not asked for is left out.

    Args:
        dropout: the rate at which activations of hidden layers are set to 0, in [0, 1).
        batch_norm: whether hidden layers are normalised over the batch, before their activation.
        weight_decay: λ: weights shrink by the factor 1 − lr·λ at each step, apart from the gradient. See `Decayed`.
        label_smoothing: ε in [0, 1): the share of each label that is spread over all classes.
        mixup: α of the Beta(α, α) by which rows are mixed with others of their batch, targets too; 0 mixes none.
        clip_norm: the largest norm of a gradient; see `Clipped`.
        average: decay of an exponential moving average of θ, which is then what is measured and returned.
        schedule: of the learning rate: "constant", "cosine", "one_cycle" or "inverse_time"; None is the rule's own.
        compute: "bfloat16" rounds the products of training batches to it; "auto" does so where this processor gains by
            it; None does not. See `MLP`.

    Raises:
        SpecificationError: a number outside its range.
        UnknownNameError: no schedule or precision of that name.

    Example:
        >>> import likeliest as lk
        >>> from likeliest.training import Training
        >>> Training(schedule="cosine", clip_norm=1.0).rule(lk.rule("sgd", lr=0.1))
        Clipped(rule=SGD(lr=Cosine(lr=0.1, final=0.0)), norm=1.0, value=None)
    """

    dropout: float = 0.0
    batch_norm: bool = False
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    clip_norm: float | None = None
    average: float | None = None
    schedule: str | None = None
    compute: Literal["auto", "bfloat16"] | None = None

    def __post_init__(self) -> None:
        for name in ("dropout", "label_smoothing"):
            check_number("Training", name, getattr(self, name), high=1.0)
        for name in ("weight_decay", "mixup"):
            check_number("Training", name, getattr(self, name))
        if self.schedule is not None and self.schedule not in SCHEDULES:
            raise UnknownNameError(f"no schedule is called {self.schedule!r}; there is {', '.join(SCHEDULES)}")
        if self.compute not in _COMPUTE:
            raise UnknownNameError(f"compute is one of {', '.join(map(repr, _COMPUTE))}; found {self.compute!r}")

    def rule(self, rule: Rule) -> Rule:
        """Return a rule with the schedule, the clipping and the decay that were asked for.

        Raises:
            SpecificationError: the rule has no learning rate to schedule or decay by, or asks for more than gradients.
        """
        if self.schedule is not None:
            rule = rule.with_lr(SCHEDULES[self.schedule](peak(getattr(rule, LR, 1.0))))
        if self.clip_norm is not None:
            rule = Clipped(rule, norm=self.clip_norm)
        return Decayed(rule, self.weight_decay) if self.weight_decay else rule

    def transform(self, family: Family, outputs: int) -> Transform | None:
        """Return what is done to training batches of a family with so many columns of η; None where it is nothing.

        Raises:
            SpecificationError: labels to smooth where there are no classes; targets to mix that a family does not take.
        """
        parts: list[Augmentation] = []
        classes = outputs if family.columns is None else None
        if self.mixup:
            _check_mixes(family)
            parts.append(Mixup(self.mixup, classes=classes))
        if self.label_smoothing and classes is not None:
            parts.append(LabelSmoothing(self.label_smoothing, classes))
        mixed = Chain(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
        if not self.label_smoothing or classes is not None:
            return mixed
        if family.name != "bernoulli":
            raise SpecificationError(f"label smoothing is for classes, and {family.name} has none; leave it out")
        return _SmoothedTrials(self.label_smoothing, mixed)

    def precision(self, flops: int, dtype: torch.dtype) -> Literal["bfloat16"] | None:
        """Return the ``compute`` of a net of so many operations a row that learns in a dtype."""
        if self.compute != "auto":
            return self.compute
        return preferred_compute() if dtype == torch.float32 and flops >= WORTH_CASTING else None

    def check(self, batch_size: int | None) -> None:
        """Refuse, with full batches, what acts on mini-batches alone.

        Raises:
            SpecificationError: naming the option.
        """
        for name in ("dropout", "batch_norm", "label_smoothing", "mixup", "average"):
            if batch_size is None and getattr(self, name):
                raise SpecificationError(f"{name} acts on mini-batches; take a rule for them, such as adam")


@dataclass(frozen=True)
class _SmoothedTrials:
    """Label smoothing of a y in [0, 1], the probability of the second of two classes: y ← (1 − ε) y + ε/2."""

    epsilon: float
    before: Transform | None

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, draw: Draw) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.before is not None:
            x, y, weight = self.before(x, y, weight, draw)
        return x, (1 - self.epsilon) * y + self.epsilon / 2, weight


def _check_mixes(family: Family) -> None:
    """Refuse to mix counts: what lies between two of them is none."""
    try:
        if family.columns is not None:
            family.check_support(torch.tensor([0.5]))
    except SupportError as error:
        raise SpecificationError(f"mixup mixes targets, and {family.name} does not take mixtures: {error}") from None
