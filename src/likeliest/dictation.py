"""Recordings to transcripts: heard one at a time, so that no one depends on another; long ones cut at their pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest import sequences
from likeliest.data.sounds import MelFrames, Recordings, SoundEncoder, pauses, recordings_of_arrays
from likeliest.families import Family
from likeliest.families.base import single
from likeliest.predictors import Predictor
from likeliest.speech import Transcriber, Transcript

Frames = NDArray[np.float64]
"""Log-probabilities (T, K) of the columns in each frame of a recording."""
Listener = SoundEncoder | MelFrames


def frames_of(predictor: Predictor, theta: Tensor, x: Any) -> Iterator[Frames]:
    """Yield the frames of each encoded recording up to its end.

    Args:
        predictor: of sequences.
        theta: (P,), in whose precision is computed.
        x: `likeliest.sequences.Ragged` of samples, or of frames one after the other.
    """
    for i in range(len(x)):
        row = torch.as_tensor(x[i : i + 1])
        own = row[:, : int(sequences.lengths(row))]
        with torch.no_grad():
            eta = single(predictor.forward(theta, own)[0])
        yield eta[0].double().log_softmax(-1).numpy()


def log_probs(family: Family, heard: Iterator[Frames], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log p of each text (n,), given the frames of its recording."""
    texts = torch.as_tensor(y)
    pairs = zip(heard, texts.split(1), strict=True)
    return np.array([float(family.log_prob(torch.from_numpy(frames)[None], text)) for frames, text in pairs])


def transcripts_of(
    recordings: Recordings, encoder: Listener, transcriber: Transcriber, hear: Callable[[Any], Iterator[Frames]]
) -> list[Transcript]:
    """Return what is said in each recording; of a long one, in its pieces between pauses, joined.

    Args:
        recordings: n of them.
        encoder: how they become x.
        transcriber: what reads their frames.
        hear: x to frames, as `frames_of` does.
    """
    return [
        _transcript(recordings.samples(row, encoder.rate), encoder, transcriber, hear) for row in range(len(recordings))
    ]


def _transcript(
    samples: NDArray[np.int16], encoder: Listener, transcriber: Transcriber, hear: Callable[[Any], Iterator[Frames]]
) -> Transcript:
    rate = encoder.rate
    cuts = [(start, end) for start, end in pauses(samples, rate) if end > start]
    if not cuts:
        return Transcript.of_pieces([], [])
    pieces = recordings_of_arrays([samples[round(start * rate) : round(end * rate)] for start, end in cuts], rate)
    said = [transcriber.transcribe(frames) for frames in hear(encoder.encode(pieces))]
    return said[0] if len(said) == 1 else Transcript.of_pieces(said, [start for start, _ in cuts])
