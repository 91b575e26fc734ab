"""Folders of recordings through the verbs, and what is wrong with them."""

from __future__ import annotations

import io
import json
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import polars.testing
import pytest
import soundfile
from PIL import Image

from likeliest.cli import main

from ..tones import RATE, WORDS, tone, write_tones
from .conftest import Cli, files

CHEAP = ("--model", "linear", "--budget", "0.0004")
DRAWS = np.random.default_rng(11)


def wave(word: str = "low", speaker: int = 0) -> np.ndarray:
    return tone(word, speaker, DRAWS)


def encoded(values: np.ndarray, subtype: str | None = None, rate: int = RATE, form: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def lying() -> bytes:
    content = bytearray(encoded(wave()))
    struct.pack_into("<I", content, 24, 2 * RATE)  # twice the samples a second, and as many bytes
    return bytes(content)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (20, 20)).save(buffer, "png")
    return buffer.getvalue()


def hour() -> bytes:
    loud = np.tile(np.r_[DRAWS.uniform(-0.5, 0.5, 700), np.zeros(300)], 3600)
    return encoded(loud, "PCM_U8", rate=1000)


def holed(share: float) -> np.ndarray:
    values = wave()
    values[: round(share * len(values))] = np.nan
    return values


UNREADABLE = {
    "nothing.wav": (b"", "an empty file"),
    "header.wav": (encoded(np.zeros(0)), "no samples"),
    "truncated.wav": (encoded(wave())[:900], "cut short"),
    "lying.wav": (lying(), "a header that contradicts itself or the file"),
    "nan.wav": (encoded(holed(0.4), "FLOAT"), "samples that are no numbers (NaN or infinite)"),
    "picture.wav": (picture(), "no sound, but a picture"),
}
"""What nobody can hear anything in."""
UNLEARNABLE = {
    "silence.wav": (encoded(np.zeros(1600)), "silence only"),
    "hour.wav": (hour(), "longer than 60 seconds: cut it into utterances, each with its text"),
}
"""What can be predicted, and not learnt from."""
HANDLED = {
    "clipped.wav": (encoded(8 * wave()), "clipped: peaks cut off at full scale", "kept"),
    "hole.wav": (encoded(holed(0.01), "FLOAT"), "some samples that are no numbers (NaN or infinite)", "set to silence"),
    "loud.wav": (encoded(9 * wave(), "FLOAT"), "floating-point samples beyond ±1", "scaled down to ±1"),
    "dead.wav": (encoded(np.outer(wave(), [1, 0])), "a channel without sound", "the others used"),
}
"""What is learnt from, and told of."""
UNREMARKABLE = {
    "eight.wav": encoded(wave(), "PCM_U8"),
    "many.wav": encoded(wave(), "PCM_24"),
    "float.wav": encoded(wave(), "FLOAT"),
    "studio.wav": encoded(np.repeat(wave(), 12), rate=96_000),
    "free.flac": encoded(wave(), form="FLAC"),
    "ogg.ogg": encoded(wave(), form="OGG"),
}
"""What is only of another form."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "tones"
    write_tones(path, 4)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    path = folder.parent / "tones.likeliest"
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(folder), "-o", str(path), *CHEAP])
    assert not ended.value.code
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A folder of good recordings to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "new"))


def add(folder: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Add rows of file, text and speaker to a table of transcripts."""
    table = pl.read_csv(folder / "transcripts.csv")
    more = pl.DataFrame(list(rows), schema=["file", "text", "speaker"], orient="row")
    pl.concat([table, more], how="diagonal").write_csv(folder / "transcripts.csv")


def told(cli: Cli, folder: Path, out: Path) -> tuple[dict[str, tuple[str, str]], dict[str, object]]:
    """What `fit` says was not as expected, by name; and all else that it says of the data. No input is touched."""
    before = files(folder)
    ran = cli("fit", folder, "-o", out, *CHEAP, "--json")
    assert ran.code == 0, ran.err
    assert files(folder) == before
    data = json.loads(ran.out)["data"]
    problems = data["sounds"]["problems"]
    assert all(one["count"] >= len(one["names"]) > 0 for one in problems)
    return {name: (one["reason"], one["done"]) for one in problems for name in one["names"]}, data


def test_everything_wrong_at_once_is_counted_by_name_and_the_rest_is_learnt(cli: Cli, copy: Path) -> None:
    bad = {name: content for name, (content, _) in (UNREADABLE | UNLEARNABLE).items()}
    good = UNREMARKABLE | {name: content for name, (content, *_) in HANDLED.items()}
    for name, content in (bad | good).items():
        (copy / name).write_bytes(content)
    add(copy, [(name, "low", "ada") for name in bad | good])
    found, data = told(cli, copy, copy.parent / "m")
    expected = {name: (reason, "left out") for name, (_, reason) in (UNREADABLE | UNLEARNABLE).items()}
    assert found == expected | {name: (reason, done) for name, (_, reason, done) in HANDLED.items()}
    assert (data["rows"], data["rows_dropped"]) == (48 + len(bad | good), len(bad))
    said = cli("fit", copy, "-o", copy.parent / "m", *CHEAP).out
    assert "Not as usual 1 an empty file, left out (nothing.wav); " in said


