"""Spectrograms as pictures, for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.numerics.mel import hertz_to_mel, mel_edges, mel_to_hertz
from likeliest.predictors.layers import LogMel
from likeliest.tasks.shots import png

if TYPE_CHECKING:
    from likeliest.report.schema import Spectrogram

BINS, HOP, LOW = 40, 0.005, 60.0
"""Rows, seconds from one column to the next, and the lowest filter's lower edge in hertz."""
RANGE = 12.0
"""Nepers of power from the loudest to what is drawn white: 52 decibels."""
SHADES = 32
"""Fewer than a byte has: the eye tells no more apart here, and the file is half as long."""


def spectrogram(samples: NDArray[np.int16], rate: int, start: float = 0.0) -> Spectrogram:
    """Draw the log-mel power of one recording, the louder the darker.

    Args:
        samples: (L,) of one recording or of a stretch of it, on the scale of 16 bits.
        rate: samples a second.
        start: seconds of the recording before the stretch.
    """
    layer = LogMel(rate, hop=HOP, bins=BINS, low=LOW, normalise="none")
    z = np.asarray(layer.forward((), torch.from_numpy(samples.astype(np.float32))[None], None)[0][0])
    edges = hertz_to_mel(mel_edges(BINS, LOW, rate / 2))
    low, high = (float(mel_to_hertz((edges[i] + edges[i + 1]) / 2)) for i in (0, -2))
    return {
        "png": png(_grey(z).T[::-1, :, None].copy()),
        "extent": [start - HOP / 2, start + (len(z) - 0.5) * HOP],
        "hertz": [low, high],
    }


def _grey(z: NDArray[Any]) -> NDArray[np.uint8]:
    """Logarithms of power as shades: black where it is largest, white RANGE below and less."""
    share = np.clip(1 + (z - z.max()) / RANGE, 0, 1)
    grey: NDArray[np.uint8] = (255 - np.rint(share * (SHADES - 1)) * (255 // (SHADES - 1))).astype(np.uint8)
    return grey
