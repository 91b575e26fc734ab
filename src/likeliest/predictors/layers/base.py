"""What every layer shares: named parts, a forward pass with a tape, its pullback and its pushforward.

A layer holds settings and no numbers that are learnt: those are parts on the θ of the predictor that it belongs to, and
come as views. Its input and output are (n, …), or (R, n, …) for R runs in lockstep where it says that it can. Rows are
(C,), pictures (C, H, W), sequences (T, C), and pictures of sequences (C, T, F).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from likeliest.interfaces import Draw
from likeliest.predictors.layers.frames import Frames

Shape = tuple[int, ...]
Probe = Generator[tuple[str, Tensor], None, Tensor]
"""Yields (a layer's name, its output) and returns the last output."""


class PartShape(NamedTuple):
    """A part before it has a place on θ; ``learnt`` is False for what no gradient is taken of."""

    shape: Shape
    penalised: bool = False
    learnt: bool = True


class Layer(ABC):
    """A differentiable function y = f(x; its parts), its derivatives written out by hand.

    ``views`` are a layer's parts, in their order; a layer made of others has one entry for each of them. A subclass
    is a frozen dataclass whose fields are its JSON.
    """

    kind: ClassVar[str]
    lockstep: ClassVar[bool] = True
    """Whether x and the parts may have a leading axis of runs."""
    casts: ClassVar[bool] = True
    """Whether the layer computes in the precision that its parts come in; else they stay as θ has them."""

    @property
    def fresh(self) -> bool:
        """Whether y is new memory that the tape does not hold, so that the next layer may overwrite it."""
        return True

    @property
    def parts(self) -> Mapping[str, PartShape]:
        """The layer's parts by name."""
        return {}

    @abstractmethod
    def shape_after(self, shape: Shape) -> Shape:
        """The shape of a row of y for a row of x.

        Raises:
            ShapeError: the layer does not take such rows.
        """

    def flops(self, shape: Shape) -> int:
        """Twice the multiply-adds of the forward pass of one row of that shape."""
        return 0

    def numbers(self, shape: Shape) -> int:
        """How many numbers the forward pass of one row of that shape makes."""
        return math.prod(self.shape_after(shape))

    def init(self, views: Any, stream: np.random.Generator) -> None:  # noqa: B027, for most have nothing to write
        """Write initial values, for one run and in double precision, over the zeros in views."""

    @abstractmethod
    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, Any]:
        """Return y and the tape that the other two need."""

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, Any]:
        """`forward` for sequences: what stands after a row's end changes nothing before it, nor any other row.

        Layers that take frames one by one need no more than ``forward``.
        """
        return self.forward(views, x, draw)

    def frames_after(self, lengths: Tensor) -> Tensor:
        """How many frames of y there are for so many of x: the same tensor where nothing changes."""
        return lengths

    @abstractmethod
    def pullback(self, views: Any, tape: Any, u: Tensor, grads: Any, further: bool = True) -> Tensor | None:
        """Write the parts' Jᵀu, summed over rows, to ``grads``, and return that of x, unless none is wanted further.

        u is left as it is.
        """

    @abstractmethod
    def pushforward(self, views: Any, tape: Any, directions: Any, dx: Tensor | None) -> Tensor | None:
        """The derivative of y along ``directions`` of the parts and dx of x; None stands for zero."""

    def probe(self, views: Any, x: Tensor, draw: Draw | None, path: str, frames: Frames | None = None) -> Probe:
        """Go forward, along time where there are frames, and yield what each layer inside gives."""
        y, _ = self.forward(views, x, draw) if frames is None else self.along(views, x, draw, frames)
        yield path, y
        return y

    # What a predictor asks of the tree that its layers make.

    def leaves(self, path: str) -> Iterator[tuple[str, Layer]]:
        """The layers that are made of no others, with their names, in the order of the forward pass."""
        yield path, self

    def nested(self, views: Iterator[Tensor]) -> Any:
        """Take the layer's own views from those of all leaves in order."""
        return [next(views) for _ in self.parts]

    def placed(self, path: str, writable: bool) -> Layer:
        """The layer at its place: it knows its name, and whether it may overwrite its input."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values from which ``layers.from_json`` builds the same layer."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]
        return {"layer": self.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}
