"""Texts: which words and word orders help to read the frames, how sure each word is, and how good that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from likeliest import sequences
from likeliest.calibration import class_calibration
from likeliest.data.sounds import MelFrames
from likeliest.dictation import Frames
from likeliest.families.ctc import shared_frame
from likeliest.model import Model
from likeliest.predictors import SpeechNet
from likeliest.sequences import rows_of
from likeliest.speech import (
    Alphabet,
    Confidence,
    ErrorRate,
    Lexicon,
    NGram,
    Transcriber,
    Transcript,
    error_rates,
    word_features,
)
from likeliest.speech.edits import right
from likeliest.study.candidate import Candidate, finite
from likeliest.study.ground import Ground
from likeliest.study.said import Said

if TYPE_CHECKING:
    from likeliest.report.schema import Application
    from likeliest.report.schema.application import BaseRate, Surprise

CHOSEN_BY = 100
"""Validation recordings by which a lexicon and a language model are chosen, at most."""
ORDER = 3
"""Of the language model."""
WEIGHTS = (0.3, 1.0)
"""Of its log-probabilities, to choose from."""
SURPRISES = 10


@dataclass(frozen=True)
class Trial:
    """A way to read the frames, and its errors on validation recordings."""

    name: str
    transcriber: Transcriber
    errors: int
    words: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "weight": self.transcriber.weight, "errors": self.errors, "words": self.words}


def reading(ground: Ground, candidate: Candidate) -> Candidate:
    """The candidate with a transcriber: of several the one with the fewest wrong validation words, the simplest first.

    How sure each word is is learnt from the validation words, as they were read while they were held out.
    """
    said, alphabet = candidate.said, ground.examples.alphabet
    assert said.frames is not None
    assert alphabet is not None
    rows = ground.sample(np.arange(len(said.y)), CHOSEN_BY)
    heard = [said.frames[row] for row in rows]
    spoken = [alphabet.decode(said.y[row]) for row in rows]
    texts = [*(alphabet.decode(row) for row in ground.y[ground.split.train]), *ground.examples.sentences]
    trials = [
        Trial(name, one, *_wrong(one, heard, spoken))
        for name, one in transcribers(alphabet, step_of(candidate.model), texts)
    ]
    best = fewest_errors(trials)
    confidence = learnt_confidence(best.transcriber, heard, spoken)
    decoding = {"chosen": best.name, "rows": len(rows), "trials": [trial.to_json() for trial in trials]}
    model = replace(
        candidate.model,
        transcriber=replace(best.transcriber, confidence=confidence),
        notes={**candidate.model.notes, "decoding": decoding},
    )
    return replace(candidate, model=model)


def fewest_errors(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the fewest wrong words; of equals the first, which is the simplest."""
    return min(trials, key=lambda trial: trial.errors)


def step_of(model: Model) -> float:
    """Return the seconds from one frame of η to the next."""
    if isinstance(model.encoder, MelFrames):
        return model.encoder.hop
    assert isinstance(model.predictor, SpeechNet)
    features = model.predictor.settings["features"] or {}
    step: float = features.get("hop", 0.010) * model.predictor.settings["stride"]
    return step


def transcribers(alphabet: Alphabet, seconds: float, texts: Sequence[str]) -> Iterator[tuple[str, Transcriber]]:
    """Yield ways to read frames, the simplest first, with their names; words are those of the texts.

    A lexicon says nothing where labels are words: all that can be read are words.
    """
    plain = Transcriber(alphabet, seconds, weight=0.0)
    yield "frames alone", plain
    held, how = plain, "language model"
    if alphabet.unit == "character":
        held, how = replace(plain, lexicon=Lexicon.learn(texts, alphabet)), "lexicon and language model"
        yield "lexicon", held
    grammar = NGram.learn(texts, ORDER)
    for weight in WEIGHTS:
        yield f"{how}, weight {weight:g}", replace(held, language_model=grammar, weight=weight)


def _wrong(transcriber: Transcriber, heard: Sequence[Frames], spoken: Sequence[str]) -> tuple[int, int]:
    """Wrong words, and words that were said."""
    found = error_rates(spoken, [transcriber.hypotheses(frames)[0].text for frames in heard])
    return found.errors, found.length


