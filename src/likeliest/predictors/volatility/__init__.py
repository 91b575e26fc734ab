"""Predictors of a series' mean and volatility, one step ahead."""

from likeliest.predictors.volatility.base import ConditionalVolatility
from likeliest.predictors.volatility.egarch import ExponentialGarch
from likeliest.predictors.volatility.linear_variance import LinearVariance, Term
from likeliest.predictors.volatility.named import egarch, ewma, garch, har, presample_variance

__all__ = [
    "ConditionalVolatility",
    "ExponentialGarch",
    "LinearVariance",
    "Term",
    "egarch",
    "ewma",
    "garch",
    "har",
    "presample_variance",
]
