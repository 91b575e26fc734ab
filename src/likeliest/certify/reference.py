"""The objective once more, out of place and without blocks, so that autograd can differentiate it.

Predictors write their forward for speed: views that are made once, activations in place, a tape of their own. Here
each is one plain formula, which shares nothing with its hand-derived pullback. Autograd's gradient of it is a second
witness.
"""

from __future__ import annotations

from functools import singledispatch

import torch
from torch import Tensor

from likeliest.certify.reference_frames import reference_along
from likeliest.certify.reference_layers import has_reference as layer_has_reference
from likeliest.certify.reference_layers import reference_output
from likeliest.certify.reference_volatility import reference_log_scale
from likeliest.interfaces import Eta
from likeliest.objective import Objective
from likeliest.predictors import (
    Columns,
    ConditionalVolatility,
    Constant,
    Fixed,
    Layered,
    Linear,
    Module,
    Predictor,
    columns_of,
)


@singledispatch
def reference_eta(predictor: Predictor, theta: Tensor, x: Tensor) -> Eta | None:
    """η of one run by a plain formula; None for a predictor that has none here."""
    return None


def has_reference(predictor: Predictor) -> bool:
    """Whether `reference_eta` knows the predictor, with all that it is made of."""
    if isinstance(predictor, Columns):
        return all(has_reference(p) for p in predictor.components.values())
    if isinstance(predictor, ConditionalVolatility):
        return has_reference(predictor.mean)
    if isinstance(predictor, Layered):
        return layer_has_reference(predictor.layers)
    return reference_eta.dispatch(type(predictor)) is not reference_eta.dispatch(object)


@reference_eta.register
def _(predictor: Linear, theta: Tensor, x: Tensor) -> Eta:
    weight, *bias = _parts(predictor, theta)
    eta = x @ weight
    return eta + bias[0] if bias else eta


@reference_eta.register
def _(predictor: Layered, theta: Tensor, x: Tensor) -> Eta:
    parts, frames = dict(zip(predictor.parts, _parts(predictor, theta), strict=True)), predictor.frames(x)
    x = x.to(theta.dtype)
    if frames is None:
        return reference_output(predictor.layers, "", parts, x)
    return reference_along(predictor.layers, "", parts, x, frames)


@reference_eta.register
def _(predictor: Constant, theta: Tensor, x: Tensor) -> Eta:
    return theta.expand(len(x), -1)


@reference_eta.register
def _(predictor: Fixed, theta: Tensor, x: Tensor) -> Eta:
    return torch.tensor(predictor.values, dtype=x.dtype).expand(len(x), -1)


@reference_eta.register
def _(predictor: Module, theta: Tensor, x: Tensor) -> Eta:
    named = dict(zip(predictor.parts, _parts(predictor, theta), strict=True))
    eta: Tensor = torch.func.functional_call(predictor.module.eval(), named, (x,))
    return eta


@reference_eta.register
def _(predictor: ConditionalVolatility, theta: Tensor, x: Tensor) -> Eta | None:
    of_mean, of_volatility = predictor.split(theta)
    location = reference_eta(predictor.mean, of_mean, x[:, 1 + predictor.measures :])
    if location is None:
        return None
    mean = columns_of(location)[0].expand(len(x))
    log_scale = reference_log_scale(predictor, of_volatility, x[:, 0] - mean, x)
    return None if log_scale is None else torch.stack((mean, log_scale), -1)


@reference_eta.register
def _(predictor: Columns, theta: Tensor, x: Tensor) -> Eta | None:
    columns: list[Tensor] = []
    at = 0
    for component in predictor.components.values():
        eta = reference_eta(component, theta[at : at + component.size], x)
        if eta is None:
            return None
        columns += columns_of(eta)
        at += component.size
    return tuple(columns)


def autograd_gradient(objective: Objective, theta: Tensor) -> Tensor | None:
    """The gradient (P,) at θ (P,) by autograd through the reference; None for a predictor without one."""
    if not has_reference(objective.predictor):
        return None
    with torch.enable_grad():
        leaf = theta.detach().clone().requires_grad_()
        (grad,) = torch.autograd.grad(_value(objective, leaf), leaf, materialize_grads=True)
    return grad


def _value(objective: Objective, theta: Tensor) -> Tensor:
    eta = reference_eta(objective.predictor, theta, objective.x)
    assert eta is not None
    log_prob = objective.family.log_prob(_offset(eta, objective), objective.y)
    weighted = log_prob if objective.weight is None else log_prob * objective.weight
    value = -weighted.sum() / objective.total_weight
    return value if objective.penalty is None else value + 0.5 * (objective.penalty * theta**2).sum()


def _offset(eta: Eta, objective: Objective) -> Eta:
    """η + offset, laid out as the family wants it."""
    columns, offset = columns_of(eta), objective.offset
    if isinstance(offset, dict):
        columns = tuple(c + offset[k] if k in offset else c for k, c in enumerate(columns))
    elif offset is not None:
        columns = tuple(c + o for c, o in zip(columns, offset.unbind(-1), strict=True))
    named = objective.family.columns
    return columns if named is not None and len(named) > 1 else torch.stack(columns, -1)


def _parts(predictor: Predictor, theta: Tensor) -> list[Tensor]:
    """Parts of θ in their shapes; what is not learnt is a constant."""
    parts = predictor.parts.values()
    return [(theta if part.learnt else theta.detach())[part.slice].reshape(part.shape) for part in parts]
