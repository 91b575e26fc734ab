"""Nets to a held-out plateau: mini-batches, early stopping, and a target that is standardised while it is learnt.

A numeric target is learnt as (y − m)/s, so that one learning rate suits every unit; the last layer absorbs m and s
afterwards, and θ is in the user's units like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor

from likeliest.checkpoint import Checkpoint
from likeliest.course import Budget
from likeliest.families.base import Family
from likeliest.fit import Fit, fit
from likeliest.interfaces import Record, Verdict
from likeliest.objective import Objective, as_numbers
from likeliest.predictors import MLP, Columns, Constant, Fixed
from likeliest.predictors.layers import BatchNorm
from likeliest.progress import Callback, Progress, adapted
from likeliest.rules import Rule
from likeliest.rules import rule as rule_by_name
from likeliest.rules.wrapping import Continued
from likeliest.training import Training

_PLAIN = Training()


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit in which a target is learnt: y = shift + scale · ỹ."""

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, family: Family, y: Tensor, weight: Tensor | None) -> Self:
        """Mean and standard deviation of a target whose family has a scale; shift 0 and scale 1 for all others."""
        if "log_scale" not in (family.columns or ()):
            return cls()
        mean, log_scale, *_ = family.null_eta(y, weight).tolist()
        return cls(mean, math.exp(log_scale) if log_scale > -math.inf else 1.0)

    @property
    def log(self) -> float:
        """Log s: by so many nats a row NLLs of y exceed those of ỹ."""
        return math.log(self.scale)

    def standardised(self, y: Tensor) -> Tensor:
        """Return ỹ; an index of a class has no unit and stays what it is."""
        return y if self == Unit() else (y.double() - self.shift) / self.scale

    def to_user(self, predictor: MLP | Columns, theta: Tensor) -> Tensor:
        """Return the θ that gives y for one that gives ỹ."""
        if not isinstance(predictor, Columns) or self == Unit():
            return theta
        mean, *rest = predictor.split(theta)
        moved = [mean[0].affine_output(mean[1], self.scale, self.shift)]
        for (component, part), name in zip(rest, predictor.names[1:], strict=True):
            learnt = name == "log_scale" and component.size
            moved.append(component.affine_output(part, 1.0, self.log) if learnt else part)
        return torch.cat(moved, -1)

    def from_user(self, predictor: MLP | Columns, theta: Tensor) -> Tensor:
        """Return the θ that gives ỹ for one that gives y."""
        return Unit(-self.shift / self.scale, 1 / self.scale).to_user(predictor, theta)


@dataclass(frozen=True, slots=True)
class NetState:
    """Where a fit of a net ended, for another one to go on from there: θ in its own unit, and the rule's memory."""

    theta: Tensor
    memory: Mapping[str, Tensor]
    unit: Unit


@dataclass(frozen=True)
class NetFit:
    """A net at its held-out best.

    Attributes:
        predictor: an MLP, or Columns of an MLP mean and a Constant log-scale.
        theta: (P,) in the user's units of y; inputs as they were given.
        verdict: why the fit ended.
        fit: the driver's result; its NLLs are those of the standardised target.
        unit: in which the target was learnt.
    """

    predictor: MLP | Columns
    theta: Tensor
    verdict: Verdict
    fit: Fit
    unit: Unit

    @property
    def log_unit(self) -> float:
        """Log s, the nats per row by which NLLs in the user's units exceed those of ``fit``."""
        return self.unit.log

    @property
    def state(self) -> NetState:
        """What another fit goes on from."""
        return NetState(self.fit.theta, self.fit.state.memory, self.unit)

    @property
    def extra(self) -> dict[str, float]:
        """The constants beside the net by name, as they stand in η."""
        if not isinstance(self.predictor, Columns):
            return {}
        rest = zip(self.predictor.names[1:], self.predictor.split(self.theta)[1:], strict=True)
        return {str(name): float(own[0]) for name, (part, own) in rest if part.size}


def net_predictor(
    family: Family,
    inputs: int,
    outputs: int,
    hidden: Sequence[int],
    activation: str,
    *,
    estimate_dispersion: bool = True,
    training: Training = _PLAIN,
    dtype: torch.dtype = torch.float32,
) -> MLP | Columns:
    """An MLP for the first column, and a constant for each further one; a dispersion that is not estimated is 1."""
    sizes = (inputs, *hidden, outputs)
    compute = training.precision(2 * sum(a * b for a, b in pairwise(sizes)), dtype)
    mlp = MLP(sizes, activation=activation, dropout=training.dropout, batch_norm=training.batch_norm, compute=compute)
    extra = (family.columns or ())[1:]
    known = {} if estimate_dispersion else {family.dispersion}
    return Columns(mlp, **{name: Fixed(0.0) if name in known else Constant() for name in extra}) if extra else mlp


