"""Modules of all common layers under ten losses, and nets of up to 200,000 parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from ..planted.module_scenes import fill
from .linear_models import Named
from .torch_functions import F32, F64, normal

# --- nets: rows (n, …) → (n, 3), each with the shape of one row -------------------------------------------------------


class Last(nn.Module):
    """The last step of a recurrent net's output, read out."""

    def __init__(self, net, width):
        super().__init__()
        self.net, self.head = net, nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.net(x)[0][:, -1])


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.head = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.attend(x, x, x, need_weights=False)[0].mean(1))


class Words(nn.Module):
    """An embedding of which most rows are not asked for."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(50, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.table(x.abs().mul(3).long()).mean(1))


class Tied(nn.Module):
    """One weight used twice, and one that is not used at all."""

    def __init__(self):
        super().__init__()
        self.inner, self.spare, self.head = nn.Linear(4, 4), nn.Linear(2, 2), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.inner(torch.tanh(self.inner(x)))))


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def dense(act, *between):
    return nn.Sequential(nn.Linear(4, 8), *between, act, nn.Linear(8, 5), act, nn.Linear(5, 3))


def images(*layers):
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))


def encoder():
    return nn.Sequential(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True), Mean(), nn.Linear(6, 3))


def evaluated(module):
    return module.eval()


NETS = {
    "linear": (lambda: nn.Linear(4, 3), (4,)),
    "tanh": (lambda: dense(nn.Tanh()), (4,)),
    "relu": (lambda: dense(nn.ReLU()), (4,)),
    "gelu": (lambda: dense(nn.GELU()), (4,)),
    "silu": (lambda: dense(nn.SiLU()), (4,)),
    "elu": (lambda: dense(nn.ELU()), (4,)),
    "prelu": (lambda: nn.Sequential(nn.Linear(4, 8), nn.PReLU(8), nn.Linear(8, 3)), (4,)),
    "dropout_off": (lambda: evaluated(dense(nn.ReLU(), nn.Dropout(0.5))), (4,)),
    "embedding": (Words, (5,)),
    "tied": (Tied, (4,)),
    "conv1d": (lambda: images(nn.Conv1d(2, 4, 3, padding=1), nn.Tanh(), nn.AvgPool1d(2)), (2, 8)),
    "conv2d": (lambda: images(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)), (2, 8, 8)),
    "depthwise": (lambda: images(nn.Conv2d(2, 4, 3, groups=2), nn.SiLU(), nn.Conv2d(4, 3, 1)), (2, 5, 5)),
    "deconv": (lambda: images(nn.ConvTranspose2d(2, 3, 3, stride=2), nn.Tanh()), (2, 3, 3)),
    "dilated": (lambda: images(nn.Conv1d(2, 3, 3, dilation=2, stride=2), nn.GELU()), (2, 11)),
    "rnn": (lambda: Last(nn.RNN(3, 4, batch_first=True), 4), (5, 3)),
    "rnn_relu": (lambda: Last(nn.RNN(3, 4, nonlinearity="relu", batch_first=True), 4), (5, 3)),
    "lstm": (lambda: Last(nn.LSTM(3, 4, batch_first=True), 4), (5, 3)),
    "gru": (lambda: Last(nn.GRU(3, 4, num_layers=2, batch_first=True), 4), (5, 3)),
    "two_ways": (lambda: Last(nn.LSTM(3, 3, bidirectional=True, batch_first=True), 6), (4, 3)),
    "batch_norm": (lambda: dense(nn.Tanh(), nn.BatchNorm1d(8)), (4,)),
    "batch_norm_2d": (lambda: images(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU()), (2, 5, 5)),
    "batch_norm_evaluated": (lambda: evaluated(dense(nn.Tanh(), nn.BatchNorm1d(8))), (4,)),
    "layer_norm": (lambda: dense(nn.GELU(), nn.LayerNorm(8)), (4,)),
    "group_norm": (lambda: images(nn.Conv1d(2, 4, 3), nn.GroupNorm(2, 4), nn.Tanh()), (2, 6)),
    "attention": (SelfAttention, (5, 6)),
    "transformer": (encoder, (4, 6)),
}  # fmt: skip


# --- losses of (output (n, 3), y) -------------------------------------------------------------------------------------


def pinball(output, y):
    return torch.maximum(0.2 * (y - output), 0.8 * (output - y)).mean()


def labels(y):
    return torch.arange(len(y)) % 3


def gaussian(output, y):
    return (output[:, 1] + ((y[:, 0] - output[:, 0]) * (-output[:, 1]).exp()) ** 2 / 2).mean()


def poisson(output, y):
    """With means of about 1e5."""
    return F.poisson_nll_loss(output + math.log(1e5), (1e5 * y.exp()).round(), full=True)


LOSSES = {
    "squared": F.mse_loss,
    "cross_entropy": lambda output, y: F.cross_entropy(output, labels(y)),
    "huber": F.huber_loss,
    "absolute": F.l1_loss,
    "pinball": pinball,
    "hinge": lambda output, y: F.multi_margin_loss(output, labels(y)),
    "gaussian": gaussian,
    "poisson": poisson,
    "tiny": lambda output, y: 1e-6 * F.mse_loss(output, y),
    "huge": lambda output, y: 1e6 * F.binary_cross_entropy_with_logits(output, (y > 0).to(y), reduction="sum"),
}


def module_of(net, row, seed, dtype, loss, rows=8):
    module = net()
    x, y = normal(seed + 1, rows, *row), normal(seed + 2, rows, 3)
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        module(x.float())
    module = fill(module.double(), seed).to(dtype)
    return {"module": module, "loss": loss, "batch": (x.to(dtype), y.to(dtype))}


def nets() -> Iterator[Named]:
    """Every net under five of the losses."""
    for i, (name, (net, row)) in enumerate(NETS.items()):
        for j in range(5):
            loss = list(LOSSES)[(3 * i + 2 * j + i // 10) % len(LOSSES)]
            dtype = F32 if (i + j) % 3 == 0 else F64
            kind = "float32" if dtype == F32 else "float64"
            yield f"module-{name}-{loss}-{kind}", module_of(net, row, 100 * i + 10 * j, dtype, LOSSES[loss])


# --- large nets -------------------------------------------------------------------------------------------------------


def filters():
    return images(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 160, 3), nn.ReLU(), nn.MaxPool2d(2))


def wide(act):
    return lambda: nn.Sequential(nn.Linear(200, 500), act, nn.Linear(500, 190), act, nn.Linear(190, 3))


LARGE = {
    "relu": (wide(nn.ReLU()), (200,)),
    "tanh": (wide(nn.Tanh()), (200,)),
    "lstm": (lambda: Last(nn.LSTM(40, 200, batch_first=True), 200), (4, 40)),
    "conv": (filters, (3, 8, 8)),
    "norm": (lambda: nn.Sequential(nn.Linear(300, 600), nn.BatchNorm1d(600), nn.GELU(), nn.Linear(600, 3)), (300,)),
    "embedding": (lambda: nn.Sequential(nn.Embedding(9000, 20), Mean(), nn.Linear(20, 3)), None),
}  # fmt: skip


def large_nets() -> Iterator[Named]:
    """100,000 to 200,000 parameters."""
    for i, ((name, (net, row)), j) in enumerate(itertools.product(LARGE.items(), range(6))):
        dtype = F64 if j % 3 else F32
        loss = ("squared", "cross_entropy", "absolute", "huge", "gaussian", "tiny")[j]
        arguments = module_of(net, row or (7,), 5000 + 10 * i, dtype, LOSSES[loss], rows=16)
        if row is None:
            arguments["batch"] = (torch.arange(112).reshape(16, 7) * 37, arguments["batch"][1])
        yield f"large-{name}-{loss}-{'float32' if dtype == F32 else 'float64'}", arguments
