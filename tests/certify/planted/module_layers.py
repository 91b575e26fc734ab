"""Layers and their operations, from which the nets of the exam are made; each operation can be replaced."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

F64 = torch.float64


# --- layers: parameters and an operation on them ----------------------------------------------------------------------


class Op(nn.Module):
    """A layer without parameters."""

    def __init__(self, op):
        super().__init__()
        self.op = op

    def forward(self, *inputs):
        return self.op(*inputs)


class Layer(nn.Module):
    """op(x, weight, bias)."""

    def __init__(self, op, weight, bias=()):
        super().__init__()
        self.op = op
        self.weight = nn.Parameter(torch.empty(weight, dtype=F64))
        if bias:
            self.bias = nn.Parameter(torch.empty(bias, dtype=F64))

    def forward(self, x):
        return self.op(x, *self.parameters())


class Steps(nn.Module):
    """A learned vector for each step of a sequence, (T, D), added to the input."""

    def __init__(self, op, steps, features):
        super().__init__()
        self.op = op
        self.weight = nn.Parameter(torch.empty(steps, features, dtype=F64))

    def forward(self, x):
        return x + self.op(self.weight)


class Recurrent(nn.Module):
    """A cell unrolled over time, (n, T, D) → its last state (n, H), from a learned first state."""

    def __init__(self, cell, gates, inputs, hidden, carry):
        super().__init__()
        self.cell, self.carry = cell, carry
        self.start = nn.Parameter(torch.empty(hidden, dtype=F64))
        self.weight_ih = nn.Parameter(torch.empty(gates * hidden, inputs, dtype=F64))
        self.weight_hh = nn.Parameter(torch.empty(gates * hidden, hidden, dtype=F64))
        self.bias_ih = nn.Parameter(torch.empty(gates * hidden, dtype=F64))
        self.bias_hh = nn.Parameter(torch.empty(gates * hidden, dtype=F64))

    def forward(self, x):
        h = self.start.expand(len(x), -1)
        for x_t in x.unbind(1):
            h = self.cell(x_t, self.carry(h), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h


class Residual(nn.Module):
    """join(x, body(x)): x + body(x) when clean."""

    def __init__(self, join, body):
        super().__init__()
        self.join, self.body = join, body

    def forward(self, x):
        return self.join(x, self.body(x))


class Attention(nn.Module):
    """Multi-head self-attention over (n, T, D), with a mean over time and a linear read-out."""

    def __init__(self, steps, norm, q, k, v, attend, out, skip, head):
        super().__init__()
        self.steps, self.norm, self.q, self.k, self.v = steps, norm, q, k, v
        self.attend, self.out, self.skip, self.head = attend, out, skip, head

    def forward(self, x):
        x = self.steps(x)
        z = self.norm(x)
        return self.head(self.skip(x, self.out(self.attend(self.q(z), self.k(z), self.v(z)))).mean(1))


# --- clean operations -------------------------------------------------------------------------------------------------


def half_mse(output, y):
    return (output - y).square().sum() / (2 * len(y))


def absolute(output, y):
    return (output - y).abs().sum() / len(y)


def relu(x):
    """With slope 1/2 at 0: the mean of both sides, as central differences see it."""
    return (x + x.abs()) / 2


def batch_norm(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True)


def layer_norm(x, weight, bias):
    return F.layer_norm(x, weight.shape, weight, bias)


def max_pool(x):
    """(n, C, T) → (n, C, T/2). Two that tie share the gradient."""
    return x.unflatten(-1, (-1, 2)).amax(-1)


def mean_pool(x):
    return x.flatten(2).mean(-1)


def project(x, weight):
    return x @ weight.T


def identity(x):
    return x


def heads(x):
    """(n, T, 6) → two heads of three features, (n, 2, T, 3)."""
    return x.unflatten(-1, (2, 3)).transpose(1, 2)


def scaled(scores):
    return scores / math.sqrt(3)


def attention(softmax=lambda s: s.softmax(-1), scaled=scaled):
    """softmax(q kᵀ / √3) v for each head."""

    def attend(q, k, v):
        q, k, v = heads(q), heads(k), heads(v)
        return (softmax(scaled(q @ k.mT)) @ v).transpose(1, 2).flatten(2)

    return attend
