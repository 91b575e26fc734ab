"""Layers: small differentiable functions with parts on θ, from which `Layered` composes a predictor."""

from __future__ import annotations

from typing import Any

from likeliest.errors import UnknownNameError
from likeliest.predictors.layers.activation import ACTIVATIONS, Activation
from likeliest.predictors.layers.base import Layer, PartShape
from likeliest.predictors.layers.composition import Residual, Sequential
from likeliest.predictors.layers.convolution import Conv2d, DepthwiseConv
from likeliest.predictors.layers.dense import Dense
from likeliest.predictors.layers.dropout import Dropout
from likeliest.predictors.layers.frames import Frames
from likeliest.predictors.layers.masking import Masking
from likeliest.predictors.layers.normalisation import BatchNorm
from likeliest.predictors.layers.pooling import GlobalPool, MaxPool, MeanMaxPool, PoolBins
from likeliest.predictors.layers.recurrent import GRU
from likeliest.predictors.layers.sequencing import AsPicture, AsSequence, Ending, InFrames
from likeliest.predictors.layers.shaping import Flatten, Normalise
from likeliest.predictors.layers.spectral import LogMel

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "Activation",
    "AsPicture",
    "AsSequence",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "Ending",
    "Flatten",
    "Frames",
    "GlobalPool",
    "InFrames",
    "Layer",
    "LogMel",
    "Masking",
    "MaxPool",
    "MeanMaxPool",
    "Normalise",
    "PartShape",
    "PoolBins",
    "Residual",
    "Sequential",
    "from_json",
]

_MADE_OF_LAYERS = {layer.kind: layer for layer in (Sequential, Residual)}
_LEAVES = {
    layer.kind: layer
    for layer in (
        GRU,
        Activation,
        AsPicture,
        AsSequence,
        InFrames,
        BatchNorm,
        Conv2d,
        Dense,
        DepthwiseConv,
        Dropout,
        Ending,
        Flatten,
        GlobalPool,
        LogMel,
        Masking,
        MaxPool,
        MeanMaxPool,
        Normalise,
        PoolBins,
    )
}


def from_json(values: dict[str, Any]) -> Layer:
    """Build a layer from what its ``to_json`` returned.

    Raises:
        UnknownNameError: there is no such layer.
    """
    kind, settings = values["layer"], {k: v for k, v in values.items() if k != "layer"}
    if kind in _MADE_OF_LAYERS:
        return _MADE_OF_LAYERS[kind]({name: from_json(v) for name, v in settings["layers"]})
    if kind not in _LEAVES:
        raise UnknownNameError(f"no layer {kind!r}; there are {', '.join((*_LEAVES, *_MADE_OF_LAYERS))}")
    layer: Layer = _LEAVES[kind](**settings)
    return layer
