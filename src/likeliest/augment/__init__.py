"""Augmentation: training rows changed at random in ways that leave what they mean as it was.

Each augmentation transforms a batch (x, y, weight) under a `likeliest.interfaces.Draw`, `Chain` takes several in turn,
and ``Objective(..., transform=chain)`` applies them. Pictures are bytes or floats (n, height, width, channels), sounds
int16 or floats (n, samples). Random numbers belong to rows: row 17 of epoch 3 is the same in any batch; only
partners are found within it.
"""

from __future__ import annotations

from typing import Any

from likeliest.augment.base import Augmentation, OnPictures
from likeliest.augment.chain import Chain
from likeliest.augment.mixing import CutMix, LabelSmoothing, Mixup
from likeliest.augment.moving import Flip, Shift
from likeliest.augment.pixels import Brightness, Contrast, Cutout
from likeliest.augment.sounds import Gain, Noise, OnSounds, Pitch, Room, Speed, Tilt, TimeShift, for_speech
from likeliest.augment.suits import Recommendation, recommend
from likeliest.augment.views import Tempos, TestTime, Views, views_from_json
from likeliest.augment.warping import Affine, ResizedCrop
from likeliest.errors import UnknownNameError

__all__ = [
    "Affine",
    "Augmentation",
    "Brightness",
    "Chain",
    "Contrast",
    "CutMix",
    "Cutout",
    "Flip",
    "Gain",
    "LabelSmoothing",
    "Mixup",
    "Noise",
    "OnPictures",
    "OnSounds",
    "Pitch",
    "Recommendation",
    "ResizedCrop",
    "Room",
    "Shift",
    "Speed",
    "Tempos",
    "TestTime",
    "Tilt",
    "TimeShift",
    "Views",
    "for_speech",
    "from_json",
    "recommend",
    "views_from_json",
]

_KINDS: dict[str, type[Augmentation]] = {
    kind.name: kind
    for kind in (
        *(Shift, Flip, ResizedCrop, Affine, Cutout, Brightness, Contrast, Mixup, CutMix, LabelSmoothing, Chain),
        *(Gain, Noise, Pitch, Room, Speed, Tilt, TimeShift),
    )
}


def from_json(values: dict[str, Any]) -> Augmentation:
    """Build an augmentation from what its ``to_json`` returned.

    Raises:
        UnknownNameError: no augmentation goes by that name; a newer version may have written it.

    Example:
        >>> from_json(Chain((Shift(2), Flip())).to_json())
        Chain(parts=(Shift(pixels=2, pad='reflect'), Flip(axis='horizontal', p=0.5)))
    """
    named = dict(values)
    name = named.pop("augmentation", None)
    if name not in _KINDS:
        raise UnknownNameError(f"no augmentation {name!r}; there are {', '.join(_KINDS)}")
    if name == Chain.name:
        return Chain(tuple(from_json(part) for part in named["parts"]))
    return _KINDS[name](**{k: tuple(v) if isinstance(v, list) else v for k, v in named.items()})
