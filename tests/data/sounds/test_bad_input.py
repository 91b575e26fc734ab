"""Recordings as they come: damaged, lying, silent, disguised, in every depth. Each is named; none ends in a crash."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from likeliest.data import Recordings, TextRules, pauses, read_recordings
from likeliest.errors import SourceError, TableError

RNG = np.random.default_rng(0)
RATE = 8000


def wave(seconds: float = 0.2) -> np.ndarray:
    return RNG.uniform(-0.5, 0.5, round(RATE * seconds))


def encoded(values: np.ndarray, form: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate, format=form, subtype=subtype)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two words of three good recordings each."""
    for word in ("yes", "no"):
        (tmp_path / word).mkdir()
        for take in range(3):
            (tmp_path / word / f"{take}.wav").write_bytes(encoded(wave()))
    return tmp_path


def told(recordings: Recordings, name: str) -> list[tuple[str, str]]:
    return [(p.reason, p.done) for p in recordings.problems if p.name == name]


def read_with(folder: Path, content: bytes, name: str = "yes/bad.wav", **options: object) -> Recordings:
    (folder / name).write_bytes(content)
    recordings = read_recordings(folder, **options)  # type: ignore[arg-type]
    assert {"yes/0.wav", "no/2.wav"} <= set(recordings.names)
    return recordings


def left_out(folder: Path, content: bytes, name: str = "yes/bad.wav") -> str:
    recordings = read_with(folder, content, name)
    assert len(recordings) == 6
    ((reason, done),) = told(recordings, name)
    assert done == "left out"
    return reason