def learnt_confidence(transcriber: Transcriber, heard: Sequence[Frames], spoken: Sequence[str]) -> Confidence:
    """Learn from held-out recordings how probable it is that a word that is read is right."""
    features, hits = [], list[bool]()
    for frames, text in zip(heard, spoken, strict=True):
        texts = transcriber.hypotheses(frames)
        features.append(word_features(frames, texts, transcriber.alphabet))
        hits += right(text.split(), [word.text for word in texts[0].words])
    return Confidence.fit(np.concatenate(features), hits)


def judge_texts(model: Model, said: Said, speakers: Sequence[str] | None, seed: int) -> dict[str, Any]:
    """NLL a label, wrong words and characters with intervals, and whether the words' probabilities are true."""
    assert model.transcriber is not None
    assert said.transcripts is not None
    alphabet, found = model.transcriber.alphabet, said.transcripts
    spoken, read = [alphabet.decode(row) for row in said.y], [transcript.text for transcript in found]
    words, characters = (error_rates(spoken, read, unit=unit, groups=speakers) for unit in ("word", "character"))
    return {
        "nll_per_label_test": finite(-float(said.log_prob.sum()) / max(int(np.count_nonzero(said.y)), 1)),
        "wer_test": words.rate,
        "wer_interval": ends(words),
        "cer_test": characters.rate,
        "cer_interval": ends(characters),
        "edits": {
            "words": words.length,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
        },
        "interval_method": "none" if words.interval is None else words.interval.method,
        "calibration": _calibration(spoken, found, seed),
    }


def ends(rate: ErrorRate) -> list[float] | None:
    """Return the interval's ends, if there is one."""
    return None if rate.interval is None else [rate.interval.low, rate.interval.high]


def _calibration(spoken: Sequence[str], found: Sequence[Transcript], seed: int) -> dict[str, Any]:
    """Of the words that were read; where none was, of the texts."""
    p = [word.p for transcript in found for word in transcript.words]
    hits = [hit for text, t in zip(spoken, found, strict=True) for hit in right(text.split(), t.text.split())]
    if not p:
        p = [transcript.confidence for transcript in found]
        hits = [text == transcript.text for text, transcript in zip(spoken, found, strict=True)]
    sure = np.array(p)
    return class_calibration(np.column_stack((1 - sure, sure)), np.array(hits, np.int64), seed=seed)[1].to_json()


def application_of_texts(ground: Ground, candidate: Candidate) -> Application:
    """The recommended model on test rows."""
    return {
        "model": candidate.name,
        "rows": len(ground.split.test),
        "base_rate": base_rate(ground),
        "confusion": None,
        "predictions": None,
        "surprises": _surprises(ground, candidate),
    }


def base_rate(ground: Ground) -> BaseRate:
    """What knows no sounds: one distribution over columns that all frames share, learnt from training rows.

    The text that it holds for the likeliest is the empty one, which misses every word.
    """
    train, test = (_frames(ground, rows) for rows in (ground.split.train, ground.split.test))
    y, wanted = (torch.as_tensor(ground.y[rows]) for rows in (ground.split.train, ground.split.test))
    shared = shared_frame(y, train, outputs=ground.outputs)
    log_prob = [
        float(ground.family.log_prob(shared.expand(1, int(frames), -1), text))
        for frames, text in zip(test, wanted.split(1), strict=True)
    ]
    return {"nll_test": finite(-float(np.mean(log_prob))), "wer_test": 1.0}


def _frames(ground: Ground, rows: Any) -> torch.Tensor:
    """Frames that the linear model has of some rows."""
    assert isinstance(ground.raw_encoder, MelFrames)
    return sequences.lengths(rows_of(ground.raw_x, rows)) // ground.raw_encoder.width


def _surprises(ground: Ground, candidate: Candidate) -> list[Surprise]:
    """The test rows of largest NLL a label."""
    said = ground.said(candidate.model, ground.split.test)
    transcriber = candidate.model.transcriber
    assert transcriber is not None
    assert said.transcripts is not None
    order = np.argsort(said.log_prob / np.maximum(np.count_nonzero(said.y, axis=1), 1), kind="stable")[:SURPRISES]
    return [
        {
            "row": ground.examples.row_number(int(ground.split.test[i])),
            "observed": transcriber.alphabet.decode(said.y[i]),
            "predicted": said.transcripts[i].text,
            "p": float(np.exp(said.log_prob[i])),
            "nll": float(min(-said.log_prob[i], np.finfo(float).max)),
            "cells": ground.task.cells(ground.examples, int(ground.split.test[i]), candidate.model.encoder, None),
        }
        for i in order
    ]
