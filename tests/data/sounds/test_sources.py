"""Where recordings come from: folders and tables, one result; what is recognised; the digits as they are published."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image

from likeliest.data import Recordings, catalogue, is_recordings, read_recordings, recordings_of_arrays, write_recordings
from likeliest.errors import SourceError, TableError, TargetError

RNG = np.random.default_rng(0)
WORDS = ("yes", "no", "stop")


def wave(seconds: float = 0.1) -> np.ndarray:
    return RNG.uniform(-0.5, 0.5, round(8000 * seconds))


def put(path: Path, values: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave() if values is None else values, 8000)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three words of four recordings each."""
    for word in WORDS:
        for take in range(4):
            put(tmp_path / word / f"{take}.wav")
    return tmp_path


def table(path: Path, rows: list[dict[str, str]], separator: str = ",", **options: str) -> Path:
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, rows[0], delimiter=separator, **options)
        writer.writeheader()
        writer.writerows(rows)
    return path


def listed(folder: Path, *, file: str = "file", text: str = "text") -> list[dict[str, str]]:
    paths = sorted(folder.rglob("*.wav"))
    return [{file: path.relative_to(folder).as_posix(), text: path.parent.name} for path in paths]


def same(first: Recordings, second: Recordings) -> bool:
    one, two = first.in_canonical_order(), second.in_canonical_order()
    return (one.texts, one.speakers, one.digests()) == (two.texts, two.speakers, two.digests()) and all(
        np.array_equal(one.samples(row, 16_000), two.samples(row, 16_000)) for row in range(len(one))
    )


def test_a_folder_and_a_table_are_the_same_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    by_word = read_recordings(folder)
    assert (len(by_word), by_word.problems, by_word.speakers) == (12, (), None)
    assert by_word.texts == tuple(word for word in sorted(WORDS) for _ in range(4))
    assert by_word.names[:2] == ("no/0.wav", "no/1.wav")
    by_table = read_recordings(table(folder / "list.csv", listed(folder)[::-1]))
    assert same(by_word, by_table)
    assert same(by_word, read_recordings(folder))  # by its table now


@pytest.mark.parametrize(("file", "text"), [("path", "sentence"), ("Filename", "TRANSCRIPT"), (" wav ", "label")])
@pytest.mark.parametrize(("separator", "options"), [(",", {}), (";", {"encoding": "utf-8-sig"}), ("\t", {})])
def test_other_names_and_separators(
    folder: Path, file: str, text: str, separator: str, options: dict[str, str]
) -> None:
    table(folder / "transcripts.csv", listed(folder, file=file, text=text), separator, **options)
    assert is_recordings(folder)
    assert read_recordings(folder).texts == tuple(word for word in sorted(WORDS) for _ in range(4))


def test_speakers_and_further_columns_are_kept(folder: Path) -> None:
    rows = [row | {"client_id": f"s{i % 2}", "age": str(20 + i), "room": ""} for i, row in enumerate(listed(folder))]
    recordings = read_recordings(table(folder / "transcripts.csv", rows))
    assert recordings.speakers == ("s0", "s1") * 6
    assert recordings.columns.equals(
        pl.DataFrame({"age": [str(20 + i) for i in range(12)], "room": pl.Series([None] * 12, dtype=pl.String)})
    )
    assert recordings.take(np.array([3, 0])).columns["age"].to_list() == ["23", "20"]


def test_names_that_could_both_be_meant_are_refused(folder: Path) -> None:
    rows = [row | {"path": "x", "audio": "y"} for row in listed(folder, file="filename")]
    with pytest.raises(TableError, match="expected one column such as 'file', found 'filename', 'path', 'audio'"):
        read_recordings(table(folder / "transcripts.csv", rows))
    rows = [row | {"path": "x"} for row in listed(folder)]  # the usual name is never in doubt
    assert len(read_recordings(table(folder / "transcripts.csv", rows))) == 12


def test_a_table_without_texts_is_refused_unless_one_is_named(folder: Path) -> None:
    path = table(folder / "transcripts.csv", listed(folder, text="remark"))
    with pytest.raises(TargetError, match=r"expected a column of texts .* found 'file', 'remark'"):
        read_recordings(folder)
    assert len(read_recordings(path, target="remark")) == 12


def test_words_that_look_like_missing_cells_are_words(tmp_path: Path) -> None:
    rows = [{"file": put(tmp_path / f"{i}.wav").name, "text": text} for i, text in enumerate(("null", "NA", "None"))]
    assert read_recordings(table(tmp_path / "transcripts.csv", rows)).texts == ("null", "na", "none")


def test_files_below_clips_and_without_a_suffix_are_found(tmp_path: Path) -> None:
    rows = [{"path": put(tmp_path / "clips" / f"{i}.wav").stem, "sentence": "yes"} for i in range(3)]
    recordings = read_recordings(table(tmp_path / "validated.tsv", rows, "\t"))
    assert (len(recordings), recordings.findings()) == (3, [])


