"""Nets to a held-out plateau: mini-batches, early stopping, and a target that is standardised while it is learnt.

A numeric target is learnt as (y − m)/s, so that one learning rate suits every unit; the last layer absorbs m and s
afterwards, and θ is in the user's units like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likeliest.course import Budget
from likeliest.families.base import Family
from likeliest.fit import Fit, fit
from likeliest.interfaces import Record, Verdict
from likeliest.objective import Objective, as_numbers
from likeliest.predictors import MLP, Columns, Constant, Fixed
from likeliest.progress import Callback
from likeliest.rules import Rule


@dataclass(frozen=True)
class NetFit:
    """A net at its held-out best.

    Attributes:
        predictor: an MLP, or Columns of an MLP mean and a Constant log-scale.
        theta: (P,) in the user's units of y; inputs as they were given.
        verdict: why the fit ended.
        fit: the driver's result; its NLLs are those of the standardised target.
        log_unit: log s, the nats per row by which NLLs in the user's units exceed those of ``fit``.
    """

    predictor: MLP | Columns
    theta: Tensor
    verdict: Verdict
    fit: Fit
    log_unit: float

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
) -> MLP | Columns:
    """An MLP for the first column, and a constant for each further one; a dispersion that is not estimated is 1."""
    mlp = MLP((inputs, *hidden, outputs), activation=activation)
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
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    callbacks: Sequence[Callback] = (),
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
        seed: names initial weights and the order of rows.
        dtype: what is computed in.
        callbacks: see `fit`; what they see is in the user's units, NLLs where the scale is estimated.

    Example:
        >>> import torch, likeliest as lk
        >>> from likeliest.nets import fit_net
        >>> x = torch.linspace(-1, 1, 200)[:, None]
        >>> found = fit_net(lk.family("bernoulli"), x, (x[:, 0].abs() > 0.5).float(), hidden=(8,), budget=50)
        >>> found.theta.shape
        torch.Size([25])
    """
    x, y = as_numbers(x, "x").to(dtype), as_numbers(y, "y")
    shift, scale = _unit(family, y, weight)
    predictor = net_predictor(family, x.shape[1], outputs, hidden, activation, estimate_dispersion=estimate_dispersion)
    objective = Objective(family, predictor, x, _standardised(y, shift, scale), weight, l2=l2)
    if (penalty := objective.l2) is not None:
        unit = _in_users_units(predictor, torch.ones_like(penalty), scale, 0.0)
        # With its scale left at 1 the standardised NLL is the user's divided by s², or by s where it grows linearly.
        degree = 0 if estimate_dispersion or family.dispersion != "log_scale" else 2 if family.smooth else 1
        objective = objective.replaced(l2=penalty * unit.square() / scale**degree)
    held_out = None
    if validation is not None:
        held_x, held_y, *held_weight = validation
        held_x, held_y = as_numbers(held_x, "x").to(dtype), as_numbers(held_y, "y")
        held_out = objective.held_out(held_x, _standardised(held_y, shift, scale), *held_weight)

    def told_in_users_units(callback: Callback) -> Callback:
        return lambda seen: callback(
            seen.replaced(
                record=_moved(seen.record, math.log(scale) if estimate_dispersion else 0.0),
                theta=_in_users_units(predictor, seen.theta.double(), scale, shift),
            )
        )

    found = fit(
        objective,
        rule,
        batch_size=batch_size,
        budget=budget,
        seed=seed,
        validation=held_out,
        patience=patience if held_out is not None else None,
        measure_every=measure_every,
        tolerance=tolerance,
        callbacks=[told_in_users_units(callback) for callback in callbacks],
    )
    theta = _in_users_units(predictor, found.theta.double(), scale, shift)
    return NetFit(predictor, theta, found.verdict, found, math.log(scale))


def _unit(family: Family, y: Tensor, weight: Tensor | None) -> tuple[float, float]:
    """Shift and scale of a target whose family has a scale; (0, 1) for all others."""
    if "log_scale" not in (family.columns or ()):
        return 0.0, 1.0
    mean, log_scale, *_ = family.null_eta(y, weight).tolist()
    return mean, math.exp(log_scale) if log_scale > -math.inf else 1.0


def _standardised(y: Tensor, shift: float, scale: float) -> Tensor:
    """The target in its own unit; an index of a class has none and stays what it is."""
    return y if (shift, scale) == (0.0, 1.0) else (y.double() - shift) / scale


def _moved(record: Record, log_unit: float) -> Record:
    """A record of the standardised target as one of the user's: log-densities differ by log s."""
    held_out = record.validation
    return record._replace(value=record.value + log_unit, validation=None if held_out is None else held_out + log_unit)


def _in_users_units(predictor: MLP | Columns, theta: Tensor, scale: float, shift: float) -> Tensor:
    if not isinstance(predictor, Columns) or (scale == 1.0 and shift == 0.0):
        return theta
    mean, *rest = predictor.split(theta)
    log_scale = math.log(scale)
    moved = [mean[0].affine_output(mean[1], scale, shift)]
    for (component, part), name in zip(rest, predictor.names[1:], strict=True):
        learnt = name == "log_scale" and component.size
        moved.append(component.affine_output(part, 1.0, log_scale) if learnt else part)
    return torch.cat(moved, -1)
