"""Recordings of connected speech: folders with transcripts, tables, and single words that are to be read as texts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from likeliest.data import Split, Target, split_by_group
from likeliest.data import split as split_rows
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
from likeliest.speech.alphabet import Unit
from likeliest.tasks import hearing
from likeliest.tasks.base import Batch, Coding, Examples, Kind, Source
from likeliest.tasks.recipe import Recipe
from likeliest.tasks.transcription_recipe import recipe_for, step_of

if TYPE_CHECKING:
    from likeliest.report.schema import Cell, Data

TEXT = "text"
"""What the target is called where nothing gives it a name."""
FAMILY = "ctc"
MOST_WORDS, LEAST_SEEN = 100, 10
"""Labels are words where there are at most so many different ones, each said so often; else characters."""
WINDOW = 0.032
"""Seconds of sound that a frame needs; of the linear model's, which needs more than the net's."""


@dataclass(frozen=True)
class Transcription:
    """Recordings whose texts are read; see `likeliest.tasks.base.Task` for what each method promises."""

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
            alphabet = Alphabet.learn(texts, _unit(texts))
            learnt = Target(target or TEXT, FAMILY, None, _explanation(texts, alphabet))
        y = alphabet.encode(texts, recordings.names)
        if known is None:
            check_alignable(torch.from_numpy(y), _frames(recordings, alphabet), recordings.names)
        rows, name = np.arange(len(recordings)), Path(source).resolve().name or str(source)
        sha256 = hashlib.sha256(b"".join(recordings.digests()) + "\n".join(texts).encode()).hexdigest()
        return Examples(name, str(source), recordings, rows, y, learnt, sha256, recordings.test, alphabet)

    def batches(self, source: Source, model: Model) -> Iterator[Batch]:
        """Recordings, with or without texts, some at a time."""
        for block in recording_blocks(source):
            yield Batch(block.recordings, block.of, block.names, block.unreadable)

    def split(self, examples: Examples, seed: int, fractions: tuple[float, float, float]) -> Split:
        """Whole speakers where they are known, else at random; test rows are those that the source sets aside.

        Where it does, rows to choose by are as those: of speakers who are not learnt from, if no test row is of one
        who is.

        Raises:
            TableError: there are too few recordings.
        """
        aside, speakers = examples.aside, examples.raw.speakers
        if not len(aside):
            return _dealt(examples, np.arange(len(examples)), seed, fractions, by_speaker=speakers is not None)
        rest = np.setdiff1d(np.arange(len(examples)), aside)
        strangers = speakers is not None and not hearing.heard(speakers, aside) & hearing.heard(speakers, rest)
        train, validation, more = _dealt(examples, rest, seed, fractions, by_speaker=strangers)
        if strangers and speakers is not None and len(hearing.heard(speakers, rest)) == 2:
            validation, more = more, validation  # of two speakers one is held out
        return Split(np.sort(np.concatenate((train, more))), validation, aside)

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
        at = int(examples.kept[row])
        named: list[Cell] = [{"name": "file", "value": examples.raw.names[at]}]
        if examples.raw.speakers is not None:
            named.append({"name": "speaker", "value": examples.raw.speakers[at]})
        return named


def _unit(texts: Sequence[str]) -> Unit:
    counts = Counter(word for text in texts for word in text.split())
    return "word" if len(counts) <= MOST_WORDS and min(counts.values(), default=0) >= LEAST_SEEN else "character"


def _explanation(texts: Sequence[str], alphabet: Alphabet) -> str:
    """Why texts are read, and in which labels."""
    words = {word for text in texts for word in text.split()}
    why = (
        f"words, of which there are {len(words)}, each said {LEAST_SEEN} times or more"
        if alphabet.unit == "word"
        else f"characters, {len(alphabet) - 1} different ones, for of the {len(words)} words some are seldom said"
    )
    return (
        f"{len(texts):,} recordings with {len(set(texts)):,} different texts; the family is {FAMILY}, its labels are "
        f"{why}"
    )


def _frames(recordings: Recordings, alphabet: Alphabet) -> torch.Tensor:
    """Frames that each recording has at least."""
    step = step_of(alphabet.unit)
    return torch.from_numpy(np.maximum((recordings.seconds - WINDOW) // step + 1, 1).astype(np.int64))


def _dealt(
    examples: Examples, rows: NDArray[np.int64], seed: int, fractions: tuple[float, float, float], *, by_speaker: bool
) -> Split:
    """Some of the rows in three parts."""
    speakers = examples.raw.speakers
    if by_speaker and speakers is not None:
        parts = split_by_group([speakers[row] for row in rows], seed=seed, fractions=fractions).parts
    else:
        parts = split_rows(len(rows), stratify=False, seed=seed, fractions=fractions)
    return Split(*(rows[part] for part in parts))
