"""A small residual convolutional net for pictures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, Self

from likeliest.errors import SpecificationError
from likeliest.predictors.layered import Compute, Layered
from likeliest.predictors.layers import (
    Activation,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    GlobalPool,
    Layer,
    MaxPool,
    Normalise,
    Residual,
    Sequential,
)


class ResidualNet(Layered):
    """η of pictures (n, H, W, C), bytes or numbers from 0 to 255: convolutions in stages, each half the size before.

    A stem of ``channels[0]``; then for each further width a stage: convolution to that width, batch norm, activation,
    max pooling by 2 while sides stay at 2 or more, and ``blocks`` residual blocks of two convolutions; then global
    pooling, dropout and a dense layer. Convolutions are 3 × 3 and have no intercept, for batch norm brings one. Weights
    start as He et al. (2015) derive.

    Args:
        shape: (H, W, C) of a picture.
        outputs: K, columns of η.
        channels: widths of the stem and of the stages.
        blocks: residual blocks to a stage.
        activation: one of ``ACTIVATIONS``.
        pool: global pooling by "max" or "mean".
        dropout: rate before the dense layer.
        mean: of each channel of the data on the scale from 0 to 1; None is 0.5.
        scale: of each channel on that scale; None is 0.25.
        compute: see `Layered`.

    Raises:
        SpecificationError: no picture's shape, or no widths.

    Example:
        >>> import likeliest as lk
        >>> net = lk.ResidualNet((28, 28, 1), 10, channels=(32, 64, 128))
        >>> net.size, net.flops
        (464810, 116059648)
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        channels: Sequence[int] = (32, 64, 128),
        blocks: int = 1,
        activation: str = "relu",
        pool: Literal["max", "mean"] = "max",
        dropout: float = 0.0,
        mean: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        compute: Compute = None,
    ) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise SpecificationError(
                f"a picture's shape is (height, width, channels), such as (28, 28, 1); found {shape}"
            )
        if not channels or min(channels) < 1 or outputs < 1 or blocks < 0:
            raise SpecificationError(
                f"a ResidualNet needs widths, outputs and blocks; found {channels}, {outputs} and {blocks}"
            )
        mean = list(mean) if mean is not None else [0.5] * shape[-1]
        scale = list(scale) if scale is not None else [0.25] * shape[-1]
        self.settings: dict[str, Any] = {
            "channels": list(channels),
            "blocks": blocks,
            "activation": activation,
            "pool": pool,
            "dropout": dropout,
            "mean": mean,
            "scale": scale,
        }

        def convolved(inputs: int, width: int) -> dict[str, Layer]:
            return {"conv": Conv2d(inputs, width), "norm": BatchNorm(width), "activation": Activation(activation)}

        layers: dict[str, Layer] = {
            "pixels": Normalise(mean, scale),
            "stem": Sequential(convolved(shape[-1], channels[0])),
        }
        side = min(shape[:2])
        for stage, (inputs, width) in enumerate(itertools.pairwise(channels), 1):
            layers[f"stage{stage}"] = Sequential(convolved(inputs, width))
            if side >= 4:
                layers[f"pool{stage}"], side = MaxPool(2), side // 2
            for block in range(1, blocks + 1):
                name = f"block{stage}" if blocks == 1 else f"block{stage}_{block}"
                twice = {f"{layer}{i}": made for i in (1, 2) for layer, made in convolved(width, width).items()}
                layers[name] = Residual(twice)
        layers |= {"pool": GlobalPool(pool), "dropout": Dropout(dropout), "head": Dense(channels[-1], outputs)}
        super().__init__(shape, layers, compute=compute)

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        given = {"shape": list(self.shape), "outputs": self.outputs, "compute": self.compute}
        return {"kind": "residual_net", **given, **self.settings}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**{k: v for k, v in values.items() if k != "kind"})
