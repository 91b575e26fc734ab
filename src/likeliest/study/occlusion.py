"""What a model looks at: a patch of the picture is painted over, place by place, and the model is asked again.

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


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where patches begin along a side, the last one at its end."""
    return sorted({*range(0, length - side + 1, stride), length - side})
