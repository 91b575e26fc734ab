"""How many frames of each row of a batch there are, for layers along time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from likeliest.predictors.layers.base import Layer


class Frames:
    """The lengths of a batch of sequences: rows that end before others go on with frames that count for nothing.

    They go through a net beside x, (n, T, C) or pictures (n, C, T, F), and are known at its first layer from x itself.
    A layer that mixes frames takes those after a row's end as 0, as if the row stood alone; one that takes frames one
    by one need not care what stands there.

    Args:
        lengths: (n,) frames of each row.
        longest: T, frames of the tensor.
    """

    def __init__(self, lengths: Tensor, longest: int) -> None:
        self.lengths, self.longest = lengths, longest

    def after(self, layer: Layer) -> Frames:
        """Those of the layer's output."""
        lengths = layer.frames_after(self.lengths)
        if lengths is self.lengths:
            return self
        return Frames(lengths, int(layer.frames_after(torch.tensor(self.longest))))

    @cached_property
    def ended(self) -> Tensor | None:
        """Which of the frames come after their row's end, (n, T); None where all rows are as long as the tensor."""
        over = torch.arange(self.longest, device=self.lengths.device) >= self.lengths[:, None]
        return over if bool(over.any()) else None

    @cached_property
    def there(self) -> Tensor | None:
        """The others, as positions (N,) in the n·T frames of the tensor; None where that is all of them."""
        return None if self.ended is None else torch.nonzero(~self.ended.flatten()).flatten()

    def cut(self, x: Tensor) -> Tensor:
        """The same x, (n, T, C) or (n, C, T, F), with zeros after each row's end."""
        if self.ended is None:
            return x
        return x.masked_fill(self.ended[:, :, None] if x.ndim == 3 else self.ended[:, None, :, None], 0)
