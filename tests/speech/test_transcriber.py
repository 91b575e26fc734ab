"""Frames to words with times and probabilities, and the model file that does it: by hand, and on tones."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import likeliest as lk
from likeliest.data import Recordings, Target, recordings_of_arrays
from likeliest.data.sounds import MelFrames, SoundEncoder, join_recordings, read_recordings, write_recordings
from likeliest.families.ctc import collapse
from likeliest.model import Model
from likeliest.predictors import Layered
from likeliest.predictors.layers import Dense, Ending, InFrames
from likeliest.speech import Alphabet, Hypothesis, Lexicon, NGram, SpokenWord, Transcriber, Transcript, beam_search
from likeliest.speech.confidence import Confidence, word_features
from likeliest.speech.error_rates import error_rates

from ..tones import RATE, WORDS, tones

ALPHABET = Alphabet(WORDS, "word")
CONFIDENCE = Confidence((0.5, 0.3, -0.2), 0.4)


def frames(*best: int, columns: int = 4, sure: float = 0.9) -> np.ndarray:
    """Frames that hold one column for probable each."""
    p = np.full((len(best), columns), (1 - sure) / (columns - 1))
    p[np.arange(len(best)), best] = sure
    return np.log(p)


def test_words_have_the_times_of_their_frames() -> None:
    said = Transcriber(ALPHABET, seconds=0.25).transcribe(frames(0, 1, 1, 0, 0, 3, 0))
    assert said.text == "high rise"
    assert [(word.start, word.end) for word in said.words] == [(0.25, 0.75), (1.25, 1.5)]


def test_characters_are_joined_to_words() -> None:
    alphabet = Alphabet.learn(["ab a"])
    space, a, b = (alphabet.labels(c)[0] if c.strip() else alphabet.space for c in " ab")
    said = Transcriber(alphabet, 1.0).transcribe(frames(a, b, space, a))
    assert [(word.text, word.start, word.end) for word in said.words] == [("ab", 0, 2), ("a", 3, 4)]


def test_a_words_probability_is_that_of_all_texts_with_it() -> None:
    """A wide beam holds all texts of three frames: the shares are their probabilities, here by listing all paths."""
    log_p = np.log(np.random.default_rng(4).dirichlet(np.ones(3), 3))
    transcriber = Transcriber(Alphabet(("a", "b"), "word"), 1.0, width=100)
    paths = torch.tensor(list(itertools.product(range(3), repeat=3)))
    texts = [tuple(y[y > 0].tolist()) for y in collapse(paths)]
    p = np.exp(log_p[np.arange(3), paths.numpy()].sum(1))
    of = {text: p[[t == text for t in texts]].sum() for text in set(texts)}
    said, best = transcriber.transcribe(log_p), max(of, key=of.__getitem__)
    assert said.text == transcriber.alphabet.decode(best)
    assert len(said.words) > 1
    for word in said.words:
        with_it = [h for h in beam_search(log_p, transcriber.alphabet, width=100) if _overlaps(h, word)]
        assert len(with_it) > 1
        assert word.p == pytest.approx(sum(of[h.labels] for h in with_it), abs=1e-12)


def _overlaps(text: Hypothesis, word: SpokenWord) -> bool:
    return any(w.text == word.text and w.start < word.end and word.start < w.end for w in text.words)


def test_probabilities_are_those_that_were_learnt() -> None:
    log_p = frames(1, 0, 2, sure=0.6)
    plain, learnt = Transcriber(ALPHABET, 1.0), Transcriber(ALPHABET, 1.0, confidence=CONFIDENCE)
    found = learnt.transcribe(log_p)
    expected = CONFIDENCE.apply(word_features(log_p, plain.hypotheses(log_p), ALPHABET))
    np.testing.assert_array_equal([word.p for word in found.words], expected)
    assert found.confidence == expected.mean()
    assert not np.allclose(expected, [word.p for word in plain.transcribe(log_p).words])


def test_a_certain_word_has_probability_one_and_silence_no_words() -> None:
    with np.errstate(divide="ignore"):
        certain = frames(0, 2, 0, sure=1.0)
    assert Transcriber(ALPHABET, 1.0).transcribe(certain).words[0].p == 1
    for silence in (np.zeros((0, 4)), frames(0, 0, 0)):
        said = Transcriber(ALPHABET, 1.0).transcribe(silence)
        assert (said.text, said.words) == ("", ())
        assert said.confidence > 0.5


def test_pieces_are_joined_in_their_places() -> None:
    piece = Transcriber(ALPHABET, 0.5).transcribe(frames(1, 0, 2))
    whole = Transcript.of_pieces([piece, Transcript("", 0.9, ()), piece], [0.0, 2.0, 10.0])
    assert whole.text == "high low high low"
    assert [word.start for word in whole.words] == [0.0, 1.0, 10.0, 11.0]
    assert whole.confidence == pytest.approx(piece.confidence)
    assert Transcript.of_pieces([], []) == Transcript("", 1.0, ())


def test_it_survives_json() -> None:
    alphabet = Alphabet.learn(["high low"])
    lexicon, grammar = Lexicon(["high", "low"], alphabet), NGram.learn(["high low high", "low"], order=2)
    given = Transcriber(alphabet, 0.02, lexicon, grammar, 0.7, -0.3, 5, CONFIDENCE)
    back = Transcriber.from_json(json.loads(json.dumps(given.to_json())))
    assert back.to_json() == given.to_json()
    log_p = np.log(np.random.default_rng(0).dirichlet(np.ones(len(alphabet)), 40))
    assert back.transcribe(log_p) == given.transcribe(log_p)


# The model file.


@pytest.fixture(scope="module")
def speech() -> Recordings:
    return join_recordings(tones(4), count=24, words=(3, 5), seed=1)


@pytest.fixture(scope="module")
def model(speech: Recordings) -> Model:
    """Frame by frame linear, which tones need no more than."""
    encoder = MelFrames(SoundEncoder(RATE, None), bins=12, sides=1)
    family, x = lk.family("ctc"), encoder.encode(speech)
    net = Layered((None,), {"frames": InFrames(36), "head": Dense(36, len(ALPHABET)), "end": Ending()}, nominal=36)
    y = ALPHABET.encode(speech.texts or ())
    found = lk.fit(lk.Objective(family, net, x, y, l2=1e-2), "lbfgs", theta=torch.zeros(net.size), budget=80)
    target = Target("text", "ctc", None, "texts")
    grammar = NGram.learn(speech.texts or ())
    transcriber = Transcriber(ALPHABET, encoder.hop, None, grammar, weight=0.1, confidence=CONFIDENCE)
    return Model(encoder, target, family, net, found.theta.double(), transcriber=transcriber)


def test_a_model_reads_what_it_learnt(model: Model, speech: Recordings) -> None:
    frame = model.predict(speech).to_frame()
    assert frame.columns == ["file", "text", "confidence", "words"]
    assert frame["file"].to_list() == list(speech.names)
    right = [a == b for a, b in zip(frame["text"], speech.texts or (), strict=True)]
    assert np.mean(right) > 0.9
    true = [[tuple(map(float, span.split("-"))) for span in row.split(" | ")] for row in speech.columns["times"]]
    for words, spans, is_right in zip(frame["words"].to_list(), true, right, strict=True):
        for word, (start, end) in zip(words, spans, strict=True) if is_right else ():
            assert word["start"] < end
            assert word["end"] > start


def test_no_recording_depends_on_those_beside_it(model: Model, speech: Recordings) -> None:
    whole = model.predict(speech).to_frame()
    alone = pl.concat([model.predict(speech.take(np.array([row]))).to_frame() for row in (3, 0)])
    assert alone.equals(whole[[3, 0]])


def test_log_prob_is_that_of_the_family(model: Model, speech: Recordings) -> None:
    x, y = model.encoder.encode(speech), ALPHABET.encode(speech.texts or ())
    eta = model.predictor.forward(model.theta, x[:].double())[0]
    np.testing.assert_allclose(model.log_prob(x, y), model.family.log_prob(eta, torch.from_numpy(y)), rtol=1e-3)


def test_a_long_recording_is_cut_at_its_pauses_and_joined(model: Model, speech: Recordings) -> None:
    long = np.concatenate([speech.samples(row, RATE) for row in range(len(speech))])
    assert len(long) > 30 * RATE
    said = model.predict(recordings_of_arrays([long], RATE)).to_frame()
    words = " ".join(speech.texts or ()).split()
    assert error_rates([" ".join(words)], [said["text"][0]]).rate < 0.1
    times = [(word["start"], word["end"]) for word in said["words"][0].to_list()]
    assert times == sorted(times)
    assert len(long) / RATE - 5 < times[-1][1] <= len(long) / RATE


def test_the_file_transcribes_identically_in_a_fresh_process(model: Model, speech: Recordings, tmp_path: Path) -> None:
    model.save(tmp_path / "m.likeliest")
    write_recordings(speech.take(np.arange(4)), tmp_path / "sounds")
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from likeliest.model import load\n"
        "from likeliest.data.sounds import read_recordings\n"
        "said = load(sys.argv[1]).predict(read_recordings(sys.argv[2], labelled=False))\n"
        "print(repr(said.transcripts))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.likeliest"), str(tmp_path / "sounds")],
        capture_output=True,
        text=True,
        check=True,
    )
    here = model.predict(read_recordings(tmp_path / "sounds", labelled=False))
    assert ran.stdout.strip() == repr(here.transcripts)
