"""Bugs in convolutions, recurrent nets and attention."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812

from .module_layers import attention, half_mse, identity, layer_norm, max_pool, mean_pool, project, scaled
from .module_mistakes import (
    F32,
    Remembering,
    activation,
    altered,
    by_hand,
    case,
    fixed_noise,
    forward_difference,
    loss_by_hand,
)
from .module_scenes import conv1d, conv2d, gru, recurrent, residual_conv, tied_pool, transformer

CELL = "rnn rnn.weight_ih rnn.weight_hh rnn.bias_ih rnn.bias_hh"
SCORES = "attend q.weight k.weight"


def same_conv(x, w, b):
    return F.conv1d(x, w, b, padding=1)


def rolled(axis):
    """One place further along an axis, with 0 where nothing comes in."""

    def change(g):
        out = g.roll(1, axis)
        out.select(axis, 0).zero_()
        return out

    return change


def every_winner(g, x):
    """A max-pooling that gives the whole gradient to each position that reaches the maximum."""
    windows = x.unflatten(-1, (-1, 2))
    return (g.unsqueeze(-1) * (windows == windows.amax(-1, keepdim=True))).flatten(-2)


def second_channel_skipped(g):
    return torch.cat([g[:, :1], torch.zeros_like(g[:, 1:])], 1)


def tanh_cell(slope):
    """The Elman cell by hand; slope(u) is the derivative of tanh."""

    def backward(g, x, h, w_ih, w_hh, b_ih, b_hh):
        u = g * slope(F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh))
        return u @ w_ih, u @ w_hh, u.T @ x, u.T @ h, u.sum(0), u.sum(0)

    return by_hand(torch.rnn_tanh_cell, backward)


def quotient_rule(u):
    """The derivative of (eᵘ − e⁻ᵘ)/(eᵘ + e⁻ᵘ), with ∞ − ∞ where eᵘ is large."""
    up, down = u.exp(), (-u).exp()
    return ((up + down) ** 2 - (up - down) ** 2) / (up + down) ** 2


def gates(*order):
    """The blocks of a GRU's weight in another order: reset 0, update 1, new 2."""

    def change(g):
        return torch.cat([g.chunk(3)[i] for i in order])

    return change


def softmax_by_hand(backward):
    return attention(softmax=by_hand(lambda s: s.softmax(-1), lambda g, s: backward(g, s.softmax(-1))))


def heads_swapped(g):
    return g.unflatten(0, (2, -1)).flip(0).flatten(0, 1)


def noisy(x):
    if x.requires_grad:
        x.register_hook(lambda g: g + g.abs().max() * torch.randn_like(g))
    return x


CONV = (
    case(
        *("kernel-position", "conv", "shifted", "conv.weight", conv1d),
        conv=altered(same_conv, 1, rolled(2)),
    ),
    case(
        *("filters-reversed", "conv", "permuted", "conv2.weight", conv2d),
        conv2=altered(F.conv2d, 1, lambda g: g.flip(0)),
        dtype=F32,
    ),
    case(
        *("kernel-axes", "conv", "transposed", "conv1.weight", conv2d),
        conv1=altered(F.conv2d, 1, lambda g: g.mT),
    ),
    case(
        *("skip-left-out", "conv", "missing_term", "block conv.weight conv.bias", residual_conv),
        join=by_hand(torch.add, lambda g, x, y: (torch.zeros_like(g), g)),
    ),
    case(
        *("all-winners-of-a-pool", "conv", "kink", "pool conv.weight conv.bias", tied_pool),
        pool=by_hand(max_pool, every_winner),
    ),
    case(
        *("channel-skipped", "conv", "zeroed", "conv2.weight", conv2d),
        conv2=altered(F.conv2d, 1, second_channel_skipped),
    ),
    case(
        *("pool-not-averaged", "conv", "scale", "pool conv.weight conv.bias", conv1d),
        pool=by_hand(mean_pool, lambda g, x: g.unsqueeze(-1).expand_as(x)),
        factor=8.0,
        dtype=F32,
    ),
    case(
        *("activation-forgotten", "conv", "nonlinearity", "act2 conv2.weight conv2.bias", conv2d),
        act2=activation(torch.tanh, torch.ones_like),
        clean={"seed": 23},
    ),
    case(
        *("averaged-over-the-kernel", "conv", "broadcast", "conv.weight", conv1d),
        conv=altered(same_conv, 1, lambda g: g.mean(2, keepdim=True).expand_as(g)),
    ),
    case(
        *("step-too-small", "conv", "precision", "loss fc.weight fc.bias", conv1d),
        loss=loss_by_hand(half_mse, forward_difference(half_mse, 6e-16)),
    ),
    case(
        *("noise", "conv", "unknown", "conv2.weight", conv2d),
        conv2=altered(F.conv2d, 1, fixed_noise),
    ),
    case(
        *("inputs-cached", "conv", "stale", "conv2.weight", conv2d),
        conv2=Remembering(F.conv2d, 0),
        warm=True,
    ),
)

