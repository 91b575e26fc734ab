"""A small net for sequences: speech as characters or words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from likeliest.errors import SpecificationError
from likeliest.predictors.compute import Compute
from likeliest.predictors.layered import Layered
from likeliest.predictors.layers import (
    GRU,
    Activation,
    AsSequence,
    BatchNorm,
    Dense,
    DepthwiseConv,
    Dropout,
    Ending,
    Layer,
    PoolBins,
    Residual,
    Sequential,
)
from likeliest.predictors.sound import GAIN, Settings, plain, spectral, stages


class SpeechNet(Layered):
    """η (n, T, K) of recordings (n, L) of any length, samples on the scale of 16 bits and `sequences.END` after an end.

    `LogMel` makes a picture of time and frequency of each, and `Masking` hides some of it in training. For each width
    of ``channels`` there is a stage of two convolutions with batch norm and activation; the first halves frequency, and
    time until there is one frame for every ``stride``. The mean and the largest number of each channel over frequency
    make a frame, which a dense layer brings to ``width`` numbers, on which ``blocks`` residual blocks act: a depthwise
    convolution along time, a dense layer, batch norm, activation and dropout. A GRU both ways may follow, of
    ``recurrent`` states each, and a dense layer gives η of each frame. Frames after a recording's end are certain
    blanks: there are T = ⌈(1 + ⌊L / hop⌋) / stride⌉ before it, whatever stands beside it.

    Args:
        rate: samples a second.
        outputs: K, columns of η; column 0 is the blank.
        width: of the blocks.
        blocks: their number.
        size: frames of a block's window, odd.
        recurrent: states of the GRU in each direction; 0 is none.
        stride: frames of the features for one of η: 1, 2, 4, …, halved by each stage at most.
        channels: widths of the stages; convolutions are 3 × 3, the first 5 × 5.
        pooled: whether frequency is pooled; else all that the stages leave of it goes on.
        bins: of `LogMel`.
        activation: one of ``ACTIVATIONS``.
        dropout: rate at the end of each block, and before the last layer.
        features: further settings of `LogMel`, by name.
        masking: settings of `Masking`, by name.
        compute: see `Layered`.

    ``flops`` are those of a second of sound.

    Raises:
        SpecificationError: no widths or outputs, another stride; what `LogMel` and `Masking` refuse.

    Source: the blocks are those of Kriman et al. (2020), QuartzNet, the whole is in the line of Amodei et al. (2016),
    Deep Speech 2.

    Example:
        >>> import torch
        >>> import likeliest as lk
        >>> from likeliest import sequences
        >>> from likeliest.randomness import stream
        >>> net = lk.SpeechNet(8000, 11, width=16, blocks=1)
        >>> x = torch.zeros(2, 4000)
        >>> x[1, 1000:] = sequences.END
        >>> eta, _ = net.forward(net.init([stream(0, "init")])[0], x)
        >>> eta.shape, sequences.frames(eta).tolist()
        (torch.Size([2, 26, 11]), [26, 7])
    """

    def __init__(
        self,
        rate: int,
        outputs: int,
        *,
        width: int = 128,
        blocks: int = 4,
        size: int = 9,
        recurrent: int = 0,
        stride: int = 2,
        channels: Sequence[int] = (16, 32, 64),
        pooled: bool = True,
        bins: int = 40,
        activation: str = "relu",
        dropout: float = 0.1,
        features: Settings = None,
        masking: Settings = None,
        compute: Compute = None,
    ) -> None:
        if not channels or min(rate, outputs, width, *channels) < 1 or min(blocks, recurrent) < 0:
            raise SpecificationError(
                "a SpeechNet needs a rate, outputs and widths of 1 or more; found "
                f"{rate}, {outputs}, {width} and {tuple(channels)}, {blocks} blocks and {recurrent} states"
            )
        if stride not in (strides := [2**k for k in range(len(channels) + 1)]):
            raise SpecificationError(f"{len(channels)} stages make a stride of {strides}, not {stride}")
        self.rate = rate
        self.settings: dict[str, Any] = {
            "width": width,
            "blocks": blocks,
            "size": size,
            "recurrent": recurrent,
            "stride": stride,
            "channels": list(channels),
            "pooled": pooled,
            "bins": bins,
            "activation": activation,
            "dropout": dropout,
            "features": plain(features),
            "masking": plain(masking),
        }
        layers = spectral(rate, bins, features, masking) | stages(channels, activation, strides.index(stride))
        layers["sequence"] = PoolBins() if pooled else AsSequence()
        _, columns = Sequential(layers).shape_after((rate,))
        layers["in"] = Sequential(_framewise(columns, width, activation))
        for i in range(blocks):
            conv1d: dict[str, Layer] = {"time": DepthwiseConv(width, size)}
            layers[f"block{i + 1}"] = Residual(
                conv1d | _framewise(width, width, activation) | {"dropout": Dropout(dropout)}
            )
        if recurrent:
            layers |= {"recurrent": GRU(width, recurrent, both_ways=True), "dropout": Dropout(dropout)}
        head = Dense(2 * recurrent or width, outputs, GAIN)
        super().__init__((None,), layers | {"head": head, "end": Ending()}, nominal=rate, compute=compute)

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        given = {"rate": self.rate, "outputs": self.outputs, "compute": self.compute}
        return {"kind": "speech_net", **given, **self.settings}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**{k: v for k, v in values.items() if k != "kind"})


def _framewise(inputs: int, outputs: int, activation: str) -> dict[str, Layer]:
    """A dense layer for each frame, batch norm and an activation."""
    return {"dense": Dense(inputs, outputs, GAIN), "norm": BatchNorm(outputs), "activation": Activation(activation)}
