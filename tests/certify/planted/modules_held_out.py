"""Bugs in torch modules that are not run before the checker is finished."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from .module_layers import (
    absolute,
    attention,
    batch_norm,
    half_mse,
    identity,
    layer_norm,
    max_pool,
    project,
    relu,
    scaled,
)
from .module_mistakes import (
    F32,
    Remembering,
    activation,
    affine,
    altered,
    batch_norm_by_hand,
    by_hand,
    case,
    fixed_noise,
    forward_difference,
    loss_by_hand,
    softmax_loss,
)
from .module_scenes import (
    absolute_errors,
    batch_normed,
    classifier,
    conv1d,
    conv2d,
    dead_unit,
    gru,
    linear,
    mlp,
    penalised,
    recurrent,
    tied_pool,
    transformer,
)

CELL = "rnn rnn.weight_ih rnn.weight_hh rnn.bias_ih rnn.bias_hh"


class Accumulating:
    """An operation that adds up the gradient of its weight over calls and never starts afresh."""

    def __init__(self, op):
        self.op, self.total = op, 0.0

    def __call__(self, *tensors):
        def accumulate(g):
            self.total = self.total + g
            return self.total

        return altered(self.op, 1, accumulate)(*tensors)


def negated_by_a_hook(module):
    module.fc2.bias.register_hook(torch.neg)


def without_first_and_last_step(g):
    return torch.cat([0 * g[:1], g[1:-1], 0 * g[-1:]])


def without_eps(u, z, s):
    """Batch norm's formula with z from a variance without ε: 0/0 in a constant feature."""
    d = z * s
    ratio = d / (d * d).mean(0).sqrt()
    return (u - u.mean(0) - ratio * (u * ratio).mean(0)) / s


def constant_feature(norm=batch_norm):
    module, loss, batch = batch_normed(norm=norm, seed=53)
    with torch.no_grad():
        module.fc1.weight[1] = 0
    return module, loss, batch


def first_winner_twice(g, x):
    """Ties in a max-pooling: four times the gradient to the first of them."""
    windows = x.unflatten(-1, (-1, 2))
    first, second = windows.unbind(-1)
    return (g.unsqueeze(-1) * torch.stack([(first > second) + 4.0 * (first == second), second > first], -1)).flatten(-2)


def slope_of_log_softmax(g, s):
    return g - s.softmax(-1) * g.sum(-1, keepdim=True)


LINEAR = (
    case(
        *("half-of-the-square", "linear", "scale", "loss fc.weight fc.bias", linear),
        loss=loss_by_hand(half_mse, lambda o, y: 2 * (o - y) / len(y)),
        factor=2.0,
        dtype=F32,
    ),
    case(
        *("outputs-reversed", "linear", "permuted", "fc.weight fc.bias", linear),
        fc=affine(weight=lambda g, x: (g.T @ x).flip(0), bias=lambda g: g.sum(0).flip(0)),
    ),
    case(
        *("slope-minus-three-at-zero", "linear", "kink", "loss fc.weight fc.bias", absolute_errors),
        loss=loss_by_hand(absolute, lambda o, y: torch.where(o == y, -3.0, (o - y).sign()) / len(y)),
        dtype=F32,
    ),
    case(
        *("outputs-off-by-one", "linear", "shifted", "loss fc.weight fc.bias", linear),
        loss=loss_by_hand(half_mse, lambda o, y: (o - y).roll(1, 1) / len(y)),
    ),
)

MLP = (
    case("bias-by-a-hook", "mlp", "sign", "fc2.bias", mlp, hook=negated_by_a_hook),
    case(
        *("softplus-slope-left-out", "mlp", "nonlinearity", "act2 fc2.weight fc2.bias", mlp),
        clean={"act2": F.softplus},
        act2=by_hand(F.softplus, lambda g, x: g),
    ),
    case("added-up-over-calls", "mlp", "nondeterministic", "fc2.weight", mlp, fc2=Accumulating(F.linear)),
    case(
        *("penalty-of-the-data", "mlp", "missing_term", "net.fc3.weight", penalised),
        norm=lambda w: w.data.square().sum(),
        dtype=F32,
    ),
    case("hidden-values-cached", "mlp", "stale", "fc3.weight", mlp, fc3=Remembering(F.linear, 0), warm=True),
    case(
        *("slope-minus-one-at-zero", "mlp", "kink", "act fc1.weight fc1.bias", dead_unit),
        act=activation(relu, lambda x: (x > 0).to(x) - (x == 0).to(x)),
        dtype=F32,
    ),
)

