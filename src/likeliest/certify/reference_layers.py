"""Every layer once more, by plain formulas and torch's own functions: what autograd differentiates, without a draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import singledispatch

import torch
from torch import Tensor

from likeliest.predictors import layers
from likeliest.predictors.layers import Layer
from likeliest.predictors.layers.shaping import WHITE

Parts = Mapping[str, Tensor]
"""Parts by the names that their predictor gives them."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "gelu": lambda z: 0.5 * z * (1 + torch.erf(z / math.sqrt(2))),
}


@singledispatch
def reference_output(layer: Layer, path: str, parts: Parts, x: Tensor) -> Tensor:
    """What the layer of that name gives for x (n, …).

    Raises:
        NotImplementedError: it has no plain formula here.
    """
    raise NotImplementedError(layer.kind)


def has_reference(layer: Layer) -> bool:
    """Whether all leaves of a layer have a plain formula."""
    unknown = reference_output.dispatch(object)
    return all(reference_output.dispatch(type(leaf)) is not unknown for _, leaf in layer.leaves(""))


@reference_output.register
def _(layer: layers.Sequential, path: str, parts: Parts, x: Tensor) -> Tensor:
    for name, inner in layer.layers.items():
        x = reference_output(inner, f"{path}.{name}" if path else name, parts, x)
    return x


@reference_output.register
def _(layer: layers.Residual, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x + reference_output(layer.inner, path, parts, x)


@reference_output.register
def _(layer: layers.Dense, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x @ parts[f"{path}.weight"] + parts[f"{path}.bias"]


@reference_output.register
def _(layer: layers.Activation, path: str, parts: Parts, x: Tensor) -> Tensor:
    return _ACTIVATIONS[layer.name](x)


@reference_output.register
def _(layer: layers.Dropout, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x


@reference_output.register
def _(layer: layers.BatchNorm, path: str, parts: Parts, x: Tensor) -> Tensor:
    over = 0 if x.ndim == 3 else x.ndim - 2  # sequences (n, T, C) have their channels last
    scale, shift, mean, variance = (
        parts[f"{path}.{name}"][:, *[None] * over] for name in ("scale", "shift", "mean", "variance")
    )
    return scale * (x - mean) / torch.sqrt(variance + layer.eps) + shift


@reference_output.register
def _(layer: layers.Conv2d, path: str, parts: Parts, x: Tensor) -> Tensor:
    weight = parts[f"{path}.weight"].permute(0, 3, 1, 2)
    padding = layer.size // 2 if layer.padding is None else layer.padding
    return torch.nn.functional.conv2d(x, weight, None, layer.stride, padding)


@reference_output.register
def _(layer: layers.MaxPool, path: str, parts: Parts, x: Tensor) -> Tensor:
    return torch.nn.functional.max_pool2d(x, layer.size)


@reference_output.register
def _(layer: layers.GlobalPool, path: str, parts: Parts, x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return flat.max(-1).values if layer.by == "max" else flat.mean(-1)


@reference_output.register
def _(layer: layers.Flatten, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x.flatten(1)


@reference_output.register
def _(layer: layers.Normalise, path: str, parts: Parts, x: Tensor) -> Tensor:
    mean, scale = (x.new_tensor(values) for values in (layer.mean, layer.scale))
    return ((x / WHITE - mean) / scale).permute(0, 3, 1, 2)
