"""The coefficients of a variance recursion, ≥ 0 and stationary whatever the numbers are that they are made from.

    h_t = ω + Σ_k c_k d_k(t) + Σ_j b_j h_{t−j}

Shocks that the series itself makes and the variances of days before come back into h. A share w_k c_k of what a shock
adds is expected to come back, w = 1 where it counts every day and ½ where it counts gains or losses alone. With
s = Σ w_k c_k + Σ b_j < 1 the variance is stationary. So θ holds log ω, the logit of s, and logits of how s is shared,
the last of which is 0. What is measured outside the recursion needs c ≥ 0 alone and has its logarithm in θ.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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

    def start(self, level: float) -> Tensor:
        """θ (P,) of a variance around a level that moves as daily returns of markets mostly do."""
        persistence, feedback = 0.97, 0.9
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

        With g the shares, c = s g / w: ∂c_i/∂logit s = c_i (1 − s), ∂c_i/∂v_j = c_i (δ_ij − g_j).
        """
        values = theta.new_zeros(*theta.shape[:-1], 1 + self.shared + self.measures)
        jacobian = values.new_zeros(*values.shape, theta.shape[-1])
        at = 0
        if not self.integrated:
            values[..., 0] = jacobian[..., 0, 0] = theta[..., 0].exp()
            at = 1
        if self.shared:
            at = self._share(theta, at, values, jacobian)
        for k in range(self.measures):
            row = 1 + len(self.halves) + k
            values[..., row] = jacobian[..., row, at + k] = theta[..., at + k].exp()
        return values, jacobian

    def _share(self, theta: Tensor, at: int, values: Tensor, jacobian: Tensor) -> int:
        """Write the coefficients that come back; return where in θ the next part begins."""
        first = at if self.integrated else at + 1
        end = first + self.shared - 1
        logits = torch.nn.functional.pad(theta[..., first:end], (0, 1))
        own = torch.softmax(logits, -1)
        scaled = own if self.integrated else own * theta[..., at : at + 1].sigmoid()
        if any(self.halves):
            scaled = scaled * scaled.new_tensor([2.0 if half else 1.0 for half in self.halves] + [1.0] * self.feedback)
        rows = self.rows
        values[..., rows] = scaled
        if not self.integrated:
            jacobian[..., rows, at] = scaled * (-theta[..., at : at + 1]).sigmoid()
        spread = torch.diag_embed(scaled)[..., :-1] - scaled[..., :, None] * own[..., None, :-1]
        jacobian[..., rows, first:end] = spread
        return end

    def persistence(self, values: Tensor) -> float:
        """S of coefficients (C,)."""
        halved = values.new_tensor([0.5 if half else 1.0 for half in self.halves] + [1.0] * self.feedback)
        return float(values[self.rows] @ halved)

    @property
    def rows(self) -> list[int]:
        """Where the coefficients that come back stand among all."""
        shocks = len(self.halves)
        return [*range(1, 1 + shocks), *range(1 + shocks + self.measures, 1 + self.measures + self.shared)]
