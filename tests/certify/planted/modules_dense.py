"""Bugs in the backward passes of linear models and of nets of dense layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from .module_layers import absolute, half_mse, relu
from .module_mistakes import (
    F32,
    Remembering,
    activation,
    affine,
    altered,
    by_hand,
    case,
    fixed_noise,
    forward_difference,
    loss_by_hand,
)
from .module_scenes import absolute_errors, dead_unit, linear, mlp, penalised, residual


def first_rows_detached(x, w, b):
    return torch.cat([F.linear(x, w[:2].detach(), b[:2].detach()), F.linear(x, w[2:], b[2:])], -1)


def halved(module):
    module.fc2.weight.register_hook(lambda g: g / 2)


def doubled(module):
    module.act1.register_full_backward_hook(lambda _, into, out: (2 * into[0],))


LINEAR = (
    case("weight", "linear", "sign", "fc.weight", linear, fc=affine(weight=lambda g, x: -(g.T @ x))),
    case(
        *("loss-not-divided-by-batch", "linear", "scale", "fc.weight fc.bias loss", linear),
        loss=loss_by_hand(half_mse, lambda o, y: o - y),
        factor=8.0,
        dtype=F32,
    ),
    case("rows-detached", "linear", "zeroed", "fc.weight fc.bias", linear, fc=first_rows_detached),
    case(
        *("summed-over-outputs", "linear", "broadcast", "fc.weight", linear),
        fc=affine(weight=lambda g, x: (g.sum(1) @ x).expand(g.shape[1], -1)),
    ),
    case(
        *("residuals-cached", "linear", "stale", "fc.weight fc.bias loss", linear),
        loss=Remembering(half_mse, 0),
        warm=True,
    ),
    case(
        *("slope-five-at-zero", "linear", "kink", "fc.weight fc.bias loss", absolute_errors),
        loss=loss_by_hand(absolute, lambda o, y: torch.where(o == y, 5.0, (o - y).sign()) / len(y)),
    ),
    case(
        *("step-too-small", "linear", "precision", "fc.weight fc.bias loss", linear),
        loss=loss_by_hand(half_mse, forward_difference(half_mse, 4e-15)),
    ),
    case("noise", "linear", "unknown", "fc.weight", linear, fc=altered(F.linear, 1, fixed_noise)),
    case(
        *("inputs-rolled", "linear", "shifted", "fc.weight", linear),
        fc=affine(weight=lambda g, x: (g.T @ x).roll(1, 1)),
        dtype=F32,
    ),
)

MLP = (
    case(
        *("tanh", "mlp", "sign", "act1 fc1.weight fc1.bias", mlp),
        act1=activation(torch.tanh, lambda x: x.tanh() ** 2 - 1),
    ),
    case("halved-by-a-hook", "mlp", "scale", "fc2.weight", mlp, hook=halved, factor=0.5, dtype=F32),
    case("doubled-by-a-hook", "mlp", "scale", "act1 fc1.weight fc1.bias", mlp, hook=doubled, factor=2.0),
    case("square-weight", "mlp", "transposed", "fc2.weight", mlp, fc2=affine(weight=lambda g, x: x.T @ g)),
    case(
        *("reshaped-from-the-transpose", "mlp", "transposed", "fc1.weight", mlp),
        fc1=affine(weight=lambda g, x: (x.T @ g).reshape(g.shape[1], -1)),
    ),
    case("units-reversed", "mlp", "permuted", "fc2.weight", mlp, fc2=affine(weight=lambda g, x: (g.T @ x).flip(0))),
    case("bias-rolled", "mlp", "shifted", "fc2.bias", mlp, fc2=affine(bias=lambda g: g.sum(0).roll(1))),
    case("data", "mlp", "zeroed", "fc1.weight", mlp, fc1=lambda x, w, b: F.linear(x, w.data, b)),
    case(
        *("bias-summed-over-units", "mlp", "broadcast", "fc2.bias", mlp),
        fc2=affine(bias=lambda g: g.sum().expand(g.shape[1])),
    ),
    case(
        *("relu-lets-all-pass", "mlp", "nonlinearity", "act2 fc2.weight fc2.bias", mlp),
        clean={"act2": torch.relu},
        act2=by_hand(torch.relu, lambda g, x: g),
    ),
    case(
        *("tanh-slope-at-its-argument", "mlp", "nonlinearity", "act1 fc1.weight fc1.bias", mlp),
        act1=activation(torch.tanh, lambda x: 1 - x * x),
        dtype=F32,
    ),
    case("copied-weight", "mlp", "stale", "fc2 fc1.weight fc1.bias", mlp, fc2=Remembering(F.linear, 1), warm=True),
    case(
        *("penalty-detached", "mlp", "missing_term", "net.fc3.weight", penalised),
        norm=lambda w: w.detach().square().sum(),
    ),
    case(
        "skip-detached", "mlp", "missing_term", "block fc1.weight fc1.bias", residual, join=lambda x, y: x.detach() + y
    ),
    case(
        *("dropout-in-the-backward-pass", "mlp", "nondeterministic", "act2 fc2.weight fc2.bias", mlp),
        act2=activation(torch.tanh, lambda x: F.dropout(1 - x.tanh() ** 2, 0.5)),
        dtype=F32,
    ),
    case(
        *("softplus-overflows", "mlp", "nonfinite", "act1 fc1.weight fc1.bias", mlp),
        clean={"act1": F.softplus, "outlier": 300.0},
        act1=activation(F.softplus, lambda x: x.exp() / (1 + x.exp())),
        dtype=F32,
    ),
    case(
        *("slope-two-at-zero", "mlp", "kink", "act fc1.weight fc1.bias", dead_unit),
        act=activation(relu, lambda x: 2 * (x == 0) + (x > 0).to(x)),
    ),
    case(
        *("noise-from-the-head", "mlp", "unknown", "fc3.weight fc3.bias", mlp),
        fc3=affine(weight=lambda g, x: fixed_noise(g.T @ x), bias=lambda g: fixed_noise(g.sum(0))),
    ),
)

CASES = (*LINEAR, *MLP)
