"""Chapters 2 and 3: the probability function and its gradient."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from likeliest.report.schema.common import Curve, Histogram


class Family(TypedDict):
    """The probability function p(y given η)."""

    name: str
    """Name in likeliest: "bernoulli", "categorical", "normal", "poisson"."""
    link: str
    """Name of the link from mean to η: "logit", "softmax", "identity", "log"."""
    reason: str
    """Why this family: "two classes, so each row is a biased coin", …"""
    log_prob: str
    """log p(y | η) as one line of Unicode text: "log p(y | η) = y·η − log(1 + e^η)"."""
    mean: str
    """The mean (or class probabilities) as one line: "μ = 1 / (1 + e^−η)"."""
    score: str
    """The score as one line: "∂ log p / ∂η = y − μ"."""


class Probability(TypedDict):
    """The plot of p, and where this data's rows stand on it.

    bernoulli: x is η and y is P(y = 1). categorical: x is the margin η_k − log Σ_{j≠k} exp η_j, for which
    p_k = 1 / (1 + exp(−x)) exactly. normal: x is the residual y − μ in the target's unit, y its density. poisson: x
    is η and y is the mean.
    """

    model: str
    """``Model.name`` of the model whose η is drawn (the recommended one)."""
    x_title: str
    """Title of the abscissa, with its unit."""
    y_title: str
    """Title of the ordinate."""
    curves: list[Curve]
    """The probability function, 60 to 200 points a line; one line as a rule."""
    histograms: list[Histogram]
    """This data's test rows on the same abscissa: one histogram a class (at most ten), or a single one."""
    explanation: NotRequired[str]
    """One or two sentences about this data: how many rows lie where the model is unsure, …"""


class GradientFormula(TypedDict):
    """The gradient of one model, as text."""

    model: str
    """``Model.name``."""
    steps: list[str]
    """One line of Unicode text a step, from η to ∂NLL/∂θ:
    ["η = X w + b", "∂NLL/∂η = (μ − y) / n", "∂NLL/∂w = Xᵀ(μ − y) / n + l2·w / n", …]; sizes may stand in them."""


class Gradient(TypedDict):
    """How the gradient is computed; ``Report.certificates`` says that it is right."""

    formulas: list[GradientFormula]
    """One a model with a certificate, in the same order."""
    rows: int
    """Rows on which gradients were compared."""
