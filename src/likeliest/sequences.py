"""Rows that differ in length, as plain tensors: recordings that end before others, and the η of their frames.

A batch of recordings is one tensor (n, L) of samples on the scale of 16 bits, −32,767 … 32,767; after the end of one
the rest of its row is `END`, which no sample is. So a row says itself how long it is. The same holds for η (…, n, T, K)
of a sequence whose column 0 is the blank: frames after the end are certain blanks, η = 0 for the blank and −∞ for all
else. A frame that is a blank with probability 1 adds log 1 = 0 to every alignment and has the score 0, so that
nothing has to travel beside η.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from likeliest.errors import ShapeError

END = -32_768
"""What fills a row after its recording has ended: the one 16-bit number that no sample is."""


class Ragged:
    """Rows of unequal length, kept end to end; what is taken of them is one tensor, filled up with `END`.

    Args:
        values: (N,) all rows one after the other, of 16-bit or floating-point numbers, none of them `END`. An array
            that is mapped from a file stays there: rows are read when they are taken.
        offsets: (n + 1,) integers from 0 to N that never fall; row i is ``values[offsets[i] : offsets[i + 1]]``.

    Raises:
        ShapeError: values are no such row of numbers, or offsets do not divide them.

    Example:
        >>> import torch
        >>> rows = Ragged(torch.tensor([1, 2, 3, 4], dtype=torch.int16), torch.tensor([0, 3, 3, 4]))
        >>> rows.shape, rows[torch.tensor([2, 0])].tolist()
        ((3, 3), [[4, -32768, -32768], [1, 2, 3]])
    """

    ndim = 2

    def __init__(self, values: Tensor | np.ndarray, offsets: Tensor | np.ndarray | Sequence[int]) -> None:
        self._values = _shared(values)
        if self._values.ndim != 1 or not (self._values.is_floating_point() or self._values.dtype == torch.int16):
            raise ShapeError(
                "values need one row (N,) of int16 or floating-point numbers, found "
                f"{tuple(self._values.shape)} of {self._values.dtype}; join the rows end to end"
            )
        at = np.asarray(offsets.cpu() if isinstance(offsets, Tensor) else offsets)
        if at.ndim != 1 or len(at) == 0 or at.dtype.kind not in "iu":
            raise ShapeError(f"offsets need n + 1 integers, found {at.dtype} of shape {at.shape}")
        if at[0] != 0 or at[-1] != len(self._values) or (at[1:] < at[:-1]).any():
            raise ShapeError(
                f"offsets need to go from 0 to the {len(self._values)} values and never fall; they go from {at[0]} to "
                f"{at[-1]}"
            )
        self._starts, self._lengths = at[:-1].astype(np.int64), np.diff(at.astype(np.int64))

    @classmethod
    def of(cls, rows: Sequence[Tensor | np.ndarray]) -> Ragged:
        """Join rows (L_i,), all of one dtype, end to end.

        Raises:
            ShapeError: there are none, or one is no row of numbers.

        Example:
            >>> import torch
            >>> Ragged.of([torch.zeros(2), torch.ones(3)]).lengths.tolist()
            [2, 3]
        """
        parts = [_shared(row) for row in rows]
        for i, part in enumerate(parts):
            if part.ndim != 1 or part.dtype != parts[0].dtype:
                raise ShapeError(f"row {i} is {tuple(part.shape)} of {part.dtype}; rows are (L,), all {parts[0].dtype}")
        if not parts:
            raise ShapeError("no rows to join; at least one is needed")
        return cls(torch.cat(parts), np.cumsum([0, *(len(part) for part in parts)]))

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, the length of the longest row): that of the tensor that all rows together would be."""
        return len(self), int(self._lengths.max(initial=0))

    @property
    def lengths(self) -> Tensor:
        """Numbers in each row: (n,) int64."""
        return torch.from_numpy(self._lengths).to(self.device)

    @property
    def dtype(self) -> torch.dtype:
        """That of the values."""
        return self._values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self._values.device

    def is_floating_point(self) -> bool:
        """Whether the values are floating-point numbers."""
        return self._values.is_floating_point()

    def to(self, *args: Any, **kwargs: Any) -> Ragged:
        """The same rows on another device or of another dtype, as `torch.Tensor.to` has it."""
        return self._with(self._values.to(*args, **kwargs), self._starts, self._lengths)

    def subset(self, rows: Tensor | np.ndarray | slice) -> Ragged:
        """The rows of these indices, in their order, over the same values: nothing is read or copied."""
        at = rows.cpu().numpy() if isinstance(rows, Tensor) else rows
        return self._with(self._values, self._starts[at], self._lengths[at])

    def __getitem__(self, rows: Tensor | np.ndarray | slice) -> Tensor:
        """The rows of a slice, of indices (m,) or of a mask (n,), as one tensor (m, longest of them)."""
        taken = self.subset(rows)
        spans = zip(taken._starts.tolist(), taken._lengths.tolist(), strict=True)
        parts = [self._values[start : start + length] for start, length in spans]
        return pad_sequence(parts, batch_first=True, padding_value=END) if parts else self._values.new_empty(0, 0)

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """The rows of these indices (m,), in their order, as one tensor (m, longest of them).

        Raises:
            ShapeError: along another axis than 0.
        """
        if dim != 0:
            raise ShapeError(f"rows of unequal length are taken along axis 0, not {dim}")
        return self[rows]

    def _with(self, values: Tensor, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        other = object.__new__(Ragged)
        other._values, other._starts, other._lengths = values, starts, lengths
        return other


def is_ragged(x: object) -> bool:
    """Whether x are rows of unequal length, where a tensor is looked for as a rule."""
    return isinstance(x, Ragged)


def rows_of(x: Any, rows: Tensor | np.ndarray | slice) -> Any:
    """Some rows of a tensor or a `Ragged`, kept as x is."""
    return x.subset(rows) if isinstance(x, Ragged) else x[rows]


def lengths(x: Tensor | Ragged) -> Tensor:
    """Count what comes before `END` in each row of x (…, L): (…) int64.

    Example:
        >>> import torch
        >>> lengths(torch.tensor([[5, 6, END], [7, END, END], [0, 0, 0]])).tolist()
        [2, 1, 3]
    """
    return x.lengths if isinstance(x, Ragged) else (x != END).sum(-1)


def end(eta: Tensor, frames: Tensor) -> Tensor:
    """Write certain blanks to what comes after the first ``frames`` (n,) frames of η (…, n, T, K), in place; return η.

    Example:
        >>> import torch
        >>> end(torch.ones(1, 2, 3), torch.tensor([1])).tolist()
        [[[1.0, 1.0, 1.0], [0.0, -inf, -inf]]]
    """
    over = torch.arange(eta.shape[-2], device=eta.device) >= frames[:, None]
    eta.masked_fill_(over[..., None], -math.inf)
    eta[..., 0].masked_fill_(over, 0.0)
    return eta


def frames(eta: Tensor) -> Tensor:
    """Count the frames of η (…, n, T, K) before the certain blanks at its end: (…, n) int64.

    Example:
        >>> import torch
        >>> frames(end(torch.ones(2, 4, 3), torch.tensor([3, 4]))).tolist()
        [3, 4]
    """
    going = (eta[..., 0] != 0) | (eta[..., 1:] != -math.inf).any(-1)
    return (going * torch.arange(1, eta.shape[-2] + 1, device=eta.device)).amax(-1)


def without_ends(eta: Tensor) -> Tensor:
    """η (…, n, T, K) with 0 for the −∞ of the certain blanks at its end, which are there on purpose.

    Example:
        >>> import torch
        >>> without_ends(end(torch.ones(1, 2, 3), torch.tensor([1]))).tolist()
        [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    over = torch.arange(eta.shape[-2], device=eta.device) >= frames(eta)[..., None]
    return eta.masked_fill(over[..., None], 0.0)


def _shared(values: Tensor | np.ndarray) -> Tensor:
    """A tensor on the same memory, which is never written to: a file may be mapped for reading alone."""
    if isinstance(values, Tensor):
        return values
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(values)
