"""Pooling: neighbourhoods of pictures, or whole ones, made one number a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from likeliest.errors import ShapeError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Shape

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
