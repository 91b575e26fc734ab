"""The encoder: rate and length learnt, clips placed by one rule, connected speech end to end, memory left alone."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import numpy as np
import pytest

from likeliest.data import Recordings, SoundEncoder, recordings_of_arrays
from likeliest.data.sounds import encoder as module
from likeliest.data.sounds.encoder import clip, kept
from likeliest.errors import ModelFileError, ShapeError
from likeliest.sequences import END, Ragged, lengths

RNG = np.random.default_rng(0)


def noises(*seconds: float, rate: int = 8000) -> Recordings:
    waves = [RNG.uniform(-0.5, 0.5, round(rate * s)) for s in seconds]
    return recordings_of_arrays(waves, rate, texts=["word"] * len(waves))


def test_rate_and_length_are_learnt() -> None:
    words = noises(*np.linspace(0.1, 0.599, 200), 3.0)
    assert SoundEncoder.learn(words) == SoundEncoder(8000, 4800)  # 0.99 of 201 words are within 0.6 seconds
    assert SoundEncoder.learn(words, np.array([0, 1])) == SoundEncoder(8000, 1200)
    assert SoundEncoder.learn(words, words=False) == SoundEncoder(8000, None)
    assert SoundEncoder.learn(noises(0.2, 0.2, rate=11_025)) == SoundEncoder(16_000, 3200)
    assert SoundEncoder.learn(noises(0.2, rate=4000)).rate == 8000
    with pytest.raises(ShapeError, match="found none"):
        SoundEncoder.learn(words, np.array([], dtype=np.int64))


def test_words_lie_in_the_middle_of_their_clips() -> None:
    words = noises(0.1, 0.05125, 0.2)
    x = SoundEncoder(8000, 1001).encode(words)
    assert (x.shape, x.dtype, x.min() > END) == ((3, 1001), np.int16, True)
    assert np.array_equal(x[0, 100:900], words.samples(0, 8000))
    assert not x[0, :100].any()
    assert not x[0, 900:].any()
    assert np.array_equal(x[1, 295 : 295 + 410], words.samples(1, 8000))


def test_of_long_words_the_loudest_stretch_is_kept() -> None:
    for _ in range(20):
        wave = RNG.integers(-100, 100, 30, dtype=np.int16)
        best = max(range(30 - 7 + 1), key=lambda start: (wave[start : start + 7].astype(float) ** 2).sum())
        assert np.array_equal(clip(wave, 7), wave[best : best + 7])
    assert clip(np.full(9, -32_767, np.int16), 3).tolist() == [-32_767] * 3


def test_connected_speech_keeps_its_lengths() -> None:
    speech = noises(0.1, 0.3, 0.2, rate=44_100)
    rows = SoundEncoder(16_000, None).encode(speech)
    assert isinstance(rows, Ragged)
    assert rows.shape == (3, 4800)
    assert lengths(rows).tolist() == [1600, 4800, 3200]
    assert np.array_equal(rows[1:2][0].numpy(), speech.samples(1, 16_000))


def test_what_is_large_is_kept_in_a_file_that_nobody_else_sees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    speech = noises(0.1, 0.3, 0.2)
    in_memory = SoundEncoder(8000, None).encode(speech)
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 4000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert isinstance(kept(2001), np.memmap)
    assert not isinstance(kept(2000), np.memmap)
    mapped = SoundEncoder(8000, None).encode(speech)
    assert bool((mapped[:] == in_memory[:]).all())
    assert isinstance(SoundEncoder(8000, 1000).encode(speech), np.ndarray)
    if os.name == "posix":
        assert list(tmp_path.iterdir()) == []
    del mapped
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_is_a_value_that_json_keeps() -> None:
    for encoder in (SoundEncoder(8000, 40), SoundEncoder(16_000, None)):
        assert SoundEncoder.from_json(json.loads(json.dumps(encoder.to_json()))) == encoder
    assert SoundEncoder(8000, 40).names[:3] == ("0 ms", "0.125 ms", "0.25 ms")
    assert (SoundEncoder(8000, 40).shape, SoundEncoder(8000, None).shape) == ((40,), ())
    assert (SoundEncoder(8000, None).names, SoundEncoder(8000, None).text_columns) == (("sound",), ())
    with pytest.raises(ModelFileError, match="the file is damaged"):
        SoundEncoder.from_json({"rate": 8000})
