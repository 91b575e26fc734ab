"""The coefficients of a variance recursion, ≥ 0 and stationary whatever the numbers are that they are made from.

    h_t = ω + Σ_k c_k d_k(t) + Σ_j b_j h_{t−j}

Shocks that the series itself makes and the variances of days before come back into h. A share w_k c_k of what a shock
adds is expected to come back, w = 1 where it counts every day and ½ where it counts gains or losses alone. With
s = Σ w_k c_k + Σ b_j < 1 the variance is stationary. So θ holds log ω, the logit of s, and logits of how s is shared,
the last of which is 0. What is measured outside the recursion needs c ≥ 0 alone and has its logarithm in θ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Coefficients:
    """The map from θ (…, P) to (ω, c of shocks, c of measures, b), (…, 1 + shocks + measures + feedback).

    Args:
        halves: for each shock whether it counts gains or losses alone, which half of the days are.
        measures: how many c belong to what is measured outside.
        feedback: q, how many variances of days before come back.
        integrated: s = 1 and ω = 0, as in exponential smoothing; θ then holds the shares alone.
    """

    halves: tuple[bool, ...]
    measures: int = 0
    feedback: int = 0
    integrated: bool = False

    @property
    def shared(self) -> int:
        """Among how many the persistence s is shared."""
        return len(self.halves) + self.feedback

    @property
    def parts(self) -> dict[str, int]:
        """The parts of θ and their sizes, in order."""
        sizes = {
            "log_intercept": 0 if self.integrated else 1,
            "persistence": 0 if self.integrated or not self.shared else 1,
            "shares": max(self.shared - 1, 0),
            "log_weights": self.measures,
        }
        return {name: size for name, size in sizes.items() if size}

    @property
    def size(self) -> int:
        """P."""
        return sum(self.parts.values())

    def start(self, level: float, persistence: float = 0.97, feedback: float = 0.9) -> Tensor:
        """θ (P,) of a variance around a level, with this s, of which feedback has this share.

        By default it moves as daily returns of markets mostly do.
        """
        shocks, q = len(self.halves), self.feedback
        share = torch.full((shocks,), (1 - feedback * bool(q)) / max(shocks, 1), dtype=torch.float64)
        shares = torch.cat((share, share.new_full((q,), (feedback if shocks else 1) / max(q, 1))))
        pieces = {
            "log_intercept": share.new_tensor([level * (1 - persistence)]).log(),
            "persistence": torch.logit(share.new_tensor([persistence])),
            "shares": (shares[:-1] / shares[-1:]).log(),
            "log_weights": share.new_tensor([persistence / max(self.measures, 1)]).log().expand(self.measures),
        }
        return torch.cat([pieces[name] for name in self.parts])

    def values_and_jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients (…, C) and their derivatives (…, C, P).

        With g the shares, c = s g / w: ∂c_i/∂logit s = c_i (1 − s), ∂c_i/∂v_j = c_i (δ_ij − g_j). NumPy is quicker than
        torch where numbers are few.
        """
        given = theta.numpy(force=True)
        values = np.zeros((*given.shape[:-1], 1 + self.shared + self.measures), given.dtype)
        jacobian = np.zeros((*values.shape, given.shape[-1]), given.dtype)
        at = 0
        if not self.integrated:
            values[..., 0] = jacobian[..., 0, 0] = _exp(given[..., 0])
            at = 1
        if self.shared:
            at = self._share(given, at, values, jacobian)
        for k in range(self.measures):
            row = 1 + len(self.halves) + k
            values[..., row] = jacobian[..., row, at + k] = _exp(given[..., at + k])
        return torch.from_numpy(values).to(theta.device), torch.from_numpy(jacobian).to(theta.device)

    def _share(self, theta: Array, at: int, values: Array, jacobian: Array) -> int:
        """Write the coefficients that come back; return where in θ the next part begins."""
        first = at if self.integrated else at + 1
        end = first + self.shared - 1
        own = _softmax(theta[..., first:end])
        scaled = own * self._multiples
        rows = self.rows
        if not self.integrated:
            scaled = scaled * scipy.special.expit(theta[..., at : at + 1])
            jacobian[..., rows, at] = scaled * scipy.special.expit(-theta[..., at : at + 1])
        values[..., rows] = scaled
        jacobian[..., rows, first:end] = scaled[..., :, None] * (self._diagonal - own[..., None, :-1])
        return end

    @cached_property
    def _multiples(self) -> Array:
        """1/w of what comes back."""
        return np.array([2.0 if half else 1.0 for half in self.halves] + [1.0] * self.feedback)

    @cached_property
    def _diagonal(self) -> Array:
        """δ_ij, without the last share, which has no logit."""
        return np.eye(self.shared, self.shared - 1)

    def persistence(self, values: Tensor) -> float:
        """S of coefficients (C,)."""
        halved = values.new_tensor([0.5 if half else 1.0 for half in self.halves] + [1.0] * self.feedback)
        return float(values[self.rows] @ halved)

    @cached_property
    def rows(self) -> slice | list[int]:
        """Where the coefficients that come back stand among all: a slice, unless measures stand between them."""
        shocks = len(self.halves)
        if not self.measures:
            return slice(1, 1 + self.shared)
        return [*range(1, 1 + shocks), *range(1 + shocks + self.measures, 1 + self.measures + self.shared)]


def _exp(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(values)


def _softmax(logits: Array) -> Array:
    """Shares of logits (…, k) and of one more that is 0: (…, k + 1)."""
    padded = np.concatenate((logits, np.zeros((*logits.shape[:-1], 1), logits.dtype)), -1)
    powers = np.exp(padded - padded.max(-1, keepdims=True))
    shares: Array = powers / powers.sum(-1, keepdims=True)
    return shares
