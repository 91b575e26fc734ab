"""The torch nets in which bugs are planted: each is clean until one of its operations is replaced.

A scene is a function that returns (module, loss, batch). Its keyword arguments are the operations of the net, clean by
default; a case replaces one by an operation with the same value and a wrong backward pass. The right gradient is
autograd's, in f64, of the same scene left clean.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .module_layers import (
    F64,
    Attention,
    Layer,
    Op,
    Recurrent,
    Residual,
    Steps,
    absolute,
    attention,
    batch_norm,
    half_mse,
    identity,
    layer_norm,
    max_pool,
    mean_pool,
    project,
    relu,
)

Scene = tuple[nn.Module, Callable[..., Tensor], tuple[Tensor, Tensor]]


def fill(module, seed):
    """Weights of size 1/√fan-in, biases of size 1/2, gains about 1: every nonlinearity is active."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            draw = torch.randn(p.shape, generator=generator, dtype=F64)
            gain = "norm" in name and name.endswith("weight")
            p.copy_(1 + draw / 4 if gain else draw / math.sqrt(p[0].numel()) if p.dim() > 1 else draw / 2)
    return module


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def stack(**layers):
    return nn.Sequential(OrderedDict(layers))


def dense(op, inputs, outputs):
    return Layer(op, (outputs, inputs), (outputs,))


def linear(fc=F.linear, loss=half_mse, seed=1):
    return fill(stack(fc=dense(fc, 5, 4)), seed), loss, (normal(seed + 100, 8, 5), normal(seed + 200, 8, 4))