SOFTMAX = (
    case(
        *("cosine-of-the-probability", "softmax", "unknown", "loss fc2.weight fc2.bias", classifier),
        loss=softmax_loss(lambda p, y, n: (p - y) * torch.cos(97 * p) * 3 / n),
    ),
    case(
        *("summed-over-inputs", "softmax", "broadcast", "fc2.weight", classifier),
        fc2=affine(weight=lambda g, x: (g.T @ x.sum(1, keepdim=True)).expand(-1, x.shape[1])),
        dtype=F32,
    ),
    case(
        *("last-classes-detached", "softmax", "zeroed", "fc2.weight", classifier),
        fc2=lambda x, w, b: F.linear(x, torch.cat([w[:2], w[2:].detach()]), b),
    ),
    case(
        *("probabilities-alone", "softmax", "missing_term", "loss fc2.weight fc2.bias", classifier),
        loss=softmax_loss(lambda p, y, n: -y / n),
    ),
)

BATCH_NORM = (
    case(
        *("constant-feature-without-eps", "batch_norm", "nonfinite", "norm fc1.weight", constant_feature),
        norm=batch_norm_by_hand(without_eps),
    ),
    case(
        *("mean-held-constant", "batch_norm", "missing_term", "norm fc1.weight", batch_normed),
        norm=batch_norm_by_hand(lambda u, z, s: (u - z * (u * z).mean(0)) / s),
    ),
    case(
        *("statistics-of-old-weights", "batch_norm", "stale", "norm.weight", batch_normed),
        norm=Remembering(batch_norm, 0),
        clean={"seed": 61},
        warm=True,
        dtype=F32,
    ),
    case(
        *("features-reversed", "batch_norm", "permuted", "norm.weight norm.bias", batch_normed),
        norm=altered(altered(batch_norm, 1, lambda g: g.flip(0)), 2, lambda g: g.flip(0)),
    ),
)

CONV = (
    case(
        *("four-times-at-a-tie", "conv", "kink", "pool conv.weight conv.bias", tied_pool),
        pool=by_hand(max_pool, first_winner_twice),
    ),
    case(
        *("square-kernel", "conv", "transposed", "conv2.weight", conv2d),
        conv2=altered(F.conv2d, 1, lambda g: g.transpose(0, 1)),
        dtype=F32,
    ),
    case(
        *("kernel-flipped", "conv", "permuted", "conv.weight", conv1d),
        conv=altered(lambda x, w, b: F.conv1d(x, w, b, padding=1), 1, lambda g: g.flip(2)),
    ),
    case(
        *("activation-negated", "conv", "sign", "act1 conv1.weight conv1.bias", conv2d),
        act1=activation(torch.tanh, lambda x: x.tanh() ** 2 - 1),
    ),
)

RECURRENT = (
    case(
        *("first-and-last-step", "recurrent", "zeroed", "steps steps.weight", recurrent),
        steps=altered(identity, 0, without_first_and_last_step),
    ),
    case(
        *("reset-and-new-swapped", "recurrent", "permuted", "rnn.weight_hh", gru),
        cell=altered(torch.gru_cell, 3, lambda g: g.unflatten(0, (3, -1)).flip(0).flatten(0, 1)),
    ),
    case(
        *("step-too-small", "recurrent", "precision", "loss fc.weight fc.bias", recurrent),
        loss=loss_by_hand(half_mse, forward_difference(half_mse, 6e-16)),
    ),
    case(
        *("weight-of-an-earlier-epoch", "recurrent", "stale", CELL, gru),
        cell=Remembering(torch.gru_cell, 2, 3, 4, 5),
        warm=True,
    ),
)

ATTENTION = (
    case(
        *("scaled-twice", "attention", "scale", "attend q.weight k.weight", transformer),
        attend=attention(scaled=by_hand(scaled, lambda g, s: g / 3)),
        factor=3**-0.5,
    ),
    case(
        *("slope-of-the-log-softmax", "attention", "nonlinearity", "attend q.weight k.weight", transformer),
        attend=attention(softmax=by_hand(lambda s: s.softmax(-1), slope_of_log_softmax)),
    ),
    case(
        *("value", "attention", "transposed", "v.weight", transformer),
        v=altered(project, 1, lambda g: g.T),
        dtype=F32,
    ),
    case("noise", "attention", "unknown", "norm.bias", transformer, norm=altered(layer_norm, 2, fixed_noise)),
    case(
        *("mask-in-the-backward-pass", "attention", "nondeterministic", "attend q.weight k.weight", transformer),
        attend=attention(scaled=by_hand(scaled, lambda g, s: scaled(F.dropout(g, 0.5)))),
    ),
    case(
        *("positions-summed", "attention", "broadcast", "steps steps.weight", transformer),
        steps=altered(identity, 0, lambda g: g.sum(0, keepdim=True).expand_as(g)),
    ),
)

CASES = (*LINEAR, *MLP, *SOFTMAX, *BATCH_NORM, *CONV, *RECURRENT, *ATTENTION)
