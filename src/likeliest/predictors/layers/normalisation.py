"""Batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, PartShape, Shape

_aten = torch.ops.aten
_ALL = [True, True, True]


class _Tape(NamedTuple):
    """x, the batch's mean and 1/σ of each channel, and whether they are the batch's at all."""

    x: Tensor
    mean: Tensor
    inverse: Tensor
    batch: bool


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = scale ⊙ x̂ + shift with x̂ = (x − m) / √(v + ε), channel by channel, for rows (C,) or (C, H, W).

    Under a draw m and v are the batch's mean and variance (divisor N), and the running averages move towards them by
    ``momentum``, the variance with divisor N − 1. Without one m and v are the running averages: parts of θ that are not
    learnt. A batch with a single number a channel has no variance, and is taken as without a draw.

    With ḡ the mean of g over rows and places, Σ the sum, and g = u ⊙ scale:

        ∂/∂scale = Σ u x̂,    ∂/∂shift = Σ u,    ∂/∂x = (g − ḡ − x̂ · mean(g x̂)) / √(v + ε)

    and ∂/∂x = g / √(v + ε) without a draw. The kernels add up by thread: two threads give other last digits than one.

    Args:
        channels: C.
        eps: ε.
        momentum: weight of the newest batch in the running averages.

    Source: Ioffe & Szegedy (2015), Batch normalization.
    """

    channels: int
    eps: float = 1e-5
    momentum: float = 0.1

    kind = "batch_norm"
    lockstep = False
    casts = False

    @property
    def parts(self) -> dict[str, PartShape]:
        """Scale and shift, and the running averages."""
        shape = (self.channels,)
        learnt, average = PartShape(shape), PartShape(shape, learnt=False)
        return {"scale": learnt, "shift": learnt, "mean": average, "variance": average}

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        if shape[:1] != (self.channels,):
            raise ShapeError(f"BatchNorm({self.channels}) takes rows of {self.channels} channels, found {shape}")
        return shape

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Scale 1, shift 0, mean 0, variance 1."""
        views[0].fill_(1.0)
        views[3].fill_(1.0)

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """Under a draw, bring the running averages up to date in place."""
        batch = draw is not None and x.numel() > self.channels
        y, mean, inverse = _aten.native_batch_norm(x, *views, batch, self.momentum, self.eps)
        return y, _Tape(x, mean, inverse, batch)

    def pullback(self, views: list[Tensor], tape: _Tape, u: Tensor, grads: list[Tensor], further: bool = True) -> Any:
        """See the class."""
        scale, _, mean, variance = views
        back, dscale, dshift = _aten.native_batch_norm_backward(
            u, tape.x, scale, mean, variance, tape.mean, tape.inverse, tape.batch, self.eps, _ALL
        )
        grads[0].copy_(dscale)
        grads[1].copy_(dshift)
        return back

    def pushforward(self, views: list[Tensor], tape: _Tape, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """Scale ⊙ dx̂ + dscale ⊙ x̂ + dshift; the running averages stay."""
        x = tape.x
        mean, inverse = (tape.mean, tape.inverse) if tape.batch else (views[2], torch.rsqrt(views[3] + self.eps))
        over = [d for d in range(x.ndim) if d != 1]
        wide = (slice(None), *[None] * (x.ndim - 2))
        standard = (x - mean[wide]) * inverse[wide]
        moved = directions[0][wide] * standard + directions[1][wide]
        if dx is None:
            return moved
        if tape.batch:
            dx = dx - dx.mean(over, keepdim=True) - standard * (standard * dx).mean(over, keepdim=True)
        return moved + (views[0] * inverse)[wide] * dx
