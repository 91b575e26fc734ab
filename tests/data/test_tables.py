"""Reading tables: good ones as Python's csv module reads them, bad ones refused with place and remedy."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeliest.data import MISSING, read_table
from likeliest.data.delimited import find_separator, read_delimited
from likeliest.data.inference import infer
from likeliest.errors import InputError, SourceError, TableError


def table_of(tmp_path: Path, content: bytes | str, name: str = "table.csv", **options: object) -> pl.DataFrame:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


PARQUET = parquet_bytes(pl.DataFrame({"a": range(1000), "b": ["x", "y"] * 500}))

BAD = {
    "empty": (b"", "found an empty file"),
    "blank": (b"\n  \n\r\n", "found an empty file"),
    "byte order mark alone": (b"\xef\xbb\xbf", "found an empty file"),
    "header alone": (b"a,b,c\n", r"found the header alone \(3 columns: a, b, c\)"),
    "header and blank lines": (b"a,b,c\n\n\n", "found the header alone"),
    "row too short": (b"a,b,c\n1,2,3\n4,5\n", "line 3: expected 3 cells as in the header, found 2; correct the line"),
    "row too long": (b"a,b,c\n1,2,3\n4,5,6\n7,8,9,0\n", "line 4: expected 3 cells as in the header, found 4"),
    "row too long below a cell of two lines": (b'a,b\n"1\n1",2\n3,4,5\n', "line 4: expected 2 cells"),
    "row too short in the last line": (b"a,b\n" + b"1,2\n" * 5000 + b"1\n", "line 5002: expected 2 cells"),
    "NUL byte": (b"a,b\n1,2\n3,\x004\n", "line 3: expected text, found a NUL byte.*export it again"),
    "UTF-16 with mark": ("a,b\n1,2\n".encode("utf-16"), "expected UTF-8 text, found UTF-16.*iconv -f UTF-16"),
    "UTF-16 big-endian": ("a,b\n1,2\n".encode("utf-16-be"), "found UTF-16"),
    "UTF-16 little-endian": ("a,b\n1,2\n".encode("utf-16-le"), "found UTF-16"),
    "Latin-1": ("name,b\nJosé,2\n".encode("latin-1"), "line 2: expected UTF-8 text, found the byte 0xe9.*iconv"),
    "a name twice": (b"a,b,a,b,c\n1,2,3,4,5\n", "'a' is column 1 and 3; 'b' is column 2 and 4; rename one"),
    "quotation mark never closed": (b'a,b\n1,2\n"3,4\n5,6\n', "line 3: .*quotation mark that is never closed"),
    "text after a quoted cell": (b'a,b\n"1"x,2\n', "line 2: expected separated values"),
    "ZIP": (b"PK\x03\x04rest", "found a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08rest", "found a gzip file; unpack it with gunzip"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_bad_text_file_is_refused_with_place_and_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(TableError, match=f"(?s)table.csv.*{message}"):
        table_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PARQUET[:-300], f"the file cut short after {len(PARQUET) - 300} bytes; copy or download it again"),
        (PARQUET[:6], "the file cut short after 6 bytes"),
        (PARQUET[:4] + b"\xff" * (len(PARQUET) - 12) + PARQUET[-8:], "the Parquet table is damaged"),
        (PARQUET[:40] + bytes(100) + PARQUET[140:], "the Parquet table is damaged"),
        (b"a,b\n1,2\n", "begins with PAR1, found b'a,b.n'; if it is a text file"),
        (b"", "found an empty file"),
        (parquet_bytes(pl.DataFrame({"a": []})), "found a table of 1 columns and 0 rows"),
    ],
)
def test_a_bad_parquet_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        table_of(tmp_path, content, "table.parquet")


def test_every_prefix_of_a_parquet_file_is_refused(tmp_path: Path) -> None:
    for stop in range(0, len(PARQUET), 97):
        with pytest.raises(TableError):
            table_of(tmp_path, PARQUET[:stop], "table.parquet")


def test_a_missing_file_a_folder_and_a_forbidden_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: no such file; the current folder is"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(SourceError, match="found a folder; name the file inside it"):
        read_table(tmp_path)

    def forbidden(path: Path) -> bytes:  # root may read everything, so that a file's mode shows nothing there
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(SourceError, match=r"locked\.csv: cannot be read: Permission denied"):
        read_table(tmp_path / "locked.csv")


def test_parquet_is_known_by_content_and_round_trips(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None], "when": [dt.date(2024, 2, 29), None], "b": ["x", None]})
    assert table_of(tmp_path, parquet_bytes(frame), "table.csv").equals(frame)


def test_one_row_is_a_table_and_a_column_without_a_name_gets_one(tmp_path: Path) -> None:
    frame = table_of(tmp_path, ",a\n1,2.5\n")
    assert frame.to_dict(as_series=False) == {"unnamed_1": [1], "a": [2.5]}


def test_types_are_decided_on_all_cells(tmp_path: Path) -> None:
    rows = ["1,1,true,2024-02-29,2024-02-29 23:59:59,x"] * 5000 + ["2.5,7,False,1999-12-31,1999-12-31T00:00:00Z,9"]
    frame = table_of(tmp_path, "float,int,bool,date,time,text\n" + "\n".join(rows))
    kinds = [pl.Float64, pl.Int64, pl.Boolean, pl.Date, pl.Datetime("us"), pl.String]
    assert frame.dtypes == kinds
    assert frame.row(-1) == (2.5, 7, False, dt.date(1999, 12, 31), dt.datetime(1999, 12, 31), "9")


def test_a_moment_with_a_zone_is_turned_to_utc() -> None:
    column = infer(pl.Series(["2024-07-01T12:00:00+02:00", "2024-07-01T12:00:00Z", "2024-07-01 12:00"]))
    assert column.to_list() == [dt.datetime(2024, 7, 1, 10), dt.datetime(2024, 7, 1, 12), dt.datetime(2024, 7, 1, 12)]


def test_dates_in_an_ambiguous_order_stay_text() -> None:
    assert infer(pl.Series(["03/04/2024", "13/04/2024"])).dtype == pl.String


@pytest.mark.parametrize("word", MISSING)
def test_a_missing_word_is_missing_in_numbers_and_texts(tmp_path: Path, word: str) -> None:
    frame = table_of(tmp_path, f"a,b\n1, {word} \n{word},x\n")
    assert frame.to_dict(as_series=False) == {"a": [1, None], "b": [None, "x"]}


def test_a_column_read_as_text_keeps_its_zeros(tmp_path: Path) -> None:
    content = "code,n\n007,007\n"
    assert table_of(tmp_path, content, as_text=("code",)).row(0) == ("007", 7)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    rows = [["name", "note", "age"], ["Ada, Lady", "a;b|c", "36"], ["Carl", "x\ty", "77"]]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    assert find_separator(out.getvalue()) == separator
    assert table_of(tmp_path, out.getvalue()).rows() == [("Ada, Lady", "a;b|c", 36), ("Carl", "x\ty", 77)]


def test_semicolons_go_with_decimal_commas(tmp_path: Path) -> None:
    assert table_of(tmp_path, "a;b\n1,5;2\n-0,25;3\n")["a"].to_list() == [1.5, -0.25]


def test_a_tsv_is_cut_at_tabs_alone(tmp_path: Path) -> None:
    frame = table_of(tmp_path, "a,b,c\td,e,f\n1,2,3\t4\n", "table.tsv")
    assert frame.rows() == [("1,2,3", 4)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_blank_lines_and_a_mark_change_nothing(tmp_path: Path, end: str) -> None:
    text = end.join(["", "a,b", "1,x", "", '2,"y"', '3,5" pipe', ""])
    assert table_of(tmp_path, b"\xef\xbb\xbf" + text.encode()).rows() == [(1, "x"), (2, "y"), (3, '5" pipe')]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(st.integers(2, 4).flatmap(lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=6)))
def test_cells_are_those_of_the_csv_module(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[f"c{i}" for i in range(len(rows[0]))], *rows])
    frame, _ = read_delimited(out.getvalue().encode(), "here", ",")
    assert [[cell or "" for cell in row] for row in frame.rows()] == rows


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_floats_are_read_to_the_last_bit(values: list[float]) -> None:
    column = infer(pl.Series([repr(value) for value in values]))
    assert column.to_list() == values


@given(st.binary(max_size=200), st.sampled_from(["t.csv", "t.tsv", "t.parquet"]))
def test_any_bytes_are_a_table_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    height, message = 1, name
    try:
        height = read_table(path).height
    except InputError as error:
        message = str(error)
    assert height > 0
    assert name in message
