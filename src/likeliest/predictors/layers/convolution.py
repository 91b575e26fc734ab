"""Convolution of pictures, and of each channel of sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, PartShape, Shape
from likeliest.predictors.layers.frames import Frames

_aten = torch.ops.aten


class _Tape(NamedTuple):
    """x as the product took it, and the frames that it has."""

    x: Tensor
    frames: Frames | None


@dataclass(frozen=True)
class Conv2d(Layer):
    """y[o, i, j] = Σ_{c,a,b} W[o, a, b, c] x[c, s·i + a − p, t·j + b − p], for rows (C, H, W); no intercept.

    W is laid out with its channels last, (outputs, size, size, inputs), as the fast kernels want it. Pullback: u
    correlated with x for W, and u convolved with W for x. The kernels add up the former by thread: two threads give
    other last digits than one.

    Args:
        inputs: C.
        outputs: channels of y.
        size: width of the square window.
        stride: s, which is t as well, or (s, t).
        padding: p rows and columns of zeros on each side; None keeps H and W at stride 1.
        gain: W starts normal with variance gain / (inputs · size²); see He et al. (2015).
    """

    inputs: int
    outputs: int
    size: int = 3
    stride: int | Sequence[int] = 1
    padding: int | None = None
    gain: float = 2.0

    kind = "conv2d"
    lockstep = False

    @property
    def _where(self) -> tuple[Any, ...]:
        """Stride, padding, dilation, transposed, output padding, groups: as the kernels take them."""
        stride = (self.stride,) * 2 if isinstance(self.stride, int) else tuple(self.stride)
        padding = self.size // 2 if self.padding is None else self.padding
        return stride, (padding,) * 2, (1, 1), False, (0, 0), 1

    @property
    def parts(self) -> dict[str, PartShape]:
        """W, penalised."""
        return {"weight": PartShape((self.outputs, self.size, self.size, self.inputs), penalised=True)}

    def shape_after(self, shape: Shape) -> Shape:
        """(outputs, ⌊(H + 2p − size)/s⌋ + 1, ⌊(W + 2p − size)/t⌋ + 1)."""
        if len(shape) != 3 or shape[0] != self.inputs:
            raise ShapeError(f"Conv2d({self.inputs}, {self.outputs}) takes pictures of {self.inputs} channels, "
                             f"(C, H, W), found {shape}")  # fmt: skip
        strides, (padding, _), *_ = self._where
        height, width = ((h + 2 * padding - self.size) // s + 1 for h, s in zip(shape[1:], strides, strict=True))
        if min(height, width) < 1:
            raise ShapeError(f"a window of {self.size} does not fit into a picture of {shape[1:]}; take a smaller one")
        return (self.outputs, height, width)

    def flops(self, shape: Shape) -> int:
        """2 · size² · inputs · outputs · H′ · W′."""
        return 2 * self.size**2 * self.inputs * math.prod(self.shape_after(shape))

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Draw W."""
        scale = math.sqrt(self.gain / (self.inputs * self.size**2))
        views[0].copy_(torch.from_numpy(stream.normal(0.0, scale, tuple(views[0].shape))))

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        y: Tensor = _aten.convolution(x, weight.permute(0, 3, 1, 2), None, *self._where)
        return y

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """The tape is x, in the precision of the product."""
        (weight,) = views
        if x.dtype != weight.dtype:
            x = x.to(weight.dtype)
        return self._convolved(x, weight), _Tape(x, None)

    def along(self, views: list[Tensor], x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Tape]:
        """Pictures (C, T, F), with zeros after their end."""
        y, tape = self.forward(views, frames.cut(x), draw)
        return y, _Tape(tape.x, frames)

    def frames_after(self, lengths: Tensor) -> Tensor:
        """⌊(T + 2p − size)/s⌋ + 1."""
        (stride, _), (padding, _), *_ = self._where
        if stride == 1 and 2 * padding == self.size - 1:
            return lengths
        return torch.clamp((lengths + 2 * padding - self.size) // stride + 1, min=0)

    def pullback(
        self, views: list[Tensor], tape: _Tape, u: Tensor, grads: list[Tensor], further: bool = True
    ) -> Tensor | None:
        """Write that of W; return that of x."""
        weight = views[0].permute(0, 3, 1, 2)
        wanted = (further, True, False)
        back, dweight, _ = _aten.convolution_backward(u, tape.x, weight, None, *self._where, wanted)
        grads[0].copy_(dweight.permute(0, 2, 3, 1))
        if not further:
            return None
        return back if tape.frames is None else tape.frames.cut(back)

    def pushforward(self, views: list[Tensor], tape: _Tape, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """The convolution is linear in x and in W."""
        (weight,) = views
        moved = self._convolved(tape.x, directions[0].to(weight.dtype))
        if dx is None:
            return moved
        dx = dx if tape.frames is None else tape.frames.cut(dx)
        return moved + self._convolved(dx.to(weight.dtype), weight)


@dataclass(frozen=True)
class DepthwiseConv(Layer):
    """y[t, c] = Σ_a W[a, c] x[s·t + d·(a − (size − 1)/2), c]: each channel of rows (T, C) along time; no intercept.

    There are ⌈T/s⌉ frames of y. The work is that of fetching x, so that products are never coarser than θ. Pullback:
    ∂/∂W[a] = Σ u[t] x[s·t + d·(a − …)] over rows and t, and u convolved with W for x.

    Args:
        channels: C.
        size: frames of the window, an odd number.
        stride: s.
        dilation: d.
        gain: W starts normal with variance gain / size.

    Raises:
        SpecificationError: an even size.

    Source: Howard et al. (2017), MobileNets, for pictures; Kriman et al. (2020), QuartzNet, for speech.
    """

    channels: int
    size: int
    stride: int = 1
    dilation: int = 1
    gain: float = 1.0

    kind = "depthwise_conv"
    lockstep = False
    casts = False

    def __post_init__(self) -> None:
        if self.size % 2 == 0:
            raise SpecificationError(f"a window along time has a middle frame; take an odd size, found {self.size}")

    @property
    def _margin(self) -> int:
        return self.dilation * (self.size // 2)

    @property
    def _where(self) -> tuple[Any, ...]:
        """As in `Conv2d`: a sequence is a picture of height 1, which the kernels are faster on."""
        return (1, self.stride), (0, self._margin), (1, self.dilation), False, (0, 0), self.channels

    @property
    def parts(self) -> dict[str, PartShape]:
        """W, penalised."""
        return {"weight": PartShape((self.size, self.channels), penalised=True)}

    def shape_after(self, shape: Shape) -> Shape:
        """(⌈T/s⌉, C)."""
        if len(shape) != 2 or shape[1] != self.channels:
            raise ShapeError(f"DepthwiseConv({self.channels}) takes sequences (T, {self.channels}), found {shape}")
        return -(-shape[0] // self.stride), self.channels

    def frames_after(self, lengths: Tensor) -> Tensor:
        """⌈T/s⌉."""
        return lengths if self.stride == 1 else -(-lengths // self.stride)

    def flops(self, shape: Shape) -> int:
        """2 · size · C · ⌈T/s⌉."""
        return 2 * self.size * math.prod(self.shape_after(shape))

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Draw W."""
        drawn = stream.normal(0.0, math.sqrt(self.gain / self.size), tuple(views[0].shape))
        views[0].copy_(torch.from_numpy(drawn))

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return _sequence(_aten.convolution(_picture(x), _filters(weight), None, *self._where))

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """The tape is x."""
        (weight,) = views
        x = x.to(weight.dtype)
        return self._convolved(x, weight), _Tape(x, None)

    def along(self, views: list[Tensor], x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Tape]:
        """With zeros after their end."""
        y, tape = self.forward(views, frames.cut(x), draw)
        return y, _Tape(tape.x, frames)

    def pullback(
        self, views: list[Tensor], tape: _Tape, u: Tensor, grads: list[Tensor], further: bool = True
    ) -> Tensor | None:
        """See the class; the kernels are slow for W alone."""
        x, frames = tape
        u = u.to(x.dtype)
        padded = torch.nn.functional.pad(x, (0, 0, self._margin, self._margin))
        reach = self.stride * (u.shape[1] - 1) + 1
        for a, grad in enumerate(grads[0]):
            first = a * self.dilation
            torch.sum(padded[:, first : first + reach : self.stride] * u, (0, 1), out=grad)
        if not further:
            return None
        given = (_picture(u), _picture(x), _filters(views[0]), None, *self._where, (True, False, False))
        back = _sequence(_aten.convolution_backward(*given)[0])
        return back if frames is None else frames.cut(back)

    def pushforward(self, views: list[Tensor], tape: _Tape, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """The convolution is linear in x and in W."""
        moved = self._convolved(tape.x, directions[0])
        if dx is None:
            return moved
        dx = dx.to(moved.dtype)
        return moved + self._convolved(dx if tape.frames is None else tape.frames.cut(dx), views[0])


def _picture(x: Tensor) -> Tensor:
    """(n, T, C) as (n, C, 1, T)."""
    return x.mT[:, :, None]


def _sequence(y: Tensor) -> Tensor:
    """Back again."""
    return y[:, :, 0].mT


def _filters(weight: Tensor) -> Tensor:
    """(size, C) as (C, 1, 1, size)."""
    return weight.mT[:, None, None]
