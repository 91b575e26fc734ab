"""Layers along time once more, by plain formulas: rows that end before others are taken one by one, as if alone."""

from __future__ import annotations

from functools import singledispatch

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from likeliest.certify.reference_layers import Parts, reference_output
from likeliest.predictors import layers
from likeliest.predictors.layers import Frames, Layer


@singledispatch
def reference_along(layer: Layer, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    """What the layer of that name gives for sequences x (n, T, …) or (n, C, T, F) of which so many frames are there."""
    return reference_output(layer, path, parts, x)


@reference_along.register
def _(layer: layers.Sequential, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    for name, inner in layer.layers.items():
        x = reference_along(inner, f"{path}.{name}" if path else name, parts, x, frames)
        frames = frames.after(inner)
    return x


@reference_along.register
def _(layer: layers.Residual, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    return x + reference_along(layer.inner, path, parts, x, frames)


@reference_along.register(layers.Conv2d)
@reference_along.register(layers.DepthwiseConv)
@reference_along.register(layers.GRU)
def _(layer: Layer, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    time = 2 if x.ndim == 4 else 1
    alone = [
        reference_output(layer, path, parts, row[None].narrow(time, 0, length))
        for row, length in zip(x, frames.lengths.tolist(), strict=True)
    ]
    longest = frames.after(layer).longest
    return torch.cat([pad(y, (0, 0, 0, longest - y.shape[time])) for y in alone])


@reference_along.register
def _(layer: layers.MeanMaxPool, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    rows = zip(x, frames.lengths.tolist(), strict=True)
    return torch.cat([reference_output(layer, path, parts, row[None, :, :length]) for row, length in rows])


@reference_along.register
def _(layer: layers.Ending, path: str, parts: Parts, x: Tensor, frames: Frames) -> Tensor:
    blank = torch.full_like(x, -torch.inf)
    blank[..., 0] = 0.0
    return x if frames.ended is None else torch.where(frames.ended[..., None], blank, x)


@reference_output.register(layers.LogMel)
@reference_output.register(layers.Masking)
def _(layer: Layer, path: str, parts: Parts, x: Tensor) -> Tensor:
    return layer.forward([], x, None)[0]  # nothing is learnt in them, nor in front of them


@reference_output.register
def _(layer: layers.DepthwiseConv, path: str, parts: Parts, x: Tensor) -> Tensor:
    weight, margin = parts[f"{path}.weight"].mT[:, None], layer.dilation * (layer.size // 2)
    return conv1d(x.mT, weight, None, layer.stride, margin, layer.dilation, layer.channels).mT


@reference_output.register
def _(layer: layers.GRU, path: str, parts: Parts, x: Tensor) -> Tensor:
    def one_way(d: int, x: Tensor) -> list[Tensor]:
        names = ("input_weight", "state_weight", "bias", "state_bias")
        v, u, b, c = (parts[f"{path}.{name}"][d] for name in names)
        state, states = x.new_zeros(len(x), layer.states), []
        for frame in x.unbind(1):
            given, before = (frame @ v + b).chunk(3, -1), (state @ u).chunk(3, -1)
            r, z = torch.sigmoid(given[0] + before[0]), torch.sigmoid(given[1] + before[1])
            g = torch.tanh(given[2] + r * (before[2] + c))
            state = (1 - z) * g + z * state
            states.append(state)
        return states

    ways = [torch.stack(one_way(0, x), 1)]
    if layer.both_ways:
        ways.append(torch.stack(one_way(1, x.flip(1))[::-1], 1))
    return torch.cat(ways, -1)


@reference_output.register
def _(layer: layers.MeanMaxPool, path: str, parts: Parts, x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return torch.cat((flat.mean(-1), flat.max(-1).values), -1)


@reference_output.register
def _(layer: layers.PoolBins, path: str, parts: Parts, x: Tensor) -> Tensor:
    return torch.cat((x.mean(-1), x.max(-1).values), 1).mT


@reference_output.register
def _(layer: layers.AsPicture, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x.unsqueeze(1)


@reference_output.register
def _(layer: layers.AsSequence, path: str, parts: Parts, x: Tensor) -> Tensor:
    return torch.einsum("nctf->ntfc", x).flatten(2)


@reference_output.register
def _(layer: layers.InFrames, path: str, parts: Parts, x: Tensor) -> Tensor:
    return torch.stack(x.split(layer.width, 1), 1)


@reference_output.register
def _(layer: layers.Ending, path: str, parts: Parts, x: Tensor) -> Tensor:
    return x