def test_texts_tables_and_speakers_are_counted_by_name(cli: Cli, copy: Path) -> None:
    names = [f"x{k}.wav" for k in range(7)]
    for name in (*names, "unlisted.wav"):
        (copy / name).write_bytes(encoded(wave()))
    texts = ["Low", "LOW!", "low 😀", "😀", "7", "שָׁלוֹם", "once"]
    add(copy, zip(names, texts, ["ada"] * 7, strict=True))
    add(copy, [("gone.wav", "low", "ada"), ("x1.wav", "LOW!", "ada"), ("x0.wav", "", "ada")])
    _, data = told(cli, copy, copy.parent / "m")
    assert [one["name"] for one in data["target"]["classes"]] == ["7", "high", "low", "once", "rise", "שָׁלוֹם"]
    counts = {(one["reason"], one["done"]): (one["count"], one["names"]) for one in data["sounds"]["problems"]}
    assert counts == {
        ("without a text", "left out"): (1, ["x0.wav"]),
        ("listed more than once with one text", "counted once"): (1, ["x1.wav"]),
        ("a file without a transcript", "left out"): (1, ["unlisted.wav"]),
        ("a transcript without a file", "left out"): (1, ["gone.wav"]),
        ("upper case in the text", "made lower case"): (2, ["x0.wav", "x1.wav"]),
        ("punctuation or symbols in the text", "taken out"): (1, ["x1.wav"]),
        ("emoji in the text", "taken out"): (2, ["x2.wav", "x3.wav"]),
        ("a text of which nothing is left", "left out"): (1, ["x3.wav"]),
        ("digits in the text", "kept as they are; write numbers out as they are spoken"): (1, ["x4.wav"]),
        ("a word with one recording", "kept; it cannot be tested"): (3, ["7", "once", "שָׁלוֹם"]),
    }
    assert data["rows_dropped"] == 4


def test_one_file_under_two_texts_and_twice_under_one(cli: Cli, copy: Path) -> None:
    (copy / "again.wav").write_bytes((copy / "01.wav").read_bytes())
    (copy / "other.wav").write_bytes((copy / "02.wav").read_bytes())
    table = pl.read_csv(copy / "transcripts.csv")
    add(copy, [("again.wav", table["text"][0], "ada"), ("other.wav", "rise", "ada")])
    found, data = told(cli, copy, copy.parent / "m")
    assert found == {
        "again.wav = 01.wav": ("the same sound as another recording, with the same text", "left out"),
        "other.wav = 02.wav": ("the same sound under two texts, of which one is wrong", "kept under both"),
    }
    assert data["rows_dropped"] == 1


def test_one_speaker_or_none_is_learnt_from_and_said(cli: Cli, copy: Path) -> None:
    table = pl.read_csv(copy / "transcripts.csv")
    table.with_columns(speaker=pl.lit("ada")).write_csv(copy / "transcripts.csv")
    found, data = told(cli, copy, copy.parent / "m")
    assert found == {"ada": ("the only speaker", "kept; what is measured holds for this speaker alone")}
    assert data["split"]["method"] == "at random, word by word; speakers of test recordings are learnt from too"
    table.drop("speaker").write_csv(copy / "transcripts.csv")
    found, data = told(cli, copy, copy.parent / "m")
    assert (found, data["sounds"]["speakers"]) == ({}, None)
    assert data["split"]["method"] == "at random, word by word; no speakers are known"


def test_predict_names_each_file_and_says_why_one_could_not_be_read(cli: Cli, model: Path, copy: Path) -> None:
    plain = cli("predict", model, copy)
    table = pl.read_csv(io.StringIO(plain.out))
    assert table.columns == ["file", "prediction", *(f"p_{word}" for word in WORDS)]
    assert (plain.err, table.height) == ("", 48)
    for name, (content, _) in (UNREADABLE | UNLEARNABLE).items():
        (copy / name).write_bytes(content)
    ran = cli("predict", model, copy, "-o", copy.parent / "p.csv")
    assert (ran.code, ran.out) == (0, f"56 rows predicted in {copy.parent / 'p.csv'}\n")
    written = pl.read_csv(copy.parent / "p.csv")
    assert written.columns == [*table.columns, "error"]
    reasons = dict(written.filter(pl.col("prediction").is_null()).select("file", "error").rows())
    assert reasons == {name: reason for name, (_, reason) in UNREADABLE.items()} | {
        "silence.wav": "silence only",
        "hour.wav": "longer than 60 seconds: cut it into single words",
    }
    lines = [f"likeliest: {name}: {reason}" for name, reason in sorted(reasons.items())]
    assert ran.err.splitlines() == ["likeliest: 8 files could not be used; their rows say why", *lines]
    assert written.drop_nulls("prediction").drop("error").equals(table)  # the others are as if they were not there


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_single_file_that_cannot_be_read_is_refused(cli: Cli, model: Path, tmp_path: Path, name: str) -> None:
    content, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    before = files(tmp_path)
    ran = cli("predict", model, tmp_path / name, "-o", tmp_path / "p.csv")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(f"found none among 1; the first is {name} ({reason})\n")
    assert files(tmp_path) == before