RECURRENT = (
    case(
        *("state-detached-at-each-step", "recurrent", "missing_term", CELL, recurrent),
        carry=torch.detach,
        clean={"seed": 23},
    ),
    case(
        *("step-vectors-one-step-late", "recurrent", "shifted", "steps steps.weight", recurrent),
        steps=altered(identity, 0, rolled(0)),
    ),
    case(
        *("gates-swapped", "recurrent", "permuted", "rnn.weight_ih", gru),
        cell=altered(torch.gru_cell, 2, gates(1, 0, 2)),
        dtype=F32,
    ),
    case(
        *("slope-left-out", "recurrent", "nonlinearity", CELL, recurrent),
        cell=tanh_cell(torch.ones_like),
    ),
    case(
        *("slope-negated", "recurrent", "sign", "rnn.bias_hh", gru),
        cell=altered(torch.gru_cell, 5, torch.neg),
    ),
    case(
        *("new-gate-without-bias", "recurrent", "zeroed", "rnn.bias_hh", gru),
        cell=altered(torch.gru_cell, 5, lambda g: torch.cat([g[:8], 0 * g[8:]])),
    ),
    case(
        *("recurrent-weight", "recurrent", "transposed", "rnn.weight_hh", recurrent),
        cell=altered(torch.rnn_tanh_cell, 3, lambda g: g.T),
    ),
    case(
        *("state-noise", "recurrent", "nondeterministic", CELL, recurrent),
        carry=noisy,
    ),
    case(
        *("quotient-rule", "recurrent", "nonfinite", CELL, recurrent),
        clean={"outlier": 200.0},
        cell=tanh_cell(quotient_rule),
        dtype=F32,
    ),
)

ATTENTION = (
    case(
        *("query", "attention", "transposed", "q.weight", transformer),
        q=altered(project, 1, lambda g: g.T),
    ),
    case(
        *("softmax-coupling", "attention", "missing_term", SCORES, transformer),
        attend=softmax_by_hand(lambda g, p: p * g),
    ),
    case(
        *("softmax-as-identity", "attention", "nonlinearity", SCORES, transformer),
        attend=softmax_by_hand(lambda g, p: g),
        dtype=F32,
    ),
    case(
        *("scores-not-scaled", "attention", "scale", SCORES, transformer),
        attend=attention(scaled=by_hand(scaled, lambda g, s: g)),
        factor=math.sqrt(3),
    ),
    case(
        *("heads-swapped", "attention", "permuted", "v.weight", transformer),
        v=altered(project, 1, heads_swapped),
    ),
    case(
        *("keys-detached", "attention", "zeroed", "k.weight", transformer),
        k=lambda x, w: project(x, w.detach()),
    ),
    case(
        *("positions-off-by-one", "attention", "shifted", "steps steps.weight", transformer),
        steps=altered(identity, 0, lambda g: g.roll(1, 0)),
    ),
    case(
        *("gain-summed-over-features", "attention", "broadcast", "norm.weight", transformer),
        norm=altered(layer_norm, 1, lambda g: g.sum().expand_as(g)),
        dtype=F32,
    ),
    case(
        *("skip-detached", "attention", "missing_term", "steps steps.weight", transformer),
        skip=lambda x, y: x.detach() + y,
        clean={"seed": 40},
    ),
)

CASES = (*CONV, *RECURRENT, *ATTENTION)
