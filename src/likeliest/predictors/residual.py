"""A small residual convolutional net for pictures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, Self

from likeliest.errors import SpecificationError
from likeliest.predictors.compute import Compute
from likeliest.predictors.layered import Layered
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

_GAIN = 1 / 3
_SMALLEST = 2
"""No side is pooled to less."""


class ResidualNet(Layered):
    """η of pictures (n, H, W, C), bytes or numbers from 0 to 255: convolutions in stages, each half the size before.

    A stem of ``channels[0]``; then for each further width a stage: convolution to that width, max pooling by 2 while
    the sides stay at 2 or more, batch norm, activation, and ``blocks`` residual blocks of two convolutions; then global
    pooling, dropout and a dense layer. Convolutions are 3 × 3 and have no intercept, for batch norm brings one.

    Weights start normal with variance 1 / (3 fan-in), as small as torch's own defaults: batch norm takes the scale of a
    convolution out again, and the smaller its weights are, the farther the first steps turn them.

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
        >>> net = lk.ResidualNet((28, 28, 1), 10, channels=(16, 32, 64, 128))
        >>> net.size, net.flops
        (488026, 41663488)
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        channels: Sequence[int] = (16, 32, 64, 128),
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

        def convolved(inputs: int, width: int, pooled: bool = False) -> dict[str, Layer]:
            # Pooled first, so that batch norm and activation have a quarter of the work.
            pooling: dict[str, Layer] = {"pool": MaxPool(2)} if pooled else {}
            conv: dict[str, Layer] = {"conv": Conv2d(inputs, width, gain=_GAIN)}
            return conv | pooling | {"norm": BatchNorm(width), "activation": Activation(activation)}

        layers: dict[str, Layer] = {
            "pixels": Normalise(mean, scale),
            "stem": Sequential(convolved(shape[-1], channels[0])),
        }
        side = min(shape[:2])
        for stage, (inputs, width) in enumerate(itertools.pairwise(channels), 1):
            pooled = side >= 2 * _SMALLEST
            side = side // 2 if pooled else side
            layers[f"stage{stage}"] = Sequential(convolved(inputs, width, pooled))
            for block in range(1, blocks + 1):
                twice = {f"{kind}{i}": layer for i in (1, 2) for kind, layer in convolved(width, width).items()}
                layers[f"block{stage}" if blocks == 1 else f"block{stage}_{block}"] = Residual(twice)
        layers |= {"pool": GlobalPool(pool), "dropout": Dropout(dropout), "head": Dense(channels[-1], outputs, _GAIN)}
        super().__init__(shape, layers, compute=compute)

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        given = {"shape": list(self.shape), "outputs": self.outputs, "compute": self.compute}
        return {"kind": "residual_net", **given, **self.settings}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**{k: v for k, v in values.items() if k != "kind"})
