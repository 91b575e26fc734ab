"""The fully connected layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, PartShape, Shape
from likeliest.predictors.linear import affine, write_product, write_row_sum


@dataclass(frozen=True)
class Dense(Layer):
    """y = x W + b, with W (inputs, outputs) and b (outputs,); of a sequence (T, inputs) frame by frame.

    Pullback: ∂/∂W = xᵀu, ∂/∂b = Σ_rows u, and u Wᵀ goes further back.

    Args:
        inputs: length of a row of x.
        outputs: length of a row of y.
        gain: W starts normal with variance gain / inputs: 2 before a relu (He et al., 2015), 1 otherwise.
    """

    inputs: int
    outputs: int
    gain: float = 1.0

    kind = "dense"

    @property
    def parts(self) -> dict[str, PartShape]:
        """W, penalised, and b."""
        return {"weight": PartShape((self.inputs, self.outputs), penalised=True), "bias": PartShape((self.outputs,))}

    def shape_after(self, shape: Shape) -> Shape:
        """(outputs,), or (T, outputs)."""
        if len(shape) > 2 or shape[-1:] != (self.inputs,):
            raise ShapeError(f"Dense({self.inputs}, {self.outputs}) takes rows of {self.inputs} numbers, found {shape}")
        return (*shape[:-1], self.outputs)

    def flops(self, shape: Shape) -> int:
        """2 · inputs · outputs, for each frame."""
        return 2 * self.inputs * math.prod(self.shape_after(shape))

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Draw W; b stays 0."""
        drawn = stream.normal(0.0, math.sqrt(self.gain / self.inputs), (self.inputs, self.outputs))
        views[0].copy_(torch.from_numpy(drawn))

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """The tape is x, in the precision of the product."""
        weight, bias = views
        if x.dtype != weight.dtype:
            x = x.to(weight.dtype)
        if x.ndim == 3 and weight.ndim == 2:
            return affine(x.flatten(0, 1), weight, bias).unflatten(0, x.shape[:2]), x
        return affine(x, weight, bias), x

    def pullback(
        self, views: list[Tensor], tape: Tensor, u: Tensor, grads: list[Tensor], further: bool = True
    ) -> Tensor | None:
        """Write xᵀu and Σu; return u Wᵀ."""
        weight = views[0]
        if u.dtype != weight.dtype:
            u = u.to(weight.dtype)
        back = torch.matmul(u, weight.mT) if further else None
        if u.ndim == 3 and weight.ndim == 2:
            tape, u = tape.flatten(0, 1), u.flatten(0, 1)
        write_product(tape, u, grads[0])
        write_row_sum(u, grads[1])
        return back

    def pushforward(self, views: list[Tensor], tape: Tensor, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """X dW + db + dx W."""
        weight = views[0]
        moved, _ = self.forward([d.to(weight.dtype) for d in directions], tape, None)
        return moved if dx is None else moved.add_(torch.matmul(dx.to(weight.dtype), weight))
