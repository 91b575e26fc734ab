"""Predictors without inputs: η's free constants (a scale, a shape, a tail) and its known ones."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from likeliest.interfaces import Draw
from likeliest.predictors.base import Predictor


class _InputFree(Predictor):
    """What predictors share whose η is the same in every row, and one row of their Jacobian; they need no tape."""

    linear = True

    @property
    def jacobian_widths(self) -> tuple[int, ...]:
        """One parameter a column, or none."""
        return (self.size // self.outputs,) * self.outputs

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """θ itself: x has no part in η."""
        return theta

    @property
    def has_intercepts(self) -> bool:
        """True: a shift of x changes nothing."""
        return True


class Constant(_InputFree):
    """One free number per column of η, the same in every row: a scale, a shape, a tail.

    Args:
        outputs: K.
        start: the value that a fit starts from.

    Example:
        >>> import likeliest as lk
        >>> lk.Columns(mean=lk.Linear(4), log_scale=lk.Constant()).size
        6
    """

    def __init__(self, outputs: int = 1, *, start: float = 0.0) -> None:
        self.outputs, self.start = outputs, start
        self._lay_out({"value": ((outputs,), False)})

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        return torch.full((self.size,), self.start, dtype=torch.float64)

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, None]:
        """Return η (…, 1, K), which broadcasts over rows."""
        return theta.unsqueeze(-2), None

    def affine_output(self, theta: Tensor, scale: float, shift: float) -> Tensor:
        """The value · scale + shift."""
        return theta * scale + shift

    def pullback(self, theta: Tensor, tape: None, u: Any, out: Tensor) -> None:
        """Write Σu."""
        torch.sum(u, -2, out=out) if out.is_contiguous() else out.copy_(u.sum(-2))

    def pushforward(self, theta: Tensor, tape: None, v: Tensor) -> Tensor:
        """Return v (…, 1, K) itself."""
        return v.unsqueeze(-2)

    def jacobian(self, theta: Tensor, tape: None) -> list[tuple[Tensor, Tensor]]:
        """A one for each column of η, (1, 1), which broadcasts over rows."""
        ones = theta.new_ones(1, 1)
        return [(ones, index) for index in torch.arange(self.outputs, device=theta.device).split(1)]

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {"kind": "constant", "outputs": self.outputs, "start": self.start}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(values["outputs"], start=values["start"])


class Fixed(_InputFree):
    """Columns of η that are known and not estimated, such as log σ = 0; it has no parameters.

    Example:
        >>> import likeliest as lk
        >>> lk.Columns(mean=lk.Linear(4), log_scale=lk.Fixed(0.0)).size
        5
    """

    def __init__(self, *values: float) -> None:
        self.values, self.outputs = values, len(values)
        self._lay_out({})

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, None]:
        """Return η (1, K), whatever θ and x are."""
        # Filled where θ is: copied from here, they would make an accelerator wait.
        return torch.cat([theta.new_full((1, 1), value) for value in self.values], -1), None

    def pullback(self, theta: Tensor, tape: None, u: Any, out: Tensor) -> None:
        """Write nothing: there is no θ to pull back to."""

    def pushforward(self, theta: Tensor, tape: None, v: Tensor) -> Tensor:
        """Return zeros."""
        return theta.new_zeros(1, self.outputs)

    def jacobian(self, theta: Tensor, tape: None) -> list[tuple[Tensor, Tensor]]:
        """Empty matrices (1, 0)."""
        nothing = torch.empty(0, dtype=torch.long, device=theta.device)
        return [(theta.new_empty(1, 0), nothing) for _ in range(self.outputs)]

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {"kind": "fixed", "values": list(self.values)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(*values["values"])
