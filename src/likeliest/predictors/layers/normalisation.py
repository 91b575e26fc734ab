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
from likeliest.predictors.layers.frames import Frames

_aten = torch.ops.aten
_ALL = [True, True, True]


class _Frames(NamedTuple):
    """Frames of a tensor (n, T, C) or (n, C, T, F) as rows of channels (N, C): all n·T of them, or those ``there``."""

    shape: torch.Size
    there: Tensor | None

    def taken(self, x: Tensor) -> Tensor:
        """The rows."""
        frames = (x.movedim(1, -1) if x.ndim == 4 else x).flatten(0, 1)
        return (frames if self.there is None else frames.index_select(0, self.there)).flatten(0, -2)

    def put_back(self, rows: Tensor) -> Tensor:
        """The tensor, with zeros where no frame is there."""
        n, *sides = self.shape
        sides = [*sides[1:], sides[0]] if len(sides) == 3 else sides
        frames = rows.view(-1, *sides[1:])
        if self.there is not None:
            frames = frames.new_zeros(n * sides[0], *sides[1:]).index_copy_(0, self.there, frames)
        y = frames.view(n, *sides)
        return y.movedim(-1, 1) if y.ndim == 4 else y


class _Tape(NamedTuple):
    """x or its frames, the batch's mean and 1/σ of each channel, and whether they are the batch's at all."""

    x: Tensor
    mean: Tensor
    inverse: Tensor
    batch: bool
    frames: _Frames | None

    def taken(self, x: Tensor) -> Tensor:
        """A tensor like y as the kernels take it."""
        return x if self.frames is None else self.frames.taken(x)

    def put_back(self, y: Tensor) -> Tensor:
        """And as the layer gives it."""
        return y if self.frames is None else self.frames.put_back(y)


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = scale ⊙ x̂ + shift with x̂ = (x − m) / √(v + ε), channel by channel, for rows (C,), (C, H, W) or (T, C).

    Under a draw m and v are the batch's mean and variance (divisor N), and the running averages move towards them by
    ``momentum``, the variance with divisor N − 1. Without one m and v are the running averages: parts of θ that are not
    learnt. A batch with a single number a channel has no variance, and is taken as without a draw. Frames after a
    row's end are no part of the batch: they do not enter m and v, and y is 0 there.

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
        if (shape[-1:] if len(shape) == 2 else shape[:1]) != (self.channels,):
            raise ShapeError(f"BatchNorm({self.channels}) takes rows of {self.channels} channels, found {shape}")
        return shape

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Scale 1, shift 0, mean 0, variance 1."""
        views[0].fill_(1.0)
        views[3].fill_(1.0)

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """Under a draw, bring the running averages up to date in place."""
        return self._normalised(views, x, draw, _Frames(x.shape, None) if x.ndim == 3 else None)

    def along(self, views: list[Tensor], x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Tape]:
        """The same for the frames that are there."""
        if frames.there is None:
            return self.forward(views, x, draw)
        return self._normalised(views, x, draw, _Frames(x.shape, frames.there))

    def _normalised(
        self, views: list[Tensor], x: Tensor, draw: Draw | None, frames: _Frames | None
    ) -> tuple[Tensor, _Tape]:
        rows = x if frames is None else frames.taken(x)
        batch = draw is not None and rows.numel() > self.channels
        y, mean, inverse = _aten.native_batch_norm(rows, *views, batch, self.momentum, self.eps)
        tape = _Tape(rows, mean, inverse, batch, frames)
        return tape.put_back(y), tape

    def pullback(self, views: list[Tensor], tape: _Tape, u: Tensor, grads: list[Tensor], further: bool = True) -> Any:
        """See the class."""
        scale, _, mean, variance = views
        u = tape.taken(u).to(tape.x.dtype)
        back, dscale, dshift = _aten.native_batch_norm_backward(
            u, tape.x, scale, mean, variance, tape.mean, tape.inverse, tape.batch, self.eps, _ALL
        )
        grads[0].copy_(dscale)
        grads[1].copy_(dshift)
        return tape.put_back(back)

    def pushforward(self, views: list[Tensor], tape: _Tape, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """Scale ⊙ dx̂ + dscale ⊙ x̂ + dshift; the running averages stay."""
        x = tape.x
        mean, inverse = (tape.mean, tape.inverse) if tape.batch else (views[2], torch.rsqrt(views[3] + self.eps))
        over = [d for d in range(x.ndim) if d != 1]
        wide = (slice(None), *[None] * (x.ndim - 2))
        standard = (x - mean[wide]) * inverse[wide]
        moved = directions[0][wide] * standard + directions[1][wide]
        if dx is not None:
            dx = tape.taken(dx)
            if tape.batch:
                dx = dx - dx.mean(over, keepdim=True) - standard * (standard * dx).mean(over, keepdim=True)
            moved = moved + (views[0] * inverse)[wide] * dx
        return tape.put_back(moved)
