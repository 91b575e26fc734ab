"""Pooling: neighbourhoods of pictures, or whole ones, made one number a channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from likeliest.errors import ShapeError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape
from likeliest.predictors.layers.frames import Frames

_aten = torch.ops.aten
_Maxima = tuple[Tensor, Tensor]
"""x, and where in each of its channels, as i · W + j, the maxima stand."""


def _maxima(x: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    y, where = _aten.max_pool2d_with_indices(x, size)
    return y, where


def _maxima_back(u: Tensor, tape: _Maxima, size: tuple[int, int]) -> Tensor:
    back: Tensor = _aten.max_pool2d_with_indices_backward(u, tape[0], size, size, (0, 0), (1, 1), False, tape[1])
    return back


def _at_maxima(dx: Tensor, where: Tensor) -> Tensor:
    return dx.flatten(2).gather(2, where.flatten(2)).view(where.shape)


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest number of each window of a picture's channel; windows do not overlap, and what is left over is left.

    Pullback: u goes to where the maximum stood, the first of several.

    Args:
        size: width of the square window.
    """

    size: int = 2

    kind = "max_pool"
    lockstep = False

    def shape_after(self, shape: Shape) -> Shape:
        """(C, ⌊H/size⌋, ⌊W/size⌋)."""
        if len(shape) != 3 or min(shape[1:]) < self.size:
            raise ShapeError(f"MaxPool({self.size}) takes pictures (C, H, W) of that size or more, found {shape}")
        return shape[0], shape[1] // self.size, shape[2] // self.size

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Maxima]:
        """The tape is x, for its shape, and where the maxima stand."""
        y, where = _maxima(x, (self.size, self.size))
        return y, (x, where)

    def pullback(self, views: Any, tape: _Maxima, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u at the maxima and 0 elsewhere."""
        return _maxima_back(u, tape, (self.size, self.size))

    def pushforward(self, views: Any, tape: _Maxima, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx at the maxima."""
        return None if dx is None else _at_maxima(dx, tape[1])


@dataclass(frozen=True)
class GlobalPool(Layer):
    """The largest number, or the mean, of each channel of a picture: (C, H, W) becomes (C,).

    Args:
        by: "max" or "mean".

    Raises:
        UnknownNameError: another ``by``.

    Source: Lin, Chen & Yan (2014), Network in network, for the mean.
    """

    by: Literal["max", "mean"] = "mean"

    kind = "global_pool"
    lockstep = False

    def __post_init__(self) -> None:
        if self.by not in ("max", "mean"):
            raise UnknownNameError(f"no global pooling by {self.by!r}; there are max and mean")

    def shape_after(self, shape: Shape) -> Shape:
        """(C,)."""
        if len(shape) != 3:
            raise ShapeError(f"GlobalPool takes pictures (C, H, W), found {shape}")
        return shape[:1]

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Maxima]:
        """The tape is x, for its shape, and where the maxima stand."""
        if self.by == "mean":
            return x.mean((2, 3)), (x, x)
        y, where = _maxima(x, (x.shape[2], x.shape[3]))
        return y.flatten(1), (x, where)

    def pullback(self, views: Any, tape: _Maxima, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u at the maxima, or spread over all places."""
        x, u = tape[0], u[..., None, None]
        if self.by == "mean":
            places = x.shape[2] * x.shape[3]
            return (u / places).expand_as(x).contiguous(memory_format=torch.channels_last)
        return _maxima_back(u.contiguous(memory_format=torch.channels_last), tape, (x.shape[2], x.shape[3]))

    def pushforward(self, views: Any, tape: _Maxima, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx at the maxima, or its mean."""
        if dx is None:
            return None
        return dx.mean((2, 3)) if self.by == "mean" else _at_maxima(dx, tape[1]).flatten(1)


class _Both(NamedTuple):
    """x's maxima, one over how many places there are in each row (n, 1), and the frames."""

    maxima: _Maxima
    share: Tensor | float
    frames: Frames | None

    def cut(self, x: Tensor) -> Tensor:
        """Zeros after each row's end."""
        return x if self.frames is None else self.frames.cut(x)


@dataclass(frozen=True)
class MeanMaxPool(Layer):
    """The mean and the largest number of each channel of a picture, or of a sequence's: (C, T, F) becomes (2C,).

    Frames after a row's end enter neither.
    """

    kind = "mean_max_pool"
    lockstep = False

    def shape_after(self, shape: Shape) -> Shape:
        """(2C,)."""
        if len(shape) != 3:
            raise ShapeError(f"MeanMaxPool takes pictures (C, H, W), found {shape}")
        return (2 * shape[0],)

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Both]:
        """Means first."""
        return self._pooled(x, x, _Both((x, x), 1 / (x.shape[2] * x.shape[3]), None))

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Both]:
        """Of a row's own frames."""
        if frames.ended is None:
            return self.forward(views, x, draw)
        share = 1 / (frames.lengths[:, None] * x.shape[3]).to(x.dtype)
        lowest = x.masked_fill(frames.ended[:, None, :, None], -math.inf)
        return self._pooled(frames.cut(x), lowest, _Both((x, x), share, frames))

    def _pooled(self, x: Tensor, lowest: Tensor, both: _Both) -> tuple[Tensor, _Both]:
        largest, where = _maxima(lowest, (x.shape[2], x.shape[3]))
        mean = x.sum((2, 3)) * both.share
        return torch.cat((mean, largest.flatten(1)), 1), both._replace(maxima=(x, where))

    def pullback(self, views: Any, tape: _Both, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Spread u's first half over all places, and add the other where the maxima stand."""
        x = tape.maxima[0]
        for_mean, for_max = (half[..., None, None] for half in u.chunk(2, 1))
        for_max = for_max.contiguous(memory_format=torch.channels_last)
        back = _maxima_back(for_max, tape.maxima, (x.shape[2], x.shape[3]))
        share = tape.share[..., None, None] if isinstance(tape.share, Tensor) else tape.share
        return tape.cut(back + for_mean * share)

    def pushforward(self, views: Any, tape: _Both, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx's mean, and dx at the maxima."""
        if dx is None:
            return None
        return torch.cat((tape.cut(dx).sum((2, 3)) * tape.share, _at_maxima(dx, tape.maxima[1]).flatten(1)), 1)


@dataclass(frozen=True)
class PoolBins(Layer):
    """The mean and the largest number of each channel of a picture (C, T, F) in each frame: the sequence (T, 2C)."""

    kind = "pool_bins"
    lockstep = False

    def shape_after(self, shape: Shape) -> Shape:
        """(T, 2C)."""
        if len(shape) != 3:
            raise ShapeError(f"PoolBins takes pictures (C, T, F), found {shape}")
        return shape[1], 2 * shape[0]

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, _Maxima]:
        """Means first."""
        largest, where = _maxima(x, (1, x.shape[3]))
        return torch.cat((x.mean(3), largest[..., 0]), 1).mT, (x, where)

    def pullback(self, views: Any, tape: _Maxima, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Spread u's first half over all bins, and add the other where the maxima stand."""
        bins = tape[0].shape[3]
        for_mean, for_max = (half.mT[..., None] for half in u.chunk(2, 2))
        for_max = for_max.contiguous(memory_format=torch.channels_last)
        return _maxima_back(for_max, tape, (1, bins)) + for_mean / bins

    def pushforward(self, views: Any, tape: _Maxima, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx's mean, and dx at the maxima."""
        return None if dx is None else torch.cat((dx.mean(3), _at_maxima(dx, tape[1])[..., 0]), 1).mT