def fit_net(
    family: Family,
    x: Any,
    y: Any,
    *,
    rule: Rule | str = "adam",
    outputs: int = 1,
    hidden: Sequence[int] = (256,),
    activation: str = "relu",
    weight: Any = None,
    validation: tuple[Any, ...] | None = None,
    batch_size: int | None = 32,
    budget: Budget | float | None = None,
    patience: int | None = 10,
    measure_every: float = 1.0,
    tolerance: float = 1e-8,
    l2: float | Tensor = 0.0,
    estimate_dispersion: bool = True,
    training: Training = _PLAIN,
    theta: Tensor | None = None,
    after: NetState | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | None = None,
) -> NetFit:
    """Fit a fully connected net by maximum likelihood, stopping where held-out NLL stops improving.

    Args:
        family: the probability function; columns after the first become constants, estimated with the rest.
        x: (n, p), on comparable scales: nets take their inputs standardised.
        y: (n,).
        rule: a rule or its name.
        outputs: columns of η of a family with unnamed ones (classes).
        hidden: widths of the hidden layers.
        activation: see `MLP`.
        weight: (n,) ≥ 0.
        validation: held-out (x, y) or (x, y, weight); without it the last θ is returned.
        batch_size: rows to a step; None is all of them, as full-batch rules want.
        budget: see `fit`.
        patience: measurements without a new held-out best before it stops.
        measure_every: passes between two measurements.
        tolerance: a full-batch rule is done when every entry of the gradient, per unit of weight, is at most this.
        l2: in the units of the sum of NLLs and of y: a number, or one a parameter (P,).
        estimate_dispersion: whether a family's dispersion is learnt with the rest; else the mean alone is, by half the
            deviance in place of the NLL, as coefficients of linear models are. Other columns are always learnt.
        training: dropout, batch norm, weight decay, label smoothing, mixup, clipping, averaging, the schedule and the
            precision of products.
        theta: where to start, (P,) in the user's units of y; None draws it.
        after: the ``state`` of an earlier fit of the same net to go on from: its θ, what its rule remembers, and the
            unit of y.
        seed: names initial weights and the order of rows.
        dtype: what is computed in.
        device: where the net learns, such as "cuda"; None is where x is. The θ that is returned is on the processor.
        callbacks: see `fit`; what they see is in the user's units, NLLs where the scale is estimated.
        checkpoint: see `fit`.

    Raises:
        SpecificationError: an option of ``training`` that does not go with the family, the rule or full batches.

    Example:
        >>> import torch, likeliest as lk
        >>> from likeliest.nets import fit_net
        >>> x = torch.linspace(-1, 1, 200)[:, None]
        >>> found = fit_net(lk.family("bernoulli"), x, (x[:, 0].abs() > 0.5).float(), hidden=(8,), budget=50)
        >>> found.theta.shape
        torch.Size([25])
    """
    training.check(batch_size)
    x, y = as_numbers(x, "x").to(dtype), as_numbers(y, "y")
    unit = Unit.of(family, y, weight) if after is None else after.unit
    predictor = net_predictor(
        family,
        x.shape[1],
        outputs,
        hidden,
        activation,
        estimate_dispersion=estimate_dispersion,
        training=training,
        dtype=dtype,
    )
    transform = training.transform(family, outputs)
    objective = Objective(family, predictor, x, unit.standardised(y), weight, l2=l2, transform=transform, device=device)
    if (penalty := objective.l2) is not None:
        moved = Unit(0.0, unit.scale).to_user(predictor, torch.ones_like(penalty))
        # With its scale left at 1 the standardised NLL is the user's divided by s², or by s where it grows linearly.
        degree = 0 if estimate_dispersion or family.dispersion != "log_scale" else 2 if family.smooth else 1
        objective = objective.replaced(l2=penalty * moved.square() / unit.scale**degree)
    held_out = None
    if validation is not None:
        held_x, held_y, *held_weight = validation
        held_x, held_y = as_numbers(held_x, "x").to(dtype), as_numbers(held_y, "y")
        held_out = objective.held_out(held_x, unit.standardised(held_y), *held_weight)

    def in_users_units(seen: Progress) -> Progress:
        return seen.replaced(
            record=_moved(seen.record, unit.log if estimate_dispersion else 0.0),
            theta=unit.to_user(predictor, seen.theta.double().cpu()),
        )

    rule = training.rule(rule_by_name(rule) if isinstance(rule, str) else rule)
    start = None if theta is None else unit.from_user(predictor, theta.double()).to(dtype)
    found = fit(
        objective,
        rule if after is None else Continued(rule, after.memory),
        theta=start if after is None else after.theta,
        batch_size=batch_size,
        budget=budget,
        seed=seed,
        validation=held_out,
        patience=patience if held_out is not None else None,
        measure_every=measure_every,
        tolerance=tolerance,
        callbacks=[adapted(tell, in_users_units) for tell in callbacks],
        average=training.average,
        checkpoint=checkpoint,
    )
    return NetFit(predictor, unit.to_user(predictor, found.theta.double().cpu()), found.verdict, found, unit)


def folded(mlp: MLP, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return weights (inputs, outputs) and intercepts (outputs,) of the plain MLP that a net is at evaluation.

    Without a draw a batch norm is affine, and so goes into the layer before it: with s = γ/√(v + ε),
    W ← W s and b ← (b − m) s + β.

    Example:
        >>> mlp = MLP((3, 4, 2), batch_norm=True)
        >>> weights, intercepts = folded(mlp, torch.ones(mlp.size))
        >>> [tuple(w.shape) for w in weights], [tuple(b.shape) for b in intercepts]
        ([(3, 4), (4, 2)], [(4,), (2,)])
    """
    own = {name: theta[part.slice].reshape(part.shape) for name, part in mlp.parts.items()}
    depth = len(mlp.sizes) - 1
    weights = [own[f"layer{i}.weight"] for i in range(1, depth + 1)]
    intercepts = [own[f"layer{i}.bias"] for i in range(1, depth + 1)]
    for i, (name, layer) in enumerate((n, la) for n, la in mlp.layers.layers.items() if isinstance(la, BatchNorm)):
        scale = own[f"{name}.scale"] / (own[f"{name}.variance"] + layer.eps).sqrt()
        weights[i] = weights[i] * scale
        intercepts[i] = (intercepts[i] - own[f"{name}.mean"]) * scale + own[f"{name}.shift"]
    return weights, intercepts


def _moved(record: Record, log_unit: float) -> Record:
    """A record of the standardised target as one of the user's: log-densities differ by log s."""
    held_out = record.validation
    return record._replace(value=record.value + log_unit, validation=None if held_out is None else held_out + log_unit)
