"""Tables of pictures: CSV files that list them, Parquet files that hold them, and what is wrong with either."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from likeliest.data import is_pictures, pictures_of_arrays, read_pictures
from likeliest.errors import SourceError, TableError, TargetError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (9, 5, 6), dtype=np.uint8)
Y = np.arange(9) % 3


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine files in images/ and a table of them."""
    (tmp_path / "images").mkdir()
    for row, pixels in enumerate(X):
        (tmp_path / "images" / f"{row}.png").write_bytes(png(pixels))
    rows = [f"images/{row}.png,{label:03}" for row, label in enumerate(Y)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    return tmp_path


def test_a_csv_or_its_folder_gives_the_pictures_in_its_order(folder: Path) -> None:
    for source in (folder, folder / "labels.csv"):
        assert is_pictures(source)
        pictures = read_pictures(source)
        assert np.array_equal(pictures.pixels, X[..., None])
        assert pictures.labels == tuple(f"{label:03}" for label in Y)
        assert pictures.names[3] == "images/3.png"
        assert pictures.problems == ()
    assert len(read_pictures(folder, labelled=False)) == 9
    assert read_pictures(folder / "labels.csv", labelled=False).labels is None


@pytest.mark.parametrize("header", ["path;class", "Filename\tTARGET", "image|species", "FILE_NAME,y"])
def test_columns_go_by_several_names_and_separators(folder: Path, header: str) -> None:
    separator = next(c for c in ";\t|," if c in header)
    text = (folder / "labels.csv").read_text().replace("file,label", header).replace(",", separator)
    (folder / "labels.csv").write_text(text)
    assert read_pictures(folder).labels == tuple(f"{label:03}" for label in Y)


def test_the_label_is_the_column_asked_for(folder: Path) -> None:
    lines = (folder / "labels.csv").read_text().splitlines()
    rows = [f"{line},{'even' if row % 2 == 0 else 'odd'}" for row, line in enumerate(lines[1:])]
    (folder / "labels.csv").write_text("\n".join(["file,first,parity", *rows]))
    with pytest.raises(TargetError, match=r"expected a column of labels .*, found 'first', 'parity'; say which with"):
        read_pictures(folder)
    assert (read_pictures(folder, target="parity").labels or ())[:2] == ("even", "odd")
    with pytest.raises(TargetError, match=r"expected a column 'colour' of labels, found 'first', 'parity'"):
        read_pictures(folder, target="colour")
    (folder / "labels.csv").write_text("file\nimages/0.png\n")
    with pytest.raises(TargetError, match=r"expected a column of labels .*, found none"):
        read_pictures(folder)


def test_rows_that_are_wrong_are_named(folder: Path) -> None:
    with (folder / "labels.csv").open("a") as file:
        file.write("images/10.png,000\nimages/1.png,\n,001\nimages/2.png,002\nimages/2.png,000\nimages,001\n")
        file.write(f"{'long' * 2000}.png,001\n")
    pictures = read_pictures(folder)
    assert [(p.name, p.reason, p.done) for p in pictures.problems] == [
        ("images/1.png", "without a label", "left out"),
        ("labels.csv row 12", "without a file", "left out"),
        ("images/2.png", "listed more than once with one label", "counted once"),
        ("images/10.png", "no such file", "left out"),
        ("images", "no ordinary file", "left out"),
        (f"{'long' * 2000}.png", "cannot be opened (File name too long)", "left out"),
        (
            "images/2.png = images/2.png",
            "the same pixels under two labels, of which one is wrong",
            "kept under both",
        ),
    ]
    assert len(pictures) == 10


def test_a_csv_whose_files_are_missing_is_refused(folder: Path) -> None:
    (folder / "images").rename(folder / "elsewhere")
    with pytest.raises(SourceError, match=r"expected pictures that can be read, .* \(images/0\.png: no such file; "):
        read_pictures(folder)


def test_windows_paths_are_found(folder: Path) -> None:
    text = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(text.replace("/", "\\"))
    assert np.array_equal(read_pictures(folder).pixels, X[..., None])


def test_two_tables_are_parts_or_a_question(folder: Path) -> None:
    lines = (folder / "labels.csv").read_text().splitlines()
    (folder / "train.csv").write_text("\n".join(lines[:7]))
    (folder / "labels.csv").unlink()
    (folder / "test.csv").write_text("\n".join([lines[0], *lines[7:]]))
    assert read_pictures(folder).test.tolist() == [6, 7, 8]
    (folder / "test.csv").rename(folder / "other.csv")
    with pytest.raises(SourceError, match=r"expected one table of pictures, found other\.csv, train\.csv; name one"):
        read_pictures(folder)


def test_a_table_of_something_else_is_none_of_pictures(folder: Path) -> None:
    (folder / "people.csv").write_text("name,age\nAda,36\n")
    assert not is_pictures(folder / "people.csv")
    assert len(read_pictures(folder)) == 9
    with pytest.raises(SourceError, match="found none of them"):
        read_pictures(folder / "people.csv")


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet(path: Path, rows: slice = slice(None), *, struct: bool = False, labels: object = None) -> Path:
    content = [png(pixels) for pixels in X[rows]]
    images = [{"bytes": c, "path": f"{k}.png"} for k, c in enumerate(content)] if struct else content
    pq.write_table(pa.table({"image": images, "label": Y[rows] if labels is None else labels}), path)
    return path


@pytest.mark.parametrize("struct", [False, True])
def test_parquet_of_bytes_or_records(tmp_path: Path, struct: bool) -> None:
    path = parquet(tmp_path / "a.parquet", struct=struct)
    assert is_pictures(path)
    pictures = read_pictures(path)
    assert np.array_equal(pictures.pixels, X[..., None])
    assert pictures.labels == tuple(map(str, Y))
    assert pictures.names[3] == "a.parquet row 4"
    assert len(read_pictures(path, labelled=False)) == 9


def test_parquet_with_labels_as_texts(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", labels=[f"c{label}" for label in Y])
    assert (read_pictures(path).labels or ())[:3] == ("c0", "c1", "c2")


def test_names_of_classes_in_the_files_own_notes_are_used(tmp_path: Path) -> None:
    table = pq.read_table(parquet(tmp_path / "a.parquet", struct=True))
    notes = {"info": {"features": {"label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(notes)}), tmp_path / "a.parquet")
    assert (read_pictures(tmp_path / "a.parquet").labels or ())[:4] == ("cat", "dog", "owl", "cat")


def test_a_folder_of_shards_is_one_set_with_its_test_part(tmp_path: Path) -> None:
    parquet(tmp_path / "train-00000-of-00002.parquet", slice(0, 4))
    parquet(tmp_path / "train-00001-of-00002.parquet", slice(4, 7))
    parquet(tmp_path / "test-00000-of-00001.parquet", slice(7, 9))
    pictures = read_pictures(tmp_path)
    assert [pictures.names[row].startswith("test") for row in pictures.test] == [True, True]
    expected = pictures_of_arrays(X, Y, test=[7, 8]).in_canonical_order()
    found = pictures.in_canonical_order()
    assert (np.array_equal(found.pixels, expected.pixels), found.labels) == (True, expected.labels)


def test_damaged_rows_and_damaged_files(tmp_path: Path) -> None:
    images = [*map(png, X[:7]), b"", None]
    pq.write_table(pa.table({"image": images, "label": [*map(str, Y[:7]), "0", "1"]}), tmp_path / "a.parquet")
    pictures = read_pictures(tmp_path / "a.parquet")
    assert [(p.name, p.reason) for p in pictures.problems] == [
        ("a.parquet row 8", "an empty file"),
        ("a.parquet row 9", "an empty file"),
    ]
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:-10])
    assert not is_pictures(tmp_path / "a.parquet")
    with pytest.raises((TableError, SourceError), match=r"a\.parquet"):
        read_pictures(tmp_path / "a.parquet")