def handled(folder: Path, content: bytes) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The samples of one file more in the folder, and what is told of it."""
    recordings = read_with(folder, content)
    row = recordings.names.index("yes/bad.wav")
    return recordings.samples(row, int(recordings.rates[row])), told(recordings, "yes/bad.wav")


# --- what cannot be used ----------------------------------------------------------------------------------------------


def test_a_file_of_no_length(folder: Path) -> None:
    assert left_out(folder, b"") == "an empty file"


def test_a_header_alone(folder: Path) -> None:
    assert left_out(folder, encoded(np.zeros(0))) == "no samples"


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_file_cut_short(folder: Path, form: str) -> None:
    content = encoded(wave(0.5), form)
    reason = left_out(folder, content[: len(content) // 2], f"yes/bad.{form.lower()}")
    assert reason in (("cut short",) if form in ("WAV", "MP3") else ("cut short", "damaged"))


@pytest.mark.parametrize(
    ("place", "form", "value", "reason"),
    [
        (40, "<I", 10**6, "cut short"),  # more samples than there are
        (40, "<I", 800, "a header that contradicts itself or the file"),  # fewer
        (40, "<I", 0, "a header that contradicts itself or the file"),
        (22, "<H", 2, "a header that contradicts itself or the file"),  # channels
        (22, "<H", 0, "a header that contradicts itself or the file"),
        (24, "<I", 16_000, "a header that contradicts itself or the file"),  # rate
        (34, "<H", 24, "a header that contradicts itself or the file"),  # bits
        (34, "<H", 8, "a header that contradicts itself or the file"),
        (20, "<H", 0x0161, "damaged"),  # another codec
    ],
)
def test_a_header_that_lies(folder: Path, place: int, form: str, value: int, reason: str) -> None:
    content = bytearray(encoded(-0.01 - np.abs(wave())))  # no sample of these bytes looks like the name of a chunk
    struct.pack_into(form, content, place, value)
    assert left_out(folder, bytes(content)) == reason


@pytest.mark.parametrize("rate", [10, 2_000_000])
def test_a_rate_that_no_recording_has(folder: Path, rate: int) -> None:
    assert left_out(folder, encoded(wave(), rate=rate)) == f"a sample rate of {rate:,} Hz, which no recording has"


def test_a_flac_that_claims_days(folder: Path) -> None:
    content = bytearray(encoded(wave(), "FLAC"))
    content[21] |= 0x0F  # the upper bits of 36 that count its samples
    assert left_out(folder, bytes(content), "yes/bad.flac") in ("cut short", "damaged")


def test_a_wav_written_to_a_pipe_is_read(folder: Path) -> None:
    content = bytearray(encoded(wave()))
    struct.pack_into("<I", content, 4, 2**32 - 1)
    struct.pack_into("<I", content, 40, 2**32 - 1)
    samples, problems = handled(folder, bytes(content))
    assert (len(samples), problems) == (1600, [])


def test_no_damage_ends_in_a_crash(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"good{number}.wav").write_bytes(encoded(wave(0.1)))
    for form in ("wav", "flac", "ogg"):
        content = encoded(wave(0.1), form)
        for number in range(12):
            bad = bytearray(content)
            for place in RNG.integers(0, len(bad), 3):
                bad[place] = RNG.integers(256)
            (tmp_path / f"bad{number}.{form}").write_bytes(bad)
    recordings = read_recordings(tmp_path, labelled=False)
    assert len(recordings) + sum(p.done == "left out" for p in recordings.problems) == 76
    assert all(len(recordings.samples(row, 16_000)) for row in range(len(recordings)))


def test_a_picture_named_wav(folder: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (20, 20)).save(buffer, "png")
    assert left_out(folder, buffer.getvalue()) == "no sound, but a picture"
    assert left_out(folder, b"yes, no\n" * 30) == "no sound, but text"


def test_silence_only(folder: Path) -> None:
    assert left_out(folder, encoded(np.full(1600, 0.25))) == "silence only"
    (folder / "silent.wav").write_bytes(encoded(np.zeros(1600)))
    silent = read_recordings(folder / "silent.wav", labelled=False)  # what is predicted has no text to lose
    assert silent.findings() == ["1 × silence only; kept: silent.wav"]


def test_a_click_is_no_word(folder: Path) -> None:
    assert left_out(folder, encoded(wave(0.04))) == "shorter than 0.05 seconds"


def test_mostly_no_numbers(folder: Path) -> None:
    values = wave()
    values[::5] = np.nan
    assert left_out(folder, encoded(values, subtype="FLOAT")) == "samples that are no numbers (NaN or infinite)"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(folder: Path) -> None:
    (folder / "yes" / "bad.wav").write_bytes(encoded(wave()))
    (folder / "yes" / "bad.wav").chmod(0)
    assert told(read_recordings(folder), "yes/bad.wav") == [("no permission to read it", "left out")]


def test_a_source_of_which_most_cannot_be_used_is_refused(folder: Path) -> None:
    for number in range(7):
        (folder / "yes" / f"bad{number}.wav").write_bytes(b"")
    with pytest.raises(SourceError, match=r"only 6 of 13 can \(yes/bad0\.wav: an empty file; .*\); see to the files"):
        read_recordings(folder)
    assert len(read_recordings(folder, labelled=False)) == 6  # what is predicted does not wait for the rest
    with pytest.raises(SourceError, match="only 0 of 1 can"):
        read_recordings(folder / "yes" / "bad0.wav", labelled=False)


def test_no_link_gives_a_recording_a_word_that_is_not_its_own(folder: Path) -> None:
    (folder / "yes" / "other").symlink_to(folder / "no", target_is_directory=True)
    (folder / "no" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "no" / "again.wav").symlink_to(folder / "no" / "0.wav")
    recordings = read_recordings(folder)
    assert recordings.names == ("no/0.wav", "no/1.wav", "no/2.wav", "yes/0.wav", "yes/1.wav", "yes/2.wav")
    assert recordings.texts == ("no",) * 3 + ("yes",) * 3
    assert told(recordings, "yes/other") == told(recordings, "no/up")
    assert told(recordings, "no/up") == [("a link to a folder that is read already", "not followed")]
    assert told(recordings, "no/again.wav") == [("another name of a file that is there already", "counted once")]


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(SourceError, match=r"expected recordings, found none, but notes \(a folder without recordings"):
        read_recordings(tmp_path)


# --- what is handled and told -----------------------------------------------------------------------------------------


def test_a_few_samples_that_are_no_numbers_are_silence(folder: Path) -> None:
    values = wave()
    expected = values.copy()
    values[[3, 700]], expected[[3, 700]] = [np.nan, np.inf], 0
    samples, problems = handled(folder, encoded(values, subtype="DOUBLE"))
    assert problems == [("some samples that are no numbers (NaN or infinite)", "set to silence")]
    assert np.abs(samples - 32_768 * expected).max() <= 0.51


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "PCM_24"])
def test_clipped_samples_are_told(folder: Path, subtype: str) -> None:
    loud = 3 * np.sin(np.arange(1600) / 20)
    assert handled(folder, encoded(loud, subtype=subtype))[1] == [("clipped: peaks cut off at full scale", "kept")]
    assert handled(folder, encoded(loud / 3.1, subtype=subtype))[1] == []


def test_clipping_is_seen_across_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from likeliest.data.sounds import decoding

    monkeypatch.setattr(decoding, "_BLOCK", 400)
    values = wave()
    values[398:401] = 1
    assert handled(folder, encoded(values))[1] == [("clipped: peaks cut off at full scale", "kept")]
    values[398] = 0
    assert handled(folder, encoded(values))[1] == []


def test_floats_beyond_one_are_scaled(folder: Path) -> None:
    values = wave() * 20_000  # written on the scale of integers
    samples, problems = handled(folder, encoded(values, subtype="FLOAT"))
    assert problems == [("floating-point samples beyond ±1", "scaled down to ±1")]
    assert np.abs(samples - 32_768 * values / np.abs(values).max()).max() <= 1.01


@pytest.mark.parametrize(("subtype", "step"), [("PCM_U8", 1 / 128), ("PCM_24", 2**-16), ("FLOAT", 2**-16)])
def test_depths(folder: Path, subtype: str, step: float) -> None:
    values = wave()
    samples, problems = handled(folder, encoded(values, subtype=subtype))
    assert (problems, np.abs(samples / 32_768 - values).max() <= 1.1 * step) == ([], True)


@pytest.mark.parametrize("dead", [0.0, 0.3])
def test_a_dead_channel_is_not_averaged(folder: Path, dead: float) -> None:
    values = wave()
    hum = dead + 1e-4 * RNG.normal(size=1600)
    samples, problems = handled(folder, encoded(np.stack([values, hum], 1)))
    assert problems == [("a channel without sound", "the others used")]
    assert np.abs(samples - 32_768 * values).max() <= 1


def test_96_khz(folder: Path) -> None:
    values = np.sin(np.arange(96_000 // 5) / 40)
    recordings = read_with(folder, encoded(values, rate=96_000))
    row = recordings.names.index("yes/bad.wav")
    assert (told(recordings, "yes/bad.wav"), recordings.rates[row]) == ([], 96_000)
    assert recordings.samples(row, 16_000).shape == (3200,)


def test_an_hour_in_one_file(folder: Path) -> None:
    hour = np.zeros(3600 * 1000, dtype=np.int16)
    for start in range(5000, len(hour), 20_000):
        hour[start : start + 12_000] = RNG.integers(-9000, 9000, 12_000)
    content = encoded(hour, subtype="PCM_U8", rate=1000)
    reason = "longer than 60 seconds: cut it into utterances, each with its text"
    assert left_out(folder, content) == reason
    long = read_recordings(folder / "yes" / "bad.wav", labelled=False)
    assert (long.seconds.tolist(), long.problems) == ([3600.0], ())
    pieces = pauses(long.samples(0, 1000), 1000)
    assert max(end - start for start, end in pieces) <= 30
    assert len(pieces) == 180


# --- texts, tables, speakers ------------------------------------------------------------------------------------------


def with_table(folder: Path, rows: list[tuple[str, ...]], head: str = "file,text") -> Path:
    (folder / "transcripts.csv").write_text("\n".join([head, *(",".join(row) for row in rows)]), encoding="utf-8")
    return folder


ROWS = [(f"{word}/{take}.wav", word) for word in ("yes", "no") for take in range(3)]


def test_a_transcript_without_a_file_and_a_file_without_a_transcript(folder: Path) -> None:
    recordings = read_recordings(with_table(folder, [*ROWS[1:], ("gone.wav", "yes"), ("", "no"), ("no/1.wav", "")]))
    assert len(recordings) == 5
    assert told(recordings, "gone.wav") == [("a transcript without a file", "left out")]
    assert told(recordings, "yes/0.wav") == [("a file without a transcript", "left out")]
    assert told(recordings, "transcripts.csv row 7") == [("without a file", "left out")]
    assert told(recordings, "no/1.wav") == [("without a text", "left out")]


def test_duplicate_rows(folder: Path) -> None:
    recordings = read_recordings(with_table(folder, [*ROWS, ROWS[0], ("no/2.wav", "nope")]))
    assert len(recordings) == 7
    assert told(recordings, "yes/0.wav") == [("listed more than once with one text", "counted once")]
    reason = "the same sound under two texts, of which one is wrong"
    assert told(recordings, "no/2.wav = no/2.wav") == [(reason, "kept under both")]


def test_two_names_for_one_file(folder: Path) -> None:
    content = (folder / "yes" / "0.wav").read_bytes()
    recordings = read_with(folder, content)
    assert len(recordings) == 6
    reason = "the same sound as another recording, with the same text"
    assert told(recordings, "yes/bad.wav = yes/0.wav") == [(reason, "left out")]


def test_texts_are_brought_to_one_spelling_and_counted(folder: Path) -> None:
    texts = ["Yes.", "YES", "no 🙂", "route 66", "שלום!", "🙂"]
    recordings = read_recordings(with_table(folder, [(row[0], text) for row, text in zip(ROWS, texts, strict=True)]))
    assert recordings.texts == ("yes", "yes", "no", "route 66", "שלום")
    assert recordings.findings() == [
        "2 × upper case in the text; made lower case: yes/0.wav, yes/1.wav",
        "2 × punctuation or symbols in the text; taken out: yes/0.wav, no/1.wav",
        "2 × emoji in the text; taken out: yes/2.wav, no/2.wav",
        "1 × digits in the text; kept as they are; write numbers out as they are spoken: no/0.wav",
        "1 × a text of which nothing is left; left out: no/2.wav",
    ]
    kept = read_recordings(folder, rules=TextRules(case="keep", keep=".!🙂"))
    assert kept.texts == ("Yes.", "YES", "no 🙂", "route 66", "שלום!", "🙂")


def test_one_speaker_and_a_word_heard_once(folder: Path) -> None:
    rows = [(*row, "ada") for row in ROWS[:-1]] + [("no/2.wav", "maybe", "ada")]
    recordings = read_recordings(with_table(folder, rows, "file,text,speaker"))
    assert told(recordings, "ada") == [("the only speaker", "kept; what is measured holds for this speaker alone")]
    assert told(recordings, "maybe") == [("a word with one recording", "kept; it cannot be tested")]


def test_sentences_are_said_once(folder: Path) -> None:
    rows = [(row[0], f"sentence {'abcdef'[i]}") for i, row in enumerate(ROWS)]
    assert read_recordings(with_table(folder, rows)).problems == ()


def test_rows_without_a_speaker(folder: Path) -> None:
    rows = [(*row, "" if i == 2 else "ada") for i, row in enumerate(ROWS)]
    recordings = read_recordings(with_table(folder, rows, "file,text,speaker"))
    assert recordings.speakers == ("ada", "ada", "unknown", "ada", "ada", "ada")
    assert told(recordings, "yes/2.wav") == [("without a speaker", "taken for one called 'unknown'")]


def test_a_table_from_windows(folder: Path) -> None:
    lines = ["file;text", *(f"{file.replace('/', chr(92))};{text}" for file, text in ROWS)]
    (folder / "transcripts.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    recordings = read_recordings(folder)
    assert (len(recordings), recordings.problems) == (6, ())


def test_a_table_that_cannot_be_read_is_refused(folder: Path) -> None:
    path = folder / "transcripts.csv"
    path.write_bytes(b"file,text\nyes/0.wav,caf\xe9\n")
    with pytest.raises(TableError, match="line 2: expected UTF-8 text, found the byte 0xe9"):
        read_recordings(path)
    with pytest.raises(TableError, match="line 2: expected UTF-8 text"):
        read_recordings(folder)
    path.write_text("name,age\nada,36\n")
    with pytest.raises(TableError, match=r"a column of files \(file or path\), found 'name', 'age'; rename"):
        read_recordings(folder)
