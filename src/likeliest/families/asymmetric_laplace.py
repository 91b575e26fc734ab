"""The asymmetric Laplace family: quantile regression as maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

from likeliest.errors import SpecificationError
from likeliest.families.laplace import TwoSidedExponential


@final
@dataclass(frozen=True)
class AsymmetricLaplace(TwoSidedExponential):
    """y ∈ ℝ whose quantile of level τ is q, with scale e^s in the unit of y; η = (q, s), two columns that broadcast.

    Its −log p is the pinball loss ρ_τ(z) = z(τ − [z < 0]), but for s − log τ(1 − τ): its maximum likelihood is quantile
    regression. At the ends, and on the kink:

    ==========  ===========  ===================  ===========================
    q           s            log p                score
    ==========  ===========  ===================  ===========================
    +inf        finite       −inf                 (−(1 − τ) e^(−s), +inf)
    −inf        finite       −inf                 (τ e^(−s), +inf)
    y           finite       log τ(1 − τ) − s     ((τ − ½) e^(−s), −1)
    y           −inf         +inf                 (±inf, or 0 if τ = ½, −1)
    not y       −inf         −inf                 (±inf, +inf)
    finite      +inf         −inf                 (0, −1)
    ==========  ===========  ===================  ===========================

    Args:
        level: τ, between 0 and 1; ½ is the median.

    Raises:
        SpecificationError: the level is not between 0 and 1.

    Source: Koenker and Bassett (1978), Regression quantiles; Yu and Moyeed (2001), Bayesian quantile regression.

    Example:
        >>> import torch
        >>> family, eta, y = AsymmetricLaplace(0.75), (torch.zeros(2), torch.zeros(1)), torch.tensor([1.0, -1.0])
        >>> family.log_prob(eta, y).tolist(), family.score(eta, y)[0].tolist()
        ([-2.423976421356201, -1.9239764213562012], [0.75, -0.25])
    """

    level: float = 0.5

    name = "asymmetric_laplace"
    columns = ("quantile", "log_scale")
    formula = "p(y|q, s) = τ(1 − τ) e^(−ρ(z)) / e^s, ρ(z) = z(τ − [z < 0]), z = (y − q) e^(−s)"
    log_prob_formula = "log p(y|q, s) = log τ(1 − τ) − s − ρ(z), ρ(z) = z(τ − [z < 0]), z = (y − q) e^(−s)"
    mean_formula = "E[y] = q + e^s (1 − 2τ)/(τ(1 − τ))"
    score_formula = "((τ − [z < 0]) e^(−s), ρ(z) − 1), z = (y − q) e^(−s)"
    source = "Koenker & Bassett (1978); Yu & Moyeed (2001)"

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise SpecificationError(
                f"asymmetric_laplace: level must be between 0 and 1, found {self.level!r}; 0.5 is the median"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The level."""
        return {"level": self.level}

    @property
    def slopes(self) -> tuple[float, float]:
        """(τ, 1 − τ)."""
        return self.level, 1 - self.level

    @property
    def log_constant(self) -> float:
        """Return log τ(1 − τ)."""
        return math.log(self.level) + math.log1p(-self.level)
