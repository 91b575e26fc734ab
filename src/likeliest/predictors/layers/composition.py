"""Layers made of layers: one after another, or around one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Probe, Shape
from likeliest.predictors.layers.frames import Frames


class Sequential(Layer):
    """Layers one after another: y = f_L(… f_1(x)).

    The pullback asks them from the last to the first, each for the u that the one before it needs: the chain rule.

    Args:
        layers: name → layer, in the order of the forward pass; a name has no dot.
    """

    kind = "sequential"

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self.layers = dict(layers)
        self._order = tuple(self.layers.values())
        self._learn = tuple(any(leaf.parts for _, leaf in layer.leaves("")) for layer in self._order)

    @property
    def fresh(self) -> bool:
        """Whether the last one's output is."""
        return bool(self._order) and self._order[-1].fresh

    def shape_after(self, shape: Shape) -> Shape:
        """That after the last."""
        return self.walked(shape)[-1]

    def flops(self, shape: Shape) -> int:
        """Their sum."""
        return sum(layer.flops(before) for layer, before in zip(self._order, self.walked(shape), strict=False))

    def numbers(self, shape: Shape) -> int:
        """Their sum."""
        return sum(layer.numbers(before) for layer, before in zip(self._order, self.walked(shape), strict=False))

    def walked(self, shape: Shape) -> list[Shape]:
        """The shape of a row before each layer, and after the last."""
        shapes = [shape]
        for name, layer in self.layers.items():
            try:
                shapes.append(layer.shape_after(shapes[-1]))
            except ShapeError as error:
                raise ShapeError(f"layer {name}: {error}") from None
        return shapes

    def init(self, views: Any, stream: np.random.Generator) -> None:
        """One after another, from one stream."""
        for layer, own in zip(self._order, views, strict=True):
            layer.init(own, stream)

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, list[Any]]:
        """The tape is the list of theirs."""
        tapes = []
        for layer, own in zip(self._order, views, strict=True):
            x, tape = layer.forward(own, x, draw)
            tapes.append(tape)
        return x, tapes

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, list[Any]]:
        """Each with the frames that the one before it leaves."""
        tapes = []
        for layer, own in zip(self._order, views, strict=True):
            x, tape = layer.along(own, x, draw, frames)
            tapes.append(tape)
            frames = frames.after(layer)
        return x, tapes

    def frames_after(self, lengths: Tensor) -> Tensor:
        """Those after the last."""
        for layer in self._order:
            lengths = layer.frames_after(lengths)
        return lengths

    def pullback(self, views: Any, tape: list[Any], u: Tensor, grads: Any, further: bool = True) -> Tensor | None:
        """From the last to the first, or to the first that has parts where nothing is wanted further."""
        first = 0 if further else next((i for i, learns in enumerate(self._learn) if learns), len(self._order))
        for i in range(len(self._order) - 1, first - 1, -1):
            back = self._order[i].pullback(views[i], tape[i], u, grads[i], further or i > first)
            if back is None:
                return None
            u = back
        return u

    def pushforward(self, views: Any, tape: list[Any], directions: Any, dx: Tensor | None) -> Tensor | None:
        """From the first to the last."""
        for layer, own, kept, direction in zip(self._order, views, tape, directions, strict=True):
            dx = layer.pushforward(own, kept, direction, dx)
        return dx

    def probe(self, views: Any, x: Tensor, draw: Draw | None, path: str, frames: Frames | None = None) -> Probe:
        """What each of them gives."""
        for (name, layer), own in zip(self.layers.items(), views, strict=True):
            x = yield from layer.probe(own, x, draw, _below(path, name), frames)
            frames = frames and frames.after(layer)
        return x

    def leaves(self, path: str) -> Iterator[tuple[str, Layer]]:
        """Those of each."""
        for name, layer in self.layers.items():
            yield from layer.leaves(_below(path, name))

    def nested(self, views: Iterator[Tensor]) -> list[Any]:
        """One entry for each."""
        return [layer.nested(views) for layer in self._order]

    def placed(self, path: str, writable: bool) -> Sequential:
        """Each may overwrite what the one before it leaves behind."""
        placed = {}
        for name, layer in self.layers.items():
            placed[name] = layer.placed(_below(path, name), writable)
            writable = placed[name].fresh
        return Sequential(placed)

    def to_json(self) -> dict[str, Any]:
        """Plain values; pairs keep the order of the layers, which JSON's objects need not."""
        return {"layer": self.kind, "layers": [[name, layer.to_json()] for name, layer in self.layers.items()]}


class Residual(Layer):
    """y = x + f(x), f one layer after another; pullback: u + f's own.

    Args:
        layers: of f, name → layer; f keeps the shape of a row.

    Source: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition.
    """

    kind = "residual"

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self.inner = Sequential(layers)

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        if (after := self.inner.shape_after(shape)) != shape:
            raise ShapeError(f"what is added to x needs its shape, {shape}; these layers give {after}")
        return shape

    def flops(self, shape: Shape) -> int:
        """Those of f."""
        return self.inner.flops(shape)

    def numbers(self, shape: Shape) -> int:
        """Those of f, and the sum."""
        return self.inner.numbers(shape) + math.prod(shape)

    def init(self, views: Any, stream: np.random.Generator) -> None:
        """That of f."""
        self.inner.init(views, stream)

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, list[Any]]:
        """The tape is f's."""
        y, tape = self.inner.forward(views, x, draw)
        return y + x, tape

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, list[Any]]:
        """The tape is f's."""
        y, tape = self.inner.along(views, x, draw, frames)
        return y + x, tape

    def pullback(self, views: Any, tape: list[Any], u: Tensor, grads: Any, further: bool = True) -> Tensor | None:
        """Return u + Jᵀu."""
        back = self.inner.pullback(views, tape, u, grads, further)
        return None if back is None else back + u

    def pushforward(self, views: Any, tape: list[Any], directions: Any, dx: Tensor | None) -> Tensor | None:
        """The sum of dx and df."""
        moved = self.inner.pushforward(views, tape, directions, dx)
        return moved if dx is None or moved is None else moved + dx

    def probe(self, views: Any, x: Tensor, draw: Draw | None, path: str, frames: Frames | None = None) -> Probe:
        """What each layer of f gives, then the sum."""
        y = yield from self.inner.probe(views, x, draw, path, frames)
        total = x + y
        yield path, total
        return total

    def leaves(self, path: str) -> Iterator[tuple[str, Layer]]:
        """Those of f."""
        return self.inner.leaves(path)

    def nested(self, views: Iterator[Tensor]) -> list[Any]:
        """Those of f."""
        return self.inner.nested(views)

    def placed(self, path: str, writable: bool) -> Residual:
        """Inside, x may not be overwritten: the sum needs it."""
        found = Residual({})
        found.inner = self.inner.placed(path, False)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Sequential.to_json`."""
        return {**self.inner.to_json(), "layer": self.kind}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
