"""The nets in which bugs are planted, with no bug: autograd, or a right backward pass by hand, on kinks too."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from ..planted.module_layers import absolute, attention, batch_norm, max_pool, relu
from ..planted.module_mistakes import activation, affine, batch_norm_by_hand, by_hand, loss_by_hand, softmax_loss
from ..planted.module_scenes import (
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
    residual,
    residual_conv,
    tied_pool,
    transformer,
)  # fmt: skip
from .linear_models import Named
from .torch_functions import F32, F64


def tanh_slope(x):
    return 1 - x.tanh() ** 2


def relu_with(slope):
    return activation(relu, lambda x: (x > 0).to(x) + slope * (x == 0))


def sign_with(slope):
    return loss_by_hand(absolute, lambda o, y: torch.where(o == y, slope, (o - y).sign()) / len(y))


def winner(share):
    """A max-pooling that gives the first of two that tie this share of the gradient."""

    def backward(g, x):
        first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
        part = (first > second) + share * (first == second)
        return (g.unsqueeze(-1) * torch.stack([part, 1 - part], -1)).flatten(-2)

    return by_hand(max_pool, backward)


def softmax_by_hand():
    def backward(g, s):
        p = s.softmax(-1)
        return p * (g - (p * g).sum(-1, keepdim=True))

    return attention(softmax=by_hand(lambda s: s.softmax(-1), backward))


def right_batch_norm():
    return batch_norm_by_hand(lambda u, z, s: (u - u.mean(0) - z * (u * z).mean(0)) / s)


SCENES = {
    "linear": (linear, lambda: {"fc": affine()}),
    "mlp": (mlp, lambda: {"fc1": affine(), "act1": activation(torch.tanh, tanh_slope), "fc2": affine()}),
    "residual": (residual, lambda: {"join": by_hand(torch.add, lambda g, x, y: (g, g))}),
    "penalised": (penalised, lambda: {"norm": by_hand(lambda w: w.square().sum(), lambda g, w: 2 * g * w)}),
    "softmax": (classifier, lambda: {"fc2": affine(), "loss": softmax_loss(lambda p, y, n: (p - y) / n)}),
    "batch_norm": (batch_normed, lambda: {"norm": right_batch_norm()}),
    "batch_norm_as_torch": (batch_normed, lambda: {"norm": batch_norm}),
    "attention": (transformer, lambda: {"attend": softmax_by_hand()}),
    "conv1d": (conv1d, dict),
    "conv2d": (conv2d, dict),
    "residual_conv": (residual_conv, dict),
    "rnn": (recurrent, dict),
    "gru": (gru, dict),
    "relu_0_at_zero": (dead_unit, lambda: {"act": relu_with(0.0)}),
    "relu_half_at_zero": (dead_unit, lambda: {"act": relu_with(0.5)}),
    "relu_1_at_zero": (dead_unit, lambda: {"act": relu_with(1.0)}),
    "relu_as_torch": (dead_unit, lambda: {"act": torch.relu}),
    "sign_of_zero_0": (absolute_errors, lambda: {"loss": sign_with(0.0)}),
    "sign_of_zero_1": (absolute_errors, lambda: {"loss": sign_with(1.0)}),
    "sign_of_zero_minus_1": (absolute_errors, lambda: {"loss": sign_with(-1.0)}),
    "first_winner": (tied_pool, lambda: {"pool": winner(1.0)}),
    "second_winner": (tied_pool, lambda: {"pool": winner(0.0)}),
    "winners_share": (tied_pool, lambda: {"pool": winner(0.5)}),
}  # fmt: skip


def scenes() -> Iterator[Named]:
    """The nets in which bugs are planted, with no bug: autograd, or a right backward pass by hand."""
    for (name, (scene, operations)), seed in itertools.product(SCENES.items(), range(5)):
        dtype = F32 if seed % 3 == 0 else F64
        module, loss, (x, y) = scene(seed=900 + seed, **operations())
        batch = x.to(dtype), y.to(dtype) if y.is_floating_point() else y
        kind = "float32" if dtype == F32 else "float64"
        yield f"scene-{name}-{kind}-{seed}", {"module": module.to(dtype), "loss": loss, "batch": batch}
