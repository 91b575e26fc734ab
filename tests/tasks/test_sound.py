"""What only recordings of words do: which sources are theirs, whole speakers held out, spectra for linear models."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from likeliest.data import Recordings, SoundEncoder, recordings_of_arrays, write_recordings
from likeliest.data.sounds import MeanSpectra, single_words
from likeliest.errors import SourceError, TargetError
from likeliest.numerics.mel import mel_filters
from likeliest.tasks import Examples, Words, task_for
from likeliest.tasks.sound_recipe import recipe_for

from ..tones import SPEAKERS, WORDS, tones, write_tones

FRACTIONS = (0.6, 0.2, 0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "tones"
    write_tones(path, 5)
    return path


def examples(folder: Path, recordings: Recordings) -> Examples:
    write_recordings(recordings, folder)
    return Words().load(folder, None, None)


def speakers(of: Examples, rows: np.ndarray) -> set[str]:
    return {of.raw.speakers[row] for row in rows}


def test_few_words_are_told_apart_and_all_else_is_read() -> None:
    assert single_words(["a", "b"] * 5)
    assert not single_words([*["a", "b"] * 5, "c"])  # 11 recordings of 3 words: fewer than five each
    assert not single_words(["a b", "a", "b"] * 5)
    assert single_words([str(k) for k in range(100)] * 5)
    assert not single_words([str(k) for k in range(101)] * 5)
    assert not single_words([])


def test_sources_of_words(folder: Path, tmp_path: Path) -> None:
    for source in (folder, folder / "transcripts.csv"):
        assert task_for(source).name == "words"
        assert task_for(source, None, "categorical").name == "words"
        assert not Words().recognises(source, family="ctc")
    assert task_for(folder / "01.wav", family="categorical").name == "words"  # nothing tells what is said in it
    texts = [f"{a} {b}" for a in WORDS for b in WORDS]
    sentences = recordings_of_arrays([np.sin(np.arange(800) * k) for k in range(1, 10)], 8000, texts=texts)
    write_recordings(sentences, tmp_path)
    assert not Words().recognises(tmp_path)
    assert not Words().recognises(tmp_path / "no such folder")


def test_the_column_of_words_may_be_named(folder: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(folder / "transcripts.csv").rename({"text": "said"}).with_columns(text=pl.lit("one two"))
    frame.with_columns(file=pl.format("{}/{}", pl.lit(str(folder)), "file")).write_csv(tmp_path / "t.csv")
    assert not Words().recognises(tmp_path / "t.csv")
    found = task_for(tmp_path / "t.csv", "said").load(tmp_path / "t.csv", "said", None)
    assert (found.target.name, found.target.classes) == ("said", WORDS)


def test_neither_the_order_nor_the_names_of_files_decide(folder: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(folder / "transcripts.csv")
    moved = frame.sample(fraction=1.0, shuffle=True, seed=3)
    for k, file in enumerate(moved["file"]):
        (tmp_path / f"{k}.wav").write_bytes((folder / file).read_bytes())
    moved.with_columns(file=pl.Series([f"{k}.wav" for k in range(moved.height)])).write_csv(tmp_path / "list.csv")
    one, other = (Words().load(source, None, None) for source in (folder, tmp_path / "list.csv"))
    assert one.sha256 == other.sha256
    np.testing.assert_array_equal(one.y, other.y)
    assert one.raw.digests() == other.raw.digests()


def test_what_cannot_be_told_apart_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"expected categorical for words, or ctc for texts, found --family poisson"):
        Words().load(folder, None, "poisson")
    learnt = Words().load(folder, None, None)
    known = replace(learnt.target, classes=("high", "low"))
    with pytest.raises(TargetError, match=r"\d+\.wav: expected one of the words learnt \(high, low\), found 'rise'"):
        Words().load(folder, None, None, known=type("Known", (), {"target": known}))  # type: ignore[arg-type]
    (tmp_path / "a.wav").write_text("no sound")
    (tmp_path / "transcripts.csv").write_text("file,text\na.wav,one\n")
    with pytest.raises(SourceError, match=r"found that only 0 of 1 can"):
        Words().load(tmp_path, None, "categorical")


def test_speakers_are_held_out_whole(folder: Path) -> None:
    found = Words().load(folder, None, None)
    tested = set()
    for seed in range(8):
        train, validation, test = (speakers(found, rows) for rows in Words().split(found, seed, FRACTIONS))
        assert not train & validation
        assert not (train | validation) & test
        assert train | validation | test == set(SPEAKERS)
        tested |= test
    assert len(tested) > 1  # the seed draws who is tested


@pytest.mark.parametrize("tested", [("emmy",), ("ada", "olga")])
def test_rows_to_choose_by_are_of_strangers_where_test_rows_are(tmp_path: Path, tested: tuple[str, ...]) -> None:
    """A table that sets speakers aside: leaving one out is a column of the table."""
    said = tones(5)
    aside = [row for row, who in enumerate(said.speakers or ()) if who in tested]
    found = examples(tmp_path, replace(said, test=np.array(aside)))
    train, validation, test = Words().split(found, 0, FRACTIONS)
    assert speakers(found, test) == set(tested)
    assert len(speakers(found, validation)) == 1
    assert speakers(found, train) == set(SPEAKERS) - set(tested) - speakers(found, validation)


def test_a_customary_split_has_every_speaker_everywhere(tmp_path: Path) -> None:
    found = examples(tmp_path, replace(tones(6), test=np.arange(0, 72, 6)))  # one take of each word and speaker
    train, validation, test = Words().split(found, 0, FRACTIONS)
    np.testing.assert_array_equal(test, found.aside)
    np.testing.assert_array_equal(np.sort(np.concatenate((train, validation, test))), np.arange(72))
    for rows in (train, validation):
        assert speakers(found, rows) == set(SPEAKERS)
        assert np.ptp(np.bincount(found.y[rows])) <= 1  # class by class


def test_recordings_without_speakers_are_dealt_word_by_word(tmp_path: Path) -> None:
    found = examples(tmp_path, replace(tones(5), speakers=None))
    split = Words().split(found, 0, FRACTIONS)
    assert [np.bincount(found.y[rows]).tolist() for rows in split] == [[12] * 3, [4] * 3, [4] * 3]
    page = Words().glance(found, split, Words().encoder(found, split.train, "linear"))
    assert page["sounds"]["speakers"] is None
    assert not page["sounds"]["strangers"]
    assert page["split"]["method"].endswith("no speakers are known")


def test_a_sound_under_two_words_on_both_sides_is_counted(tmp_path: Path) -> None:
    said = tones(5)
    twin = int(np.flatnonzero(np.array(said.speakers) == "olga")[0])
    sounds = (*said.sounds[:-1], said.sounds[0])  # the last recording, olga's, is ada's first under another word
    found = examples(tmp_path, replace(said, sounds=sounds, test=np.arange(twin, len(said))))
    splits = (Words().split(found, seed, FRACTIONS) for seed in range(20))
    split = next(one for one in splits if "ada" in speakers(found, one.train))
    copies = Words().glance(found, split, Words().encoder(found, split.train, "linear"))["duplicates"]
    assert copies["count"] == 1
    ((held, learnt),) = copies["examples"]
    digests = found.raw.digests()
    assert digests[held - 1] == digests[learnt - 1]
    assert {found.raw.speakers[row - 1] for row in (held, learnt)} == {"ada", "olga"}


def test_clips_are_brought_to_one_level(folder: Path) -> None:
    found = Words().load(folder, None, None)
    clips = Words().encoder(found, np.arange(len(found)), "net").encode(found.raw)
    assert set(np.abs(clips).max(1)) == {16_000}
    plain = SoundEncoder.learn(found.raw).encode(found.raw)
    np.testing.assert_allclose(clips / 16_000, plain / np.abs(plain).max(1, keepdims=True), atol=1 / 16_000)


def test_words_with_one_or_two_recordings_leave_none_to_choose_by(tmp_path: Path) -> None:
    found = examples(tmp_path, replace(tones(2, speakers=("ada",)), speakers=None))
    with pytest.raises(TargetError, match="expected a word with three recordings or more"):
        Words().split(found, 0, FRACTIONS)


@pytest.mark.parametrize(("rate", "seconds"), [(8000, 0.4), (16000, 0.23), (8000, 0.01)])
def test_mean_spectra_are_means_of_spectra_by_torch(rate: int, seconds: float) -> None:
    draws = np.random.default_rng(1)
    wave = np.rint(32768 * np.clip(np.cumsum(draws.normal(size=int(rate * seconds))) / 100, -0.9, 0.9)) / 32768
    points = 256 * rate // 8000
    whole = torch.from_numpy(np.pad(wave, (0, max(points - len(wave), 0))))
    window = torch.hann_window(points, dtype=torch.float64)
    spectrum = torch.stft(whole, points, rate // 100, window=window, center=False, return_complex=True)
    filters = torch.from_numpy(mel_filters(rate, points, 12, 60.0))
    z = (spectrum.abs().square().T @ filters + 1e-6).log().numpy()
    z = (z - z.mean()) / z.std()
    cuts = [(math.floor(i * len(z) / 4), math.ceil((i + 1) * len(z) / 4)) for i in range(4)]
    found = MeanSpectra(SoundEncoder(rate, 8000), 4, 12).encode(recordings_of_arrays([wave], rate))[0]
    np.testing.assert_allclose(found, np.concatenate([z[a:b].mean(0) for a, b in cuts]), rtol=1e-5, atol=1e-6)


def test_a_recipe_spends_its_budget_and_no_more() -> None:
    encoder = SoundEncoder(8000, 8000)
    small, double = (recipe_for(encoder, 2_000, 10, minutes) for minutes in (2.0, 4.0))
    assert double.passes == pytest.approx(2 * small.passes, rel=0.01)
    assert double.predictor.to_json() == small.predictor.to_json()
    assert recipe_for(encoder, 2_000, 10, 60.0).passes == recipe_for(encoder, 2_000, 10, 600.0).passes
    narrow = recipe_for(encoder, 2_000, 10, 0.2)
    assert narrow.predictor.size < small.predictor.size
    assert narrow.passes < small.passes
