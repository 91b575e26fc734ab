"""scikit-learn facades: the constructor stores, ``fit`` validates, and a bad verdict becomes a named warning."""

from __future__ import annotations

from likeliest.estimators.linear import GLMRegressor, LinearRegression, LogisticRegression
from likeliest.estimators.nets import NetClassifier, NetRegressor

__all__ = ["GLMRegressor", "LinearRegression", "LogisticRegression", "NetClassifier", "NetRegressor"]
