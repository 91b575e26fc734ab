"""Samples: as soundfile reads them, and resampled so that tones keep frequency and level and nothing folds back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from likeliest.data import read_recordings, recordings_of_arrays
from likeliest.data.sounds import decoding
from likeliest.data.sounds.decoding import resampled_length
from likeliest.data.sounds.scanning import scan

RNG = np.random.default_rng(0)


def tone(frequency: float, rate: int, seconds: float = 0.5, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def level_at(wave: np.ndarray, frequency: float, rate: int) -> float:
    """The amplitude of one frequency, away from the ends."""
    inner = wave[len(wave) // 8 : -len(wave) // 8] / 32_768
    window = signal.windows.blackmanharris(len(inner))
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(inner)) / rate)
    return float(2 * np.abs((inner * window * turn).sum()) / window.sum())


@pytest.mark.parametrize(("form", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16"), ("aiff", "PCM_16")])
def test_sixteen_bits_come_as_they_are(tmp_path: Path, form: str, subtype: str) -> None:
    values = RNG.integers(-32_767, 32_768, 3000, dtype=np.int16)
    soundfile.write(tmp_path / f"a.{form}", values, 8000, subtype=subtype)
    recordings = read_recordings(tmp_path / f"a.{form}", labelled=False)
    assert (recordings.rates.tolist(), recordings.seconds.tolist()) == ([8000], [0.375])
    assert np.array_equal(recordings.samples(0, 8000), values)


def test_the_lowest_number_of_sixteen_bits_marks_an_end_and_is_no_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([-32_768, 32_767] * 400, dtype=np.int16), 8000)
    assert scan(tmp_path / "a.wav").sound.samples(8000)[:2].tolist() == [-32_767, 32_767]


@pytest.mark.parametrize(
    ("form", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 0),
        ("wav", "PCM_24", 0),
        ("wav", "PCM_32", 0),
        ("wav", "FLOAT", 0),
        ("wav", "ULAW", 0),
        ("flac", "PCM_24", 0),
        ("ogg", "VORBIS", 0),
        ("mp3", "MPEG_LAYER_III", 0),
    ],
)
def test_every_depth_and_format_is_what_soundfile_reads(
    tmp_path: Path, form: str, subtype: str, tolerance: float
) -> None:
    path = tmp_path / f"a.{form}"
    soundfile.write(path, tone(440, 16_000), 16_000, subtype=subtype)
    theirs, rate = soundfile.read(path)
    ours = scan(path).sound.samples(rate)
    assert np.abs(ours - np.clip(np.rint(theirs * 32_768), -32_767, 32_767)).max() <= tolerance
    assert level_at(ours, 440, rate) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(("rate", "wanted"), [(44_100, 16_000), (48_000, 8_000), (96_000, 16_000), (8_000, 16_000)])
def test_a_tone_keeps_its_frequency_and_level(rate: int, wanted: int) -> None:
    for frequency in (100, 1000, 3500):
        ours = recordings_of_arrays([tone(frequency, rate)], rate).samples(0, wanted)
        assert len(ours) == resampled_length(rate // 2, rate, wanted) == wanted // 2
        assert level_at(ours, frequency, wanted) == pytest.approx(0.5, rel=1e-3)
        assert ours.std() / 32_768 == pytest.approx(0.5 / np.sqrt(2), rel=0.01)  # and there is nothing else


@pytest.mark.parametrize(("rate", "wanted", "frequency"), [(44_100, 16_000, 9_000), (96_000, 8_000, 5_000)])
def test_what_cannot_be_held_does_not_fold_back(rate: int, wanted: int, frequency: float) -> None:
    ours = recordings_of_arrays([tone(frequency, rate)], rate).samples(0, wanted)
    inner = ours[len(ours) // 8 : -len(ours) // 8]
    assert np.abs(inner).max() <= 1  # 90 dB below full scale
    bare = tone(frequency, rate)[:: rate // wanted]  # what leaving samples out would give
    assert np.abs(bare).max() > 0.4


@pytest.mark.parametrize(("rate", "wanted"), [(44_100, 16_000), (22_050, 8_000), (8_000, 16_000)])
def test_what_lies_within_both_bands_is_resampled_as_by_scipy(rate: int, wanted: int) -> None:
    band = signal.firwin(301, 0.35 * min(rate, wanted), fs=rate)
    wave = np.convolve(np.random.default_rng(0).normal(size=rate // 2), band, "same").astype(np.float32)
    wave *= 0.5 / np.abs(wave).max()
    ours = recordings_of_arrays([wave], rate).samples(0, wanted) / 32_768
    divisor = np.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    long = signal.firwin(80 * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 12.0))
    theirs = signal.resample_poly(wave, up, down, window=long)
    inner = slice(100, min(len(ours), len(theirs)) - 100)
    assert np.abs(ours[inner] - theirs[inner]).max() < 2e-4


def test_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", RNG.uniform(-0.5, 0.5, (20_000, 2)), 44_100)
    sound = scan(tmp_path / "a.wav").sound
    whole = sound.samples(16_000)
    monkeypatch.setattr(decoding, "_BLOCK", 1 << 10)
    assert np.array_equal(sound.samples(16_000), whole)
    assert scan(tmp_path / "a.wav").sound == sound


def test_channels_are_averaged(tmp_path: Path) -> None:
    waves = RNG.uniform(-0.5, 0.5, (4000, 3))
    soundfile.write(tmp_path / "a.wav", waves, 8000, subtype="DOUBLE")
    ours = scan(tmp_path / "a.wav").sound.samples(8000)
    assert np.abs(ours - 32_768 * waves.mean(1)).max() <= 0.51


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(400, 8000), 8000)
    sound = scan(tmp_path / "a.wav").sound
    (tmp_path / "a.wav").unlink()
    with pytest.raises(ValueError, match=r"a\.wav: cannot be read any longer"):
        sound.samples(8000)


def test_without_soundfile_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", tone(400, 8000), 8000)
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(ValueError, match=r'soundfile, which is not installed; .*pip install "likeliest\[speech\]"'):
        read_recordings(tmp_path / "a.wav", labelled=False)
