"""θ as a certificate sees it: what is learnt moves, and the rest, such as a batch norm's averages, stays put."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from likeliest.interfaces import Part


class Learnt:
    """The learnt entries of a θ, side by side.

    Attributes:
        theta: those entries (q,).
        parts: where the learnt parts lie among them.
    """

    def __init__(self, theta: Tensor, parts: Mapping[str, Part]) -> None:
        self._whole = theta
        learnt = {name: part for name, part in parts.items() if part.learnt}
        self._index: Tensor | None = None
        self.theta, self.parts = theta, learnt
        if len(learnt) < len(parts):
            entries = torch.arange(len(theta))
            self._index = torch.cat([entries[part.slice] for part in learnt.values()])
            self.theta, self.parts = theta[self._index], {}
            at = 0
            for name, part in learnt.items():
                self.parts[name] = part._replace(start=at)
                at += part.size

    def among(self, points: Tensor) -> Tensor:
        """Points (…, q) as whole θ (…, P), with everything else where it was."""
        if self._index is None:
            return points
        whole = self._whole.repeat(*points.shape[:-1], 1) if points.ndim > 1 else self._whole.clone()
        whole[..., self._index] = points
        return whole

    def direction(self, v: Tensor) -> Tensor:
        """A direction (q,) as one of the whole θ (P,), 0 in everything else."""
        if self._index is None:
            return v
        whole = torch.zeros_like(self._whole)
        whole[self._index] = v
        return whole

    def only(self, whole: Tensor) -> Tensor:
        """The learnt entries of a gradient (P,), as a tensor of its own."""
        return whole.clone() if self._index is None else whole[self._index]
