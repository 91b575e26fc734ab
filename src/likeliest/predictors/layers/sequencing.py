"""Sequences as pictures and back, and where they end."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from likeliest import sequences
from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Probe, Shape
from likeliest.predictors.layers.frames import Frames


class _View(Layer):
    """A layer that gives the same numbers in another shape."""

    lockstep = False

    @property
    def fresh(self) -> bool:
        """False: y is a view of x."""
        return False

    @abstractmethod
    def _seen(self, x: Tensor) -> Tensor:
        """X as the next layer takes it."""

    @abstractmethod
    def _unseen(self, y: Tensor, tape: Shape) -> Tensor:
        """What has y's shape in that of x."""

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, Shape]:
        """The tape is the shape of x."""
        return self._seen(x), tuple(x.shape)

    def pullback(self, views: Any, tape: Shape, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u in x's shape."""
        return self._unseen(u, tape)

    def pushforward(self, views: Any, tape: Shape, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx in y's shape."""
        return None if dx is None else self._seen(dx)


@dataclass(frozen=True)
class AsPicture(_View):
    """A sequence (T, F) as a picture of one channel (1, T, F)."""

    kind = "as_picture"

    def shape_after(self, shape: Shape) -> Shape:
        """(1, T, F)."""
        if len(shape) != 2:
            raise ShapeError(f"AsPicture takes sequences (T, F), found {shape}")
        return 1, *shape

    def _seen(self, x: Tensor) -> Tensor:
        return x[..., None].permute(0, 3, 1, 2)  # in memory channels last, as Normalise gives pictures

    def _unseen(self, y: Tensor, tape: Shape) -> Tensor:
        return y[:, 0]


@dataclass(frozen=True)
class AsSequence(_View):
    """A picture (C, T, F) as the sequence of its columns (T, F·C)."""

    kind = "as_sequence"

    def shape_after(self, shape: Shape) -> Shape:
        """(T, F·C)."""
        if len(shape) != 3:
            raise ShapeError(f"AsSequence takes pictures (C, T, F), found {shape}")
        return shape[1], shape[2] * shape[0]

    def _seen(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(2)

    def _unseen(self, y: Tensor, tape: Shape) -> Tensor:
        n, channels, frames, bins = tape
        return y.reshape(n, frames, bins, channels).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class InFrames(_View):
    """Numbers (T·F,), frame after frame, as a sequence (T, F).

    Args:
        width: F.
    """

    width: int

    kind = "in_frames"

    def frames_after(self, lengths: Tensor) -> Tensor:
        """So many whole frames."""
        return lengths // self.width

    def shape_after(self, shape: Shape) -> Shape:
        """(T, F)."""
        if len(shape) != 1 or shape[0] % self.width:
            raise ShapeError(f"InFrames takes rows of frames of {self.width} numbers, found {shape}")
        return shape[0] // self.width, self.width

    def _seen(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1, self.width)

    def _unseen(self, y: Tensor, tape: Shape) -> Tensor:
        return y.flatten(1)


@dataclass(frozen=True)
class Ending(Layer):
    """η (T, K) of a sequence whose column 0 is the blank: frames after its end become certain blanks.

    Pullback: u, and 0 for those frames. A probe sees 0 for them instead of −∞, which is no number that went astray.
    """

    kind = "ending"
    lockstep = False

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        if len(shape) != 2:
            raise ShapeError(f"Ending takes sequences (T, K), found {shape}")
        return shape

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, None]:
        """All rows are as long as x."""
        return x, None

    def along(self, views: Any, x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, Frames]:
        """Write `sequences.end`."""
        return sequences.end(x.clone(), frames.lengths), frames

    def pullback(self, views: Any, tape: Frames | None, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u before the end."""
        return u if tape is None else tape.cut(u)

    def pushforward(self, views: Any, tape: Frames | None, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx before the end."""
        return dx if dx is None or tape is None else tape.cut(dx)

    def probe(self, views: Any, x: Tensor, draw: Draw | None, path: str, frames: Frames | None = None) -> Probe:
        """Numbers alone."""
        y = x if frames is None else frames.cut(x)
        yield path, y
        return y
