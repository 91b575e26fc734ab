"""The augmentations that speech is learnt with."""

from __future__ import annotations

from likeliest.augment.chain import Chain
from likeliest.augment.sounds.colouring import Gain, Noise, Room, Tilt
from likeliest.augment.sounds.timing import Speed, TimeShift


def for_speech(rate: int, *, clips: bool = True) -> Chain:
    """Return augmentations that leave what is said as it was: other speakers, microphones, rooms and levels.

    Args:
        rate: samples a second.
        clips: whether rows are clips of one length, each a word or a command, that move and keep their length; else
            they are recordings, whose lengths change with their tempo.

    Example:
        >>> [part.name for part in for_speech(8000).parts]
        ['speed', 'time_shift', 'tilt', 'room', 'noise', 'gain']
    """
    moving = (Speed(), TimeShift(0.1, rate)) if clips else (Speed((0.9, 1.1), keep=False),)
    return Chain((*moving, Tilt(), Room(rate), Noise(), Gain()))
