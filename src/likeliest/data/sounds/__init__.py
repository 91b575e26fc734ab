"""Recordings: from files and tables to named sounds, and from those to samples of one rate.

::

    read_recordings -> Recordings -> split_by_group, join_recordings
                                  -> SoundEncoder.learn -> encode -> x int16 (n, S), or Ragged

A recording that cannot be used is left out and told of; a source of which most cannot be used is refused. Samples are
decoded when they are asked for, so that hours of them need no memory.
"""

from likeliest.data.sounds.blocks import recording_blocks
from likeliest.data.sounds.connected import join_recordings
from likeliest.data.sounds.encoder import SoundEncoder
from likeliest.data.sounds.export import write_recordings
from likeliest.data.sounds.flat import MeanSpectra
from likeliest.data.sounds.frames import MelFrames
from likeliest.data.sounds.pauses import pauses
from likeliest.data.sounds.recordings import Recordings, recordings_of_arrays
from likeliest.data.sounds.source import is_recordings, read_recordings
from likeliest.data.sounds.texts import TextRules
from likeliest.data.sounds.words import says_single_words, single_words

__all__ = [
    "MeanSpectra",
    "MelFrames",
    "Recordings",
    "SoundEncoder",
    "TextRules",
    "is_recordings",
    "join_recordings",
    "pauses",
    "read_recordings",
    "recording_blocks",
    "recordings_of_arrays",
    "says_single_words",
    "single_words",
    "write_recordings",
]
