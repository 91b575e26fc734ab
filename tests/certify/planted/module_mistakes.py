"""Mistakes that people make in a backward pass, to be planted in a scene."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F  # noqa: N812

from .case import Planted
from .module_layers import F64, batch_norm
from .module_scenes import fill

F32 = torch.float32


def case(name, architecture, cause, parts, scene, *, dtype=F64, factor=None, hook=None, warm=False, clean=None, **bug):
    """The scene with `bug` in place of the operations that it names.

    Args:
        name: what is wrong, short; the case's name says the rest.
        architecture: as in `Planted`.
        cause: as in `Planted`.
        parts: as in `Planted`, separated by blanks.
        scene: a function of `module_scenes`.
        dtype: of the parameters and of the batch.
        factor: as in `Planted`.
        hook: does its harm to the module after it is built, by a hook.
        warm: the net has seen the batch at other weights before.
        clean: settings of the scene that are no bug.
        bug: the operations that are.
    """

    def make(**operations):
        module, loss, (x, y) = scene(**{**(clean or {}), **operations})
        return module.to(dtype), loss, (x.to(dtype), y.to(dtype) if y.is_floating_point() else y)

    def build():
        module, loss, batch = make(**copy.deepcopy(bug))
        if hook:
            hook(module)
        if warm:
            at_other_weights(module, loss, batch)
        return {"module": module, "loss": loss, "batch": batch}

    def right():
        module, loss, (x, y) = make()
        loss(module.double()(x.double()), y.double() if y.is_floating_point() else y).backward()
        return {n: p.grad.numpy() for n, p in module.named_parameters()}

    full = f"torch-{architecture}-{cause}-{name}"
    return Planted(full, architecture, cause, frozenset(parts.split()), build, right, factor)


def at_other_weights(module, loss, batch):
    here = {n: p.detach().clone() for n, p in module.named_parameters()}
    with torch.no_grad():
        fill(module, seed=999)
        loss(module(batch[0]), batch[1])
        for n, p in module.named_parameters():
            p.copy_(here[n])


# --- wrong backward passes --------------------------------------------------------------------------------------------


def by_hand(forward, backward):
    """A custom autograd.Function of forward(*tensors), with backward(g, *tensors) → a gradient for each tensor."""

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            ctx.save_for_backward(*tensors)
            return forward(*tensors)

        @staticmethod
        def backward(ctx, g):
            return backward(g, *ctx.saved_tensors)

    return ByHand.apply


def pullback(op, g, *tensors):
    """The right gradients of all tensors; None for labels."""
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in tensors]
        grads = iter(torch.autograd.grad(op(*leaves), [t for t in leaves if t.requires_grad], g))
    return tuple(next(grads) if t.requires_grad else None for t in leaves)


def altered(op, index, change):
    """`op` whose gradient with respect to the argument `index` is changed on its way."""

    def backward(g, *tensors):
        grads = list(pullback(op, g, *tensors))
        grads[index] = change(grads[index])
        return tuple(grads)

    return by_hand(op, backward)


class Remembering:
    """`op` whose backward pass uses the tensors of its first call, cached and never refreshed."""

    def __init__(self, op, *indices):
        self.op, self.indices, self.first = op, indices, None

    def __call__(self, *tensors):
        if self.first is None:
            self.first = [t.detach().clone() for t in tensors]

        def backward(g, *now):
            old = [t.to(g.dtype) for t in self.first]
            return pullback(self.op, g, *(old[i] if i in self.indices else t for i, t in enumerate(now)))

        return by_hand(self.op, backward)(*tensors)


# --- the usual layers, by hand ----------------------------------------------------------------------------------------


def affine(weight=lambda g, x: g.T @ x, bias=lambda g: g.sum(0), x=lambda g, w: g @ w):
    """The dense layer as one writes it for an exercise, with a formula for each gradient."""
    return by_hand(F.linear, lambda g, x_, w, b: (x(g, w), weight(g, x_), bias(g)))


def activation(op, slope):
    return by_hand(op, lambda g, x: g * slope(x))


def softmax_loss(signal):
    """The mean cross-entropy; signal(p, one_hot, n) is its gradient in the logits."""

    def backward(g, z, y):
        return g * signal(z.softmax(-1), F.one_hot(y, z.shape[-1]).to(z), len(y)), None

    return by_hand(F.cross_entropy, backward)


def loss_by_hand(loss, slope):
    return by_hand(loss, lambda g, output, y: (g * slope(output, y), None))


def forward_difference(loss, h):
    """Slopes of the loss by forward differences with the step h."""

    def slope(output, y):
        slopes = torch.zeros_like(output)
        for i in range(output.numel()):
            moved = output.clone()
            moved.view(-1)[i] += h
            slopes.view(-1)[i] = (loss(moved, y) - loss(output, y)) / h
        return slopes

    return slope


def fixed_noise(g):
    noise = torch.randn(g.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return g + 2 * g.abs().max() * noise.to(g.dtype)


def batch_norm_by_hand(x_gradient, eps=1e-5):
    """Batch norm; x_gradient(u, z, s) maps u = g·weight, the normalised z and the scale s to the gradient in x."""

    def backward(g, x, weight, bias):
        s = (x.var(0, correction=0) + eps).sqrt()
        z = (x - x.mean(0)) / s
        return x_gradient(g * weight, z, s), (g * z).sum(0), g.sum(0)

    return by_hand(batch_norm, backward)


def one_pass_batch_norm(g, x, weight, bias):
    """The variance as E[x²] − E[x]²: no digit is left where the mean is large."""
    s = ((x * x).mean(0) - x.mean(0) ** 2).abs().add(1e-5).sqrt()
    z = (x - x.mean(0)) / s
    u = g * weight
    return (u - u.mean(0) - z * (u * z).mean(0)) / s, (g * z).sum(0), g.sum(0)
