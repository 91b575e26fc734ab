"""What a model looks at: a patch of the picture is painted over, place by place, and the model is asked again.

Of a clip of sound a stretch is silenced in the same way.

Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeliest.model import Model

_SHARE = 5
"""The patch's side is the shorter side over this."""
_STRIDES = 3
"""Steps from one patch to the next that does not overlap it, at most."""
_STEPS = 5
"""The same of stretches of sound."""


def patch_side(shape: tuple[int, int, int]) -> int:
    """The side of the patch for pictures of that height, width and channels."""
    return max(2, round(min(shape[:2]) / _SHARE))


def falls(model: Model, picture: NDArray[np.uint8], named: int) -> NDArray[np.float64]:
    """How log p of a class changes where a patch is hidden behind the colour of the picture's edge.

    Args:
        model: of pictures; its views and its calibrator are left aside, for they would blur the map.
        picture: bytes (H, W, C).
        named: index of the class.

    Returns:
        (H, W): for each pixel the mean change over the patches that hide it; below 0 where hiding makes the class less
        likely.
    """
    height, width, _ = picture.shape
    side = patch_side(picture.shape)
    stride = max(1, side // _STRIDES)
    corners = [(i, j) for i in _starts(height, side, stride) for j in _starts(width, side, stride)]
    hidden = np.repeat(picture[None], len(corners) + 1, axis=0)
    edge = np.concatenate((picture[0], picture[-1], picture[:, 0], picture[:, -1]))
    colour = np.rint(np.median(edge, axis=0)).astype(np.uint8)
    for place, (i, j) in enumerate(corners):
        hidden[place, i : i + side, j : j + side] = colour
    eta = model.eta_columns(hidden)
    log_p = eta[:, named] - np.logaddexp.reduce(eta, axis=1)
    total, times = np.zeros((height, width)), np.zeros((height, width))
    for (i, j), change in zip(corners, log_p[:-1] - log_p[-1], strict=True):
        total[i : i + side, j : j + side] += change
        times[i : i + side, j : j + side] += 1
    mean: NDArray[np.float64] = total / times
    return mean


def silenced(
    model: Model, clips: NDArray[np.int16], named: NDArray[np.int64], stretch: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How log p of a class changes where a stretch of a clip is replaced by zeros.

    Args:
        model: of clips; its calibrator is left aside.
        clips: (n, S).
        named: index of the class of each (n,).
        stretch: samples that are silenced at a time.

    Returns:
        The first samples of the stretches (m,), and the changes (n, m), below 0 where silence makes the class less
        likely.
    """
    stretch = min(stretch, clips.shape[1])
    starts = _starts(clips.shape[1], stretch, max(1, stretch // _STEPS))
    hidden = np.repeat(clips[:, None], len(starts) + 1, axis=1)
    for place, start in enumerate(starts):
        hidden[:, place, start : start + stretch] = 0
    eta = model.eta_columns(hidden.reshape(-1, clips.shape[1])).reshape(len(clips), len(starts) + 1, -1)
    log_p = eta[np.arange(len(clips)), :, named] - np.logaddexp.reduce(eta, axis=2)
    return np.array(starts), log_p[:, :-1] - log_p[:, -1:]


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where patches begin along a side, the last one at its end."""
    return sorted({*range(0, length - side + 1, stride), length - side})
