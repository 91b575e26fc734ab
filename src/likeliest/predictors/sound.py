"""A small convolutional net for single words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Self

from likeliest.errors import SpecificationError
from likeliest.predictors.compute import Compute
from likeliest.predictors.layered import Layered
from likeliest.predictors.layers import (
    Activation,
    AsPicture,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Layer,
    LogMel,
    Masking,
    MeanMaxPool,
    Sequential,
)

GAIN = 1 / 3
"""Weights before a batch norm start as small as torch's own defaults; see `ResidualNet`."""
STEM = 5
"""The first window, which is as wide as a formant is seen at a hop of 10 ms."""

Settings = Mapping[str, Any] | None


def spectral(rate: int, bins: int, features: Settings, masking: Settings) -> dict[str, Layer]:
    """Samples as a picture of time and mel bins, some of it hidden under a draw."""
    return {
        "features": LogMel(rate, bins=bins, **(features or {})),
        "masking": Masking(**(masking or {})),
        "picture": AsPicture(),
    }


def stages(channels: Sequence[int], activation: str, halvings: int) -> dict[str, Layer]:
    """For each width two convolutions, the first of which halves frequency, and time so many times."""
    found: dict[str, Layer] = {}
    for i, (inputs, width) in enumerate(itertools.pairwise((1, *channels))):
        halved = Conv2d(inputs, width, 3 if i else STEM, (2 if i < halvings else 1, 2), gain=GAIN)
        convs = (halved, Conv2d(width, width, gain=GAIN))
        layers: dict[str, Layer] = {}
        for k, conv in enumerate(convs, 1):
            layers |= {f"conv{k}": conv, f"norm{k}": BatchNorm(width), f"activation{k}": Activation(activation)}
        found[f"stage{i + 1}"] = Sequential(layers)
    return found


def plain(settings: Settings) -> dict[str, Any] | None:
    """Settings as JSON has them."""
    return None if settings is None else dict(settings)


class SoundNet(Layered):
    """η (n, K) of single words: recordings (n, L) of one length, samples on the scale of 16 bits.

    `LogMel` makes a picture of time and frequency of each, and `Masking` hides some of it in training. For each width
    there is a stage of two convolutions with batch norm and activation, the first with stride 2. The mean and the
    largest number of each channel go through dropout to a dense layer. Convolutions are 3 × 3, the first 5 × 5.

    Args:
        rate: samples a second.
        samples: L.
        outputs: K, columns of η.
        channels: widths of the stages.
        bins: of `LogMel`.
        activation: one of ``ACTIVATIONS``.
        dropout: rate before the dense layer.
        features: further settings of `LogMel`, by name.
        masking: settings of `Masking`, by name.
        compute: see `Layered`.

    Raises:
        SpecificationError: no samples, widths or outputs; what `LogMel` and `Masking` refuse.

    Example:
        >>> import likeliest as lk
        >>> net = lk.SoundNet(8000, 5600, 10)
        >>> net.size, net.flops
        (290858, 54974000)
    """

    def __init__(
        self,
        rate: int,
        samples: int,
        outputs: int,
        *,
        channels: Sequence[int] = (32, 64, 128),
        bins: int = 40,
        activation: str = "relu",
        dropout: float = 0.3,
        features: Settings = None,
        masking: Settings = None,
        compute: Compute = None,
    ) -> None:
        if not channels or min(rate, samples, outputs, *channels) < 1:
            raise SpecificationError(
                "a SoundNet needs a rate, samples, outputs and widths of 1 or more; found "
                f"{rate}, {samples}, {outputs} and {tuple(channels)}"
            )
        self.rate = rate
        self.settings: dict[str, Any] = {
            "channels": list(channels),
            "bins": bins,
            "activation": activation,
            "dropout": dropout,
            "features": plain(features),
            "masking": plain(masking),
        }
        layers = spectral(rate, bins, features, masking) | stages(channels, activation, len(channels))
        layers |= {"pool": MeanMaxPool(), "dropout": Dropout(dropout), "head": Dense(2 * channels[-1], outputs, GAIN)}
        super().__init__((samples,), layers, compute=compute)

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        given = {"rate": self.rate, "samples": self.shape[0], "outputs": self.outputs, "compute": self.compute}
        return {"kind": "sound_net", **given, **self.settings}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**{k: v for k, v in values.items() if k != "kind"})
