"""Predictors: functions η = f(x; θ) with a pullback (Jᵀu) and a pushforward (Jv), on one flat θ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likeliest.errors import UnknownNameError
from likeliest.predictors import layers
from likeliest.predictors.base import Natural, Predictor, columns_of
from likeliest.predictors.columns import Columns
from likeliest.predictors.compute import preferred_compute
from likeliest.predictors.constant import Constant, Fixed
from likeliest.predictors.layered import Layered
from likeliest.predictors.layers import ACTIVATIONS
from likeliest.predictors.linear import Linear
from likeliest.predictors.mlp import MLP
from likeliest.predictors.module import Module
from likeliest.predictors.residual import ResidualNet
from likeliest.predictors.sound import SoundNet
from likeliest.predictors.speech import SpeechNet
from likeliest.predictors.volatility import (
    ConditionalVolatility,
    ExponentialGarch,
    LinearVariance,
    Term,
    egarch,
    ewma,
    garch,
    har,
)

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Columns",
    "ConditionalVolatility",
    "Constant",
    "ExponentialGarch",
    "Fixed",
    "Layered",
    "Linear",
    "LinearVariance",
    "Module",
    "Natural",
    "Predictor",
    "ResidualNet",
    "SoundNet",
    "SpeechNet",
    "Term",
    "columns_of",
    "egarch",
    "ewma",
    "from_json",
    "garch",
    "har",
    "layers",
    "preferred_compute",
]

_KINDS: dict[str, Callable[[dict[str, Any]], Predictor]] = {
    "linear": Linear.from_json,
    "mlp": MLP.from_json,
    "layered": Layered.from_json,
    "residual_net": ResidualNet.from_json,
    "sound_net": SoundNet.from_json,
    "speech_net": SpeechNet.from_json,
    "constant": Constant.from_json,
    "fixed": Fixed.from_json,
    "linear_variance": lambda values: LinearVariance.from_json(values, from_json(values["mean"])),
    "exponential_garch": lambda values: ExponentialGarch.from_json(values, from_json(values["mean"])),
}


def from_json(values: dict[str, Any]) -> Predictor:
    """Build a predictor from what its ``to_json`` returned.

    Raises:
        UnknownNameError: the kind is none of ours.
    """
    if values["kind"] == "columns":
        named = {name: from_json(v) for name, v in values["named"]}
        return Columns(*[from_json(v) for v in values["leading"]], **named)
    if values["kind"] not in _KINDS:
        raise UnknownNameError(f"no predictor of kind {values['kind']!r}; there are {', '.join(_KINDS)} and columns")
    return _KINDS[values["kind"]](values)
