"""Augmentations of sounds: level, noise, rooms, tempo and pitch, for whole batches of samples (n, L) at once."""

from likeliest.augment.sounds.base import OnSounds
from likeliest.augment.sounds.colouring import Gain, Noise, Room, Tilt
from likeliest.augment.sounds.speech import for_speech
from likeliest.augment.sounds.timing import Pitch, Speed, TimeShift

__all__ = ["Gain", "Noise", "OnSounds", "Pitch", "Room", "Speed", "Tilt", "TimeShift", "for_speech"]