def test_a_single_recording_of_any_form_is_predicted(cli: Cli, model: Path, tmp_path: Path) -> None:
    for name, content in (UNREMARKABLE | {name: content for name, (content, *_) in HANDLED.items()}).items():
        (tmp_path / name).write_bytes(content)
    table = pl.read_csv(io.StringIO(cli("predict", model, tmp_path).out))
    assert dict(table.select("file", "prediction").rows()) == dict.fromkeys({*UNREMARKABLE, *HANDLED}, "low")
    one = pl.read_csv(io.StringIO(cli("predict", model, tmp_path / "studio.wav").out))
    pl.testing.assert_frame_equal(one, table.filter(file="studio.wav"), rel_tol=1e-9)


def test_evaluate_judges_words_and_refuses_one_that_was_not_learnt(cli: Cli, model: Path, copy: Path) -> None:
    found = json.loads(cli("evaluate", model, copy, "--json").out)
    assert (found["rows"], found["accuracy_test"]) == (48, 1.0)
    (copy / "star.wav").write_bytes(encoded(wave()))
    add(copy, [("star.wav", "star", "ada")])
    ran = cli("evaluate", model, copy)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("likeliest: star.wav: expected one of the words learnt (high, low, rise), found 'star';")


def test_race_and_check(cli: Cli, model: Path, folder: Path) -> None:
    raced = json.loads(cli("race", folder, "--rules", "adam,sgd", *CHEAP[2:], "--json").out)
    assert {row["rule"] for row in raced["rows"]} == {"adam", "sgd"}
    checked = cli("check", model, "--data", folder)
    assert checked.code == 0, checked.out


@pytest.mark.parametrize("verb", ["study", "fit", "race"])
def test_folders_that_cannot_be_learnt_from(cli: Cli, copy: Path, verb: str) -> None:
    out = copy.parent / "out"

    def refused(*more: str) -> str:
        before = files(copy.parent)
        ran = cli(verb, copy, *{"study": ["--out", out], "fit": ["-o", out], "race": []}[verb], *more)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert files(copy.parent) == before
        return ran.err

    table = pl.read_csv(copy / "transcripts.csv")

    def transcripts(of: pl.DataFrame) -> None:
        of.write_csv(copy / "transcripts.csv")

    assert "expected categorical for words, or ctc for texts, found --family poisson" in refused("--family", "poisson")
    assert "expected a column 'said' of texts, found 'file', 'text', 'speaker'" in refused("--target", "said")
    transcripts(table.drop("text"))
    assert "expected a column of texts (text, transcript or sentence), found 'file', 'speaker'" in refused()
    transcripts(table.rename({"file": "name"}))
    assert "expected a column of files (file or path), found 'name', 'text', 'speaker'; rename it" in refused()
    transcripts(table.with_columns(file="missing " + pl.col("file")))
    assert "found that only 0 of 48 can (missing 01.wav: a transcript without a file;" in refused()
    transcripts(table.with_columns(text=pl.lit("😀 …")))
    assert "expected recordings, found none, but 01.wav (" in refused()
    transcripts(table.with_columns(text=pl.lit("low")))
    assert "expected recordings of two words or more, found only 'low'; add those of another" in refused()
    (copy / "transcripts.csv").write_bytes(b"file,text\n01.wav,caf\xe9\n")
    assert "line 2: expected UTF-8 text, found the byte 0xe9" in refused()
    (copy / "transcripts.csv").unlink()
    assert (
        "expected recordings in one folder for each word, found 48 in no word (01.wav, 02.wav, 03.wav, …)" in refused()
    )
    for path in copy.iterdir():
        path.write_bytes(b"")
    assert "expected recordings in one folder for each word" in refused()


def test_folders_of_which_nothing_can_be_predicted(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert "expected recordings, found none" in cli("predict", model, tmp_path / "none").err
    (tmp_path / "none" / "a.txt").write_text("hello")
    ran = cli("predict", model, tmp_path / "none", "-o", tmp_path / "p.csv")
    assert (ran.code, list(tmp_path.iterdir())) == (2, [tmp_path / "none"])
    assert "expected recordings, found none" in ran.err
    assert "no such file or folder" in cli("predict", model, tmp_path / "nowhere.wav").err
