"""Recordings of connected speech: folders with transcripts, tables, and single words that are to be read as texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.data import Split, Target
from likeliest.data.batch import Batch
from likeliest.data.sounds import (
    MelFrames,
    Recordings,
    SoundEncoder,
    is_recordings,
    read_recordings,
    recording_blocks,
    says_single_words,
)
from likeliest.errors import TargetError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.families.ctc import check_alignable
from likeliest.model import Model
from likeliest.prediction import Encoder
from likeliest.predictors import Layered, Predictor, SpeechNet
from likeliest.predictors.layers import Dense, Ending, InFrames
from likeliest.speech import Alphabet
from likeliest.tasks import hearing
from likeliest.tasks.base import Coding, Examples, Kind, Source
from likeliest.tasks.dealing import deal
from likeliest.tasks.reading import AS_FITS, Reading
from likeliest.tasks.recipe import Recipe
from likeliest.tasks.transcription_recipe import recipe_for, step_of

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Data

TEXT = "text"
"""What the target is called where nothing gives it a name."""
FAMILY = "ctc"
WINDOW = 0.032
"""Seconds of sound that a frame needs; of the linear model's, which needs more than the net's."""


@dataclass(frozen=True)
class Transcription:
    """Recordings whose texts are read; see `likeliest.tasks.base.Task` for what each method promises."""

    reading: Reading = AS_FITS
    name: str = "transcription"

    def recognises(self, source: Source, target: str | None = None, family: str | None = None) -> bool:
        """A source of recordings whose texts are more than few words, unless a family says how they are taken."""
        if not is_recordings(source):
            return False
        return not says_single_words(source, target) if family is None else family_by_name(family).name == FAMILY

    def load(self, source: Source, target: str | None, family: str | None, *, known: Model | None = None) -> Examples:
        """Read recordings with their texts, in an order that sounds and texts alone decide.

        Raises:
            SourceError: there are no recordings, or too many that cannot be used.
            TargetError: recordings without texts, or a family that is not ctc.
            InputError: a text has a character or word that the known model did not learn; with its file.
            SupportError: a text has more labels than its recording has frames for; with its file.
        """
        if family is not None and family_by_name(family).name != FAMILY:
            raise TargetError(f"expected {FAMILY} for texts, found --family {family}; leave it out")
        column = None if known is not None and target == TEXT else target
        recordings = read_recordings(source, target=column).in_canonical_order()
        texts = recordings.texts or ()
        if known is not None and known.transcriber is not None:
            alphabet, learnt = known.transcriber.alphabet, known.target
        else:
            alphabet = self.reading.alphabet(texts)
            learnt = Target(target or TEXT, FAMILY, None, self.reading.explanation(texts, alphabet))
        y = alphabet.encode(texts, recordings.names)
        if known is None:
            check_alignable(torch.from_numpy(y), _frames(recordings, alphabet), recordings.names)
        rows, name = np.arange(len(recordings)), Path(source).resolve().name or str(source)
        sha256 = hashlib.sha256(b"".join(recordings.digests()) + "\n".join(texts).encode()).hexdigest()
        further = self.reading.further(alphabet)
        return Examples(name, str(source), recordings, rows, y, learnt, sha256, recordings.test, alphabet, further)

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """Recordings, with or without texts, some at a time."""
        yield from recording_blocks(source)

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """Whole speakers where they are known, else at random; see `likeliest.tasks.dealing.deal`.

        Raises:
            TableError: there are too few recordings.
        """
        return deal(examples, seed, fractions, classes=False)

    def encoder(self, examples: Examples, rows: NDArray[np.int64], coding: Coding) -> Encoder:
        """Whole recordings for the net; for linear models frames of log-mel power."""
        sounds = SoundEncoder.learn(examples.raw, rows, words=False)
        if coding == "net":
            return sounds
        return MelFrames(sounds) if coding == "linear" else MelFrames.to_compare(sounds)

    def family(self, examples: Examples) -> Family:
        """The ctc family."""
        return family_by_name(examples.target.family)

    def predictor(
        self,
        model: Kind,
        family: Family,
        encoder: Encoder,
        inputs: tuple[int, ...],
        outputs: int,
        hidden: Sequence[int],
    ) -> Predictor:
        """A model that is linear frame by frame, or a small net; the one that is trained in earnest is the recipe's."""
        if model == "linear":
            assert isinstance(encoder, MelFrames)
            layers = {"frames": InFrames(encoder.width), "head": Dense(encoder.width, outputs), "end": Ending()}
            return Layered((None,), layers, nominal=encoder.width)
        assert isinstance(encoder, SoundEncoder)
        return SpeechNet(encoder.rate, outputs, width=16, blocks=1, channels=(4, 8), bins=20, dropout=0.0)

    def recipe(
        self, examples: Examples, rows: NDArray[np.int64], encoder: Encoder, outputs: int, minutes: float, device: str
    ) -> Recipe | None:
        """A convolutional net on spectrograms, sized by seconds of sound and budget."""
        assert isinstance(encoder, SoundEncoder)
        assert examples.alphabet is not None
        sound, unit = float(examples.raw.seconds[rows].sum()), examples.alphabet.unit
        return recipe_for(encoder, len(rows), sound, outputs, unit, minutes, device)

    def glance(self, examples: Examples, split: Split, encoder: Encoder) -> Data:
        """Durations, speakers, texts, and what was not as expected."""
        assert isinstance(encoder, MelFrames)
        return hearing.glance(examples, split, encoder.sounds)

    def cells(self, examples: Examples, row: int, encoder: Encoder, size: NDArray[np.float64] | None) -> list[Cell]:
        """The recording's name, and who speaks."""
        return hearing.cells(examples, row)


def _frames(recordings: Recordings, alphabet: Alphabet) -> torch.Tensor:
    """Frames that each recording has at least."""
    step = step_of(alphabet.unit)
    return torch.from_numpy(np.maximum((recordings.seconds - WINDOW) // step + 1, 1).astype(np.int64))
