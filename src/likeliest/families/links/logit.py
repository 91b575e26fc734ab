"""The logit, the canonical link: native in both precisions, for it is the link of every classifier."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from likeliest.families.links.base import Link, Pair, shared


@final
class Logit(Link):
    """The canonical link: log-odds."""

    name = "logit"
    formula = "σ(η) = 1/(1 + e^(−η))"
    source = "Cox (1958)"

    def log_tails(self, eta: Tensor) -> Pair:
        """Return log σ(η) and log σ(−η)."""
        return logsigmoid(eta), logsigmoid(-eta)

    def slopes(self, eta: Tensor) -> Pair:
        """Return q and −p."""
        p, q = self.tails(eta)
        return q, -p

    def curvatures(self, eta: Tensor) -> Pair:
        """Return p q, twice."""
        information = self.information(eta)
        return information, information

    def tails(self, eta: Tensor) -> Pair:
        """Return σ(η) and σ(−η)."""
        if _is_moderate(eta):
            return torch.sigmoid(eta), torch.sigmoid(-eta)
        return _far_sigmoid(eta), _far_sigmoid(-eta)

    def inverse(self, p: Tensor, q: Tensor) -> Tensor:
        """Return log p − log q."""
        return p.log() - q.log()

    def rise(self, eta: Tensor) -> Tensor:
        """Return ½ tanh(η/2)."""
        return 0.5 * torch.tanh(0.5 * eta)

    def log_prob(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y log p + (1 − y) log q: on the line between them where both are finite."""
        success, failure = self.log_tails(eta)
        if _is_moderate(eta):
            return torch.lerp(failure, success, y)
        return shared(y, 1 - y, (success, failure))

    def score(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return y − p: on the line from −p at y = 0 to q at y = 1, both of them exact in the tails."""
        success, failure = self.slopes(eta)
        return torch.lerp(failure, success, y)

    def observed(self, eta: Tensor, y: Tensor) -> Tensor:
        """Return p q, whatever y is."""
        return self.information(eta)

    def information(self, eta: Tensor) -> Tensor:
        """Return p q."""
        p, q = self.tails(eta)
        return p * q


def _is_moderate(eta: Tensor) -> bool:
    """Whether e^|η| is finite everywhere; where it is not, torch.sigmoid returns 0 for a small number."""
    if not eta.numel():
        return True
    low, high = torch.aminmax(eta.detach())
    return max(-float(low), float(high)) <= math.log(torch.finfo(eta.dtype).max)


def _far_sigmoid(eta: Tensor) -> Tensor:
    return torch.where(eta < -40, torch.exp(eta), torch.sigmoid(eta))
