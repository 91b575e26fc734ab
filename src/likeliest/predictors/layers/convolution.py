"""Convolution of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, PartShape, Shape

_aten = torch.ops.aten


@dataclass(frozen=True)
class Conv2d(Layer):
    """y[o, i, j] = Σ_{c,a,b} W[o, a, b, c] x[c, s·i + a − p, s·j + b − p], for rows (C, H, W); no intercept.

    W is laid out with its channels last, (outputs, size, size, inputs), as the fast kernels want it. Pullback: u
    correlated with x for W, and u convolved with W for x. The kernels add up the former by thread: two threads give
    other last digits than one.

    Args:
        inputs: C.
        outputs: channels of y.
        size: width of the square window.
        stride: s.
        padding: p rows and columns of zeros on each side; None keeps H and W at stride 1.
        gain: W starts normal with variance gain / (inputs · size²); see He et al. (2015).
    """

    inputs: int
    outputs: int
    size: int = 3
    stride: int = 1
    padding: int | None = None
    gain: float = 2.0

    kind = "conv2d"
    lockstep = False

    @property
    def _where(self) -> tuple[Any, ...]:
        """Stride, padding, dilation, transposed, output padding, groups: as the kernels take them."""
        padding = self.size // 2 if self.padding is None else self.padding
        return (self.stride,) * 2, (padding,) * 2, (1, 1), False, (0, 0), 1

    @property
    def parts(self) -> dict[str, PartShape]:
        """W, penalised."""
        return {"weight": PartShape((self.outputs, self.size, self.size, self.inputs), penalised=True)}

    def shape_after(self, shape: Shape) -> Shape:
        """(outputs, ⌊(H + 2p − size)/s⌋ + 1, …)."""
        if len(shape) != 3 or shape[0] != self.inputs:
            raise ShapeError(f"Conv2d({self.inputs}, {self.outputs}) takes pictures of {self.inputs} channels, "
                             f"(C, H, W), found {shape}")  # fmt: skip
        padding = self._where[1][0]
        height, width = ((side + 2 * padding - self.size) // self.stride + 1 for side in shape[1:])
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

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """The tape is x, in the precision of the product."""
        (weight,) = views
        if x.dtype != weight.dtype:
            x = x.to(weight.dtype)
        return self._convolved(x, weight), x

    def pullback(
        self, views: list[Tensor], tape: Tensor, u: Tensor, grads: list[Tensor], further: bool = True
    ) -> Tensor | None:
        """Write that of W; return that of x."""
        weight = views[0].permute(0, 3, 1, 2)
        wanted = (further, True, False)
        back, dweight, _ = _aten.convolution_backward(u, tape, weight, None, *self._where, wanted)
        grads[0].copy_(dweight.permute(0, 2, 3, 1))
        return back if further else None

    def pushforward(self, views: list[Tensor], tape: Tensor, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """The convolution is linear in x and in W."""
        (weight,) = views
        moved = self._convolved(tape, directions[0].to(weight.dtype))
        return moved if dx is None else moved + self._convolved(dx.to(weight.dtype), weight)