def absolute_errors(loss=absolute, seed=2):
    """Median regression over integers, where half of the residuals are exactly 0."""
    module = fill(stack(fc=dense(F.linear, 3, 2)), seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((4 * p).round() + 1)
    x = (2 * normal(seed + 100, 10, 3)).round() + 3
    y = module(x).detach()
    y[::2] += (3 * normal(seed + 200, 5, 2)).round() * 2 + 1
    return module, loss, (x, y)


def mlp(
    fc1=F.linear,
    act1=torch.tanh,
    fc2=F.linear,
    act2=torch.tanh,
    fc3=F.linear,
    loss=half_mse,
    rows=8,
    seed=3,
    outlier=1.0,
):
    """4-6-6-2; the middle weight is square."""
    module = stack(fc1=dense(fc1, 4, 6), act1=Op(act1), fc2=dense(fc2, 6, 6), act2=Op(act2), fc3=dense(fc3, 6, 2))
    x = normal(seed + 100, rows, 4)
    x[0] *= outlier
    return fill(module, seed), loss, (x, normal(seed + 200, rows, 2))


def dead_unit(act=relu, loss=half_mse, seed=4):
    """A relu unit whose weights and bias are 0: every row lies on its kink."""
    module = fill(stack(fc1=dense(F.linear, 4, 3), act=Op(act), fc2=dense(F.linear, 3, 2)), seed)
    with torch.no_grad():
        module.fc1.weight[0] = 0
        module.fc1.bias[0] = 0
        module.fc2.weight[:, 0] = 2
    return module, loss, (normal(seed + 100, 6, 4).abs() + 0.2, normal(seed + 200, 6, 2) - 2)


def residual(join=torch.add, loss=half_mse, seed=5):
    body = stack(fc=dense(F.linear, 5, 5), act=Op(torch.tanh))
    module = stack(fc1=dense(F.linear, 4, 5), block=Residual(join, body), fc2=dense(F.linear, 5, 2))
    return fill(module, seed), loss, (normal(seed + 100, 8, 4), normal(seed + 200, 8, 2))


class Penalised(nn.Module):
    """A net that returns its output and the squared norm of its last weight."""

    def __init__(self, net, last):
        super().__init__()
        self.net, self.last, self.norm = net, last, lambda w: w.square().sum()

    def forward(self, x):
        return self.net(x), self.norm(self.net.get_submodule(self.last).weight)


def penalised(norm=lambda w: w.square().sum(), seed=6):
    net, loss, batch = mlp(seed=seed)
    module = Penalised(net, "fc3")
    module.norm = norm
    return module, lambda output, y: loss(output[0], y) + output[1], batch


def conv1d(conv=None, act=torch.tanh, pool=mean_pool, fc=F.linear, loss=half_mse, seed=7):
    conv = conv or (lambda x, w, b: F.conv1d(x, w, b, padding=1))
    module = stack(conv=Layer(conv, (4, 2, 3), (4,)), act=Op(act), pool=Op(pool), fc=dense(fc, 4, 2))
    return fill(module, seed), loss, (normal(seed + 100, 6, 2, 8), normal(seed + 200, 6, 2))


def conv2d(conv1=F.conv2d, act1=torch.tanh, conv2=F.conv2d, act2=torch.tanh, pool=mean_pool, loss=half_mse, seed=8):
    module = stack(
        conv1=Layer(conv1, (3, 2, 3, 3), (3,)),
        act1=Op(act1),
        conv2=Layer(conv2, (3, 3, 3, 3), (3,)),
        act2=Op(act2),
        pool=Op(pool),
        fc=dense(F.linear, 3, 2),
    )
    return fill(module, seed), loss, (normal(seed + 100, 4, 2, 7, 7), normal(seed + 200, 4, 2))


def residual_conv(join=torch.add, loss=half_mse, seed=9):
    body = Layer(lambda x, w, b: F.conv1d(x, w, b, padding=1), (3, 3, 3), (3,))
    conv = Layer(lambda x, w, b: F.conv1d(x, w, b, padding=1), (3, 2, 3), (3,))
    module = stack(conv=conv, act=Op(torch.tanh), block=Residual(join, body), pool=Op(mean_pool))
    return fill(module, seed), loss, (normal(seed + 100, 6, 2, 8), normal(seed + 200, 6, 3))


def tied_pool(pool=max_pool, loss=half_mse, seed=10):
    """A channel whose kernel is 0: in every window of its max-pooling both positions tie."""
    conv = Layer(F.conv1d, (3, 2, 1), (3,))
    module = fill(
        stack(conv=conv, pool=Op(pool), act=Op(torch.tanh), mean=Op(mean_pool), fc=dense(F.linear, 3, 2)), seed
    )
    with torch.no_grad():
        module.conv.weight[0] = 0
        module.fc.weight[:, 0] = 2
    return module, loss, (normal(seed + 100, 5, 2, 6).abs() + 0.5, normal(seed + 200, 5, 2) - 2)


def recurrent(
    cell=torch.rnn_tanh_cell, carry=identity, steps=identity, fc=F.linear, loss=half_mse, gates=1, outlier=1.0, seed=11
):
    """A cell with 4 states over 5 steps of 3 features, and a linear read-out."""
    module = stack(steps=Steps(steps, 5, 3), rnn=Recurrent(cell, gates, 3, 4, carry), fc=dense(fc, 4, 2))
    x = normal(seed + 100, 6, 5, 3)
    x[0] *= outlier
    return fill(module, seed), loss, (x, normal(seed + 200, 6, 2))


def gru(cell=torch.gru_cell, **rest):
    return recurrent(cell=cell, gates=3, **rest)


def classifier(fc1=F.linear, act=torch.tanh, fc2=F.linear, loss=F.cross_entropy, rows=12, spread=1.0, seed=12):
    """4-5-5: the last weight is square; `spread` multiplies it, which drives the probabilities to 0 and 1."""
    module = fill(stack(fc1=dense(fc1, 4, 5), act=Op(act), fc2=dense(fc2, 5, 5)), seed)
    with torch.no_grad():
        module.fc2.weight *= spread
    return module, loss, (normal(seed + 100, rows, 4), torch.arange(rows) % 5)


def batch_normed(fc1=project, norm=batch_norm, act=torch.tanh, fc2=F.linear, loss=half_mse, centre=0.0, seed=13):
    """4-5-2 with batch norm in train mode; no bias before it, for its gradient would be 0."""
    layers = {"fc1": Layer(fc1, (5, 4)), "norm": Layer(norm, (5,), (5,)), "act": Op(act), "fc2": dense(fc2, 5, 2)}
    return fill(stack(**layers), seed), loss, (normal(seed + 100, 8, 4) + centre, normal(seed + 200, 8, 2))


def transformer(
    steps=identity,
    norm=layer_norm,
    q=project,
    k=project,
    v=project,
    attend=None,
    out=F.linear,
    skip=torch.add,
    head=F.linear,
    loss=half_mse,
    seed=14,
):
    """Layer norm, attention with 2 heads of 3 features, a residual path, the mean over 5 steps."""
    module = Attention(
        Steps(steps, 5, 6),
        Layer(norm, (6,), (6,)),
        *(Layer(op, (6, 6)) for op in (q, k, v)),
        Op(attend or attention()),
        dense(out, 6, 6),
        skip,
        dense(head, 6, 2),
    )
    module = fill(module, seed)
    with torch.no_grad():
        for layer in (module.q, module.k):
            layer.weight *= 2
    return module, loss, (normal(seed + 100, 4, 5, 6), normal(seed + 200, 4, 2))
