"""Recordings whose texts are read, through the verbs, and what is wrong with them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from likeliest.cli import main
from likeliest.model import Model

from ..speaking import write_sentences
from ..tones import RATE, WORDS
from .conftest import Cli, files
from .test_sounds import UNREADABLE, add, encoded, wave

CHEAP = ("--model", "linear", "--budget", "0.0004")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "sentences"
    write_sentences(path, 24)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    path = folder.parent / "sentences.likeliest"
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(folder), "-o", str(path), *CHEAP])
    assert not ended.value.code
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A folder of good recordings to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "new"))


def test_predict_reads_words_with_times_and_says_why_one_could_not_be_read(cli: Cli, model: Path, copy: Path) -> None:
    plain = cli("predict", model, copy)
    table = pl.read_csv(io.StringIO(plain.out))
    assert (plain.err, table.columns, table.height) == ("", ["file", "text", "confidence"], 24)
    assert table["confidence"].is_between(0, 1).all()
    for name, (content, _) in UNREADABLE.items():
        (copy / name).write_bytes(content)
    said = json.loads(cli("predict", model, copy, "--json").out)
    assert {one["file"]: one["error"] for one in said if one["error"]} == {
        name: reason for name, (_, reason) in UNREADABLE.items()
    }
    for one in said:
        if one["error"] is None:
            assert [word["text"] for word in one["words"]] == one["text"].split()
            assert all(0 <= word["start"] < word["end"] and 0 <= word["p"] <= 1 for word in one["words"])
        else:
            assert one["text"] is None


def test_what_was_said_in_silence_and_in_a_long_recording(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(encoded(np.zeros(RATE)))
    pause = np.random.default_rng(0).normal(0, 1e-3, 2 * RATE)
    long = np.concatenate([np.r_[wave(word), pause] for word in WORDS * 11])
    (tmp_path / "long.wav").write_bytes(encoded(long))
    assert len(long) > 60 * RATE
    one, other = json.loads(cli("predict", model, tmp_path, "--json").out)
    assert (other["file"], other["text"], other["words"]) == ("silence.wav", "", [])
    starts = [word["start"] for word in one["words"]]
    assert starts == sorted(starts)
    assert all(word["end"] <= len(long) / RATE for word in one["words"])


def test_evaluate_judges_texts_and_names_a_character_that_was_not_learnt(cli: Cli, model: Path, copy: Path) -> None:
    found = json.loads(cli("evaluate", model, copy, "--json").out)
    assert found["rows"] == 24
    assert {"nll_test", "wer_test", "wer_interval", "cer_test", "edits", "calibration"} <= set(found)
    assert "wrong words" in cli("evaluate", model, copy).out
    (copy / "other.wav").write_bytes(encoded(wave()))
    add(copy, [("other.wav", "שלום", "ada")])
    ran = cli("evaluate", model, copy)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "other.wav: " in ran.err


@pytest.mark.parametrize("verb", ["study", "fit", "race"])
def test_a_text_that_its_recording_is_too_short_for_is_named(cli: Cli, copy: Path, verb: str) -> None:
    (copy / "short.wav").write_bytes(encoded(wave()))
    add(copy, [("short.wav", "low high " * 20, "ada")])
    before, out = files(copy.parent), copy.parent / "out"
    ran = cli(verb, copy, *{"study": ["--out", out], "fit": ["-o", out], "race": []}[verb])
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "short.wav" in ran.err
    assert files(copy.parent) == before


def test_families_that_do_not_fit_are_refused_with_the_remedy(cli: Cli, copy: Path) -> None:
    ran = cli("fit", copy, "-o", copy.parent / "m", "--family", "poisson")
    assert (ran.code, ran.out) == (2, "")
    assert "expected categorical for words, or ctc for texts, found --family poisson" in ran.err
    table = pl.read_csv(copy / "transcripts.csv")
    table.with_columns(text=pl.format("{} {}", "text", pl.int_range(pl.len()))).write_csv(copy / "transcripts.csv")
    ran = cli("fit", copy, "-o", copy.parent / "m", "--family", "categorical")
    assert (ran.code, ran.out) == (2, "")
    assert "leave out --family categorical" in ran.err
    assert not (copy.parent / "m").exists()


def test_texts_are_read_in_the_unit_and_with_the_sentences_that_were_asked_for(cli: Cli, copy: Path) -> None:
    file, out = copy.parent / "more.txt", copy.parent / "m.likeliest"
    file.write_text("high low\n" * 9)
    assert cli("fit", copy, "-o", out, *CHEAP, "--unit", "word", "--sentences", file).code == 0
    reads = Model.load(out).transcriber
    assert reads is not None
    assert reads.alphabet.unit == "word"
    ran = cli("fit", copy, "-o", copy.parent / "n", *CHEAP, "--unit", "phoneme")
    assert (ran.code, ran.out) == (2, "")
    assert "no unit 'phoneme' of texts" in ran.err
    file.write_text("dyadya\n")
    ran = cli("fit", copy, "-o", copy.parent / "n", *CHEAP, "--sentences", file)
    assert (ran.code, ran.out) == (2, "")
    assert "more.txt: expected sentences of" in ran.err
    assert not (copy.parent / "n").exists()


def test_race_and_check(cli: Cli, model: Path, folder: Path) -> None:
    raced = json.loads(cli("race", folder, "--rules", "adam,sgd", *CHEAP[2:], "--json").out)
    assert {row["rule"] for row in raced["rows"]} == {"adam", "sgd"}
    assert cli("check", model).code == 0