def test_a_column_sets_rows_aside(folder: Path) -> None:
    rows = [
        row | {"split": "test" if i % 4 == 0 else "dev" if i % 4 == 1 else "train"}
        for i, row in enumerate(listed(folder))
    ]
    recordings = read_recordings(table(folder / "transcripts.csv", rows))
    assert recordings.test.tolist() == [0, 4, 8]
    rows = [row | {"split": "test"} for row in listed(folder)]
    assert not len(read_recordings(table(folder / "transcripts.csv", rows)).test)


def test_folders_and_tables_called_train_and_test(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("parts")
    shutil.copytree(folder, other / "train")
    for word in WORDS:
        put(other / "test" / word / "9.wav")
    recordings = read_recordings(other)
    assert (len(recordings), recordings.test.tolist()) == (15, [12, 13, 14])
    table(folder / "test.csv", listed(folder)[:3])
    table(folder / "train.csv", listed(folder)[3:])
    recordings = read_recordings(folder)
    assert (len(recordings), recordings.test.tolist()) == (12, [9, 10, 11])


def test_several_tables_that_say_nothing_are_refused(folder: Path) -> None:
    for name in ("a.csv", "b.csv"):
        table(folder / name, listed(folder))
    with pytest.raises(SourceError, match=r"expected one table of recordings, found a\.csv, b\.csv"):
        read_recordings(folder)
    assert is_recordings(folder)


def test_speakers_below_words_and_in_names(tmp_path: Path) -> None:
    for word in WORDS:
        for speaker in ("ada", "carl"):
            put(tmp_path / "a" / word / speaker / "0.wav")
            put(tmp_path / "b" / word / f"{speaker}_nohash_0.wav")
            put(tmp_path / "c" / word / f"{word} of {speaker}" / "0.wav")
    put(tmp_path / "b" / "_background_noise_" / "hum.wav")
    assert read_recordings(tmp_path / "a").speakers == ("ada", "carl") * 3
    recordings = read_recordings(tmp_path / "b")
    assert (recordings.speakers, len(recordings)) == (("ada", "carl") * 3, 6)
    assert recordings.findings() == ["1 × a folder whose name begins with _; passed over: _background_noise_"]
    assert read_recordings(tmp_path / "c").speakers is None


def test_recordings_beside_the_folders_of_words_are_refused(folder: Path) -> None:
    put(folder / "loose.wav")
    with pytest.raises(SourceError, match=r"in one folder for each word, found 1 in no word \(loose\.wav\); move"):
        read_recordings(folder)
    assert len(read_recordings(folder, labelled=False)) == 13


def test_what_is_recognised(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pictures = tmp_path_factory.mktemp("pictures")
    for label in "ab":
        (pictures / label).mkdir()
        for number in range(3):
            Image.new("L", (4, 4)).save(pictures / label / f"{number}.png")
    put(pictures / "a" / "one.wav")
    (pictures / "list.csv").write_text("file,label\na/0.png,a\n")
    (pictures / "people.csv").write_text("name,age\nada,36\n")
    sounds = [folder, folder / "yes", folder / "yes" / "0.wav", table(folder / "l.csv", listed(folder)), "fsdd"]
    others = [pictures, *pictures.glob("*.csv"), pictures / "a" / "0.png", "mnist", "iris", pictures / "none"]
    assert [is_recordings(source) for source in sounds] == [True] * 5
    assert [is_recordings(source) for source in others] == [False] * 7
    assert [entry.name for entry in catalogue("sounds")] == ["fsdd"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    known = recordings_of_arrays([wave(), wave()], 8000, texts=['say "ah, oh"', "no"], speakers=["ada", "carl"])
    write_recordings(known, tmp_path)
    assert soundfile.info(tmp_path / "1.wav").subtype == "PCM_16"
    again = read_recordings(tmp_path)
    assert (again.texts, again.speakers) == (("say ah oh", "no"), known.speakers)
    assert all(np.array_equal(again.samples(row, 8000), known.samples(row, 8000)) for row in range(2))


def test_the_digits_by_table_and_by_name(fsdd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "fsdd"
    place.mkdir()
    for path in fsdd.glob("[0-9]_*_7.wav"):
        (place / path.name).symlink_to(path)
    (place / "0_george_0.wav").symlink_to(fsdd / "0_george_0.wav")
    monkeypatch.setenv("LIKELIEST_DATA", str(tmp_path))
    named = read_recordings("fsdd")
    with (fsdd / "transcripts.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["take"] == "7" or row["file"] == "0_george_0.wav"]
    assert (len(named), len(set(named.speakers))) == (61, 6)
    by_table = read_recordings(table(place / "transcripts.csv", rows))
    assert same(named, by_table)
    order = [by_table.names.index(name) for name in named.names]
    assert by_table.take(np.array(order)).columns.equals(named.columns)
