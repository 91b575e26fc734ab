"""Columns of amounts as people write them: "1,234.50 $", "€ 1.234,50", "1 234.5", "(12.5)", to float64.

Which of "." and "," marks decimals is decided over all the columns of a table together, by the cells that can be read
in one way alone: with both marks the last one, with one mark twice the other, and a mark not before three digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.errors import ColumnError

Floats = NDArray[np.float64]
Said = tuple[str, str]
"""What was found, and what was done about it."""

MISSING = (".", "-", "--", "–", "—", "ND", "n.a.", "#DIV/0!", "#VALUE!", "#REF!")
"""Texts that stand for a missing price beside `likeliest.data.MISSING`; "." is that of the Federal Reserve's tables."""

_CURRENCY = r"\p{L}{0,2}\p{Sc}|[A-Z]{3}|kr\.?|Kč|zł|Fr\.?|Rs\.?|Ft"
_BLANK = r"['’ \x{a0}\x{202f}]"
_AMOUNT = (
    rf"^(?P<paren>\()?(?P<minus>[-−+])? *(?P<before>{_CURRENCY})?{_BLANK}*(?P<inner>[-−+])?"
    rf"(?P<core>\d(?:[\d.,]|{_BLANK}\d)*|[.,]\d+)(?P<power>[eE][-+]?\d+)?"
    rf"{_BLANK}*(?P<after>{_CURRENCY})?(?P<behind>-)?(?P<closed>\))?$"
)
_SHOWS_POINT = r"^\d[\d,]*,[\d,]*\.\d*$|^\d+,\d+,[\d,]*$|^\d*\.(?:\d{0,2}|\d{4,})$|^\d{4,}\.\d+$|^0?\.\d+$"
_SHOWS_COMMA = r"^\d[\d.]*\.[\d.]*,\d*$|^\d+\.\d+\.[\d.]*$|^\d*,(?:\d{0,2}|\d{4,})$|^\d{4,},\d+$|^0?,\d+$"
_POWERS = {"k": 1e3, "m": 1e6, "b": 1e9}


def read_amounts(columns: Sequence[pl.Series], place: str, *, comma: bool = False) -> tuple[list[Floats], list[Said]]:
    """Return the columns as numbers, NaN where missing; and what was found and done, in words.

    Args:
        columns: k columns (n,) of one table, numbers or texts.
        place: the file, for messages.
        comma: whether a comma marks decimals where no cell tells, as in files that semicolons separate.

    Raises:
        ColumnError: a cell is no number, or infinite; cells that cannot be read in one way; two currencies.

    Example:
        >>> read_amounts([pl.Series("close", ["€ 1.234,50", "999"])], "t.csv")[0][0].tolist()
        [1234.5, 999.0]
    """
    tidy = [_without_missing(column) for column in columns]
    texts = [column for column in tidy if column.dtype == pl.String]
    odd = [column for column in texts if cells.unread(column, cells.parse_numbers(column)).any()]
    if not odd:
        return [_finite(column, place) for column in tidy], []
    parts = {column.name: _parts(column, place) for column in texts}
    _refuse_two_currencies(odd, parts, place)
    cores = [parts[column.name]["core"].alias(column.name) for column in texts]
    mark = _decimal_mark(texts, cores, place, comma)
    read = [_read(c, parts[c.name], mark, place) if c.name in parts else _finite(c, place) for c in tidy]
    row = int(np.argmax(cells.unread(odd[0], cells.parse_numbers(odd[0]))))
    example = read[[column.name for column in tidy].index(odd[0].name)][row]
    return read, [(f"amounts written as {odd[0][row]!r}", f"read as {example:.12g}")]


def share_of_amounts(column: pl.Series) -> float:
    """Return the share of numbers, however they are written, among the cells that are there; 0 where there is none."""
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return 0.0
    present = _without_missing(column).drop_nulls()
    if present.is_empty() or present.dtype.is_numeric():
        return float(not present.is_empty())
    amounts = present.str.contains(_AMOUNT) | cells.parse_numbers(present).is_not_null()
    return float(amounts.to_numpy().mean())


def is_amounts(column: pl.Series) -> bool:
    """Whether every cell that is there is a number, however it is written."""
    return share_of_amounts(column) == 1


def read_volumes(column: pl.Series) -> Floats | None:
    """Return volumes (n,), NaN where missing, with "1.2M" as 1,200,000; or ``None`` where they are no numbers."""
    tidy = _without_missing(column)
    scale = np.ones(len(tidy))
    if tidy.dtype == pl.String:
        power = tidy.str.extract(r"\d\s*([KkMmBb])$").str.to_lowercase()
        scale = power.replace_strict(_POWERS, default=1.0, return_dtype=pl.Float64).to_numpy()
        tidy = tidy.str.replace(r"\s*[KkMmBb]$", "")
    try:
        (values,), _ = read_amounts([tidy], "")
    except ColumnError:
        return None
    return values * scale


def _without_missing(column: pl.Series) -> pl.Series:
    """Return numbers with NaN as null, or texts without those that stand for a missing price."""
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    text = cells.texts(column).str.strip_chars()
    there = ~text.is_in([*MISSING, *cells.MISSING]).fill_null(value=True)
    return text.zip_with(there, pl.Series([None], dtype=pl.String)).alias(column.name)


def _finite(column: pl.Series, place: str) -> Floats:
    values = (column if column.dtype.is_numeric() else cells.parse_numbers(column)).to_numpy()
    bad = np.isinf(values) | (np.isnan(values) & column.is_not_null().to_numpy())
    cells.refuse(column, bad, "a finite number", "correct the cell, or leave it empty", place=place)
    return values


def _parts(column: pl.Series, place: str) -> pl.DataFrame:
    """Return sign, currency, digits and power of each cell (n rows), null where missing."""
    parts = column.str.extract_groups(_AMOUNT).struct.unnest()
    half_open = parts["paren"].is_null() != parts["closed"].is_null()
    bad = column.is_not_null().to_numpy() & (parts["core"].is_null() | half_open).to_numpy()
    cells.refuse(column, bad, "a number", "correct the cell, or leave it empty", place=place)
    return parts


def _refuse_two_currencies(columns: Sequence[pl.Series], parts: dict[str, pl.DataFrame], place: str) -> None:
    for column in columns:
        currency = parts[column.name]["before"].fill_null(parts[column.name]["after"])
        if currency.n_unique() - currency.has_nulls() > 1:
            one = currency.drop_nulls()[0]
            bad = (currency.is_not_null() & (currency != one)).fill_null(value=False).to_numpy()
            remedy = "turn all prices into one currency, or keep one asset for each"
            cells.refuse(column, bad, f"amounts in one currency ({one}, as in earlier rows)", remedy, place=place)


def _decimal_mark(texts: Sequence[pl.Series], cores: Sequence[pl.Series], place: str, comma: bool) -> str:
    """Return "." or ",", by the cells of all columns that can be read in one way alone.

    Raises:
        ColumnError: some show a point and others a comma; or none shows which, and a comma is there.
    """
    point, other = _first(texts, cores, _SHOWS_POINT), _first(texts, cores, _SHOWS_COMMA)
    either = _first(texts, cores, r"^\d{1,3},\d{3}$")
    if point and other:
        raise ColumnError(
            f"{place} {point[0]}: expected amounts written in one way, found {point[1]!r} there, with decimals after a "
            f"point, and {other[1]!r} in {other[0]}, with decimals after a comma; write all of them as 1234.5"
        )
    if point or other or comma or not either:
        return "," if other or (either and not point) else "."
    raise ColumnError(
        f"{place} {either[0]}: expected amounts that can be read in one way, found {either[1]!r}, where the comma may "
        "mark thousands or decimals, and no cell that tells; write it without the comma, or with a point"
    )


def _first(texts: Sequence[pl.Series], cores: Sequence[pl.Series], pattern: str) -> tuple[str, str] | None:
    """Return the place and the text of the first cell whose digits match, column by column."""
    for text, core in zip(texts, cores, strict=True):
        matches = core.str.replace_all(_BLANK, "").str.contains(pattern).fill_null(value=False)
        if matches.any():
            row = int(np.argmax(matches.to_numpy()))
            return f"column {text.name!r} row {row + 1}", str(text[row])
    return None


def _read(column: pl.Series, parts: pl.DataFrame, mark: str, place: str) -> Floats:
    """Return float64 (n,) of the parts of amounts whose decimals follow ``mark``; thousands stand in groups."""
    thousands, decimal = (r"\.", ",") if mark == "," else (",", r"\.")
    core = parts["core"]
    grouped = "|".join(rf"\d{{1,3}}(?:{gap}\d{{2,3}})*{gap}\d{{3}}" for gap in (thousands, _BLANK))
    good = core.str.contains(rf"^(?:{grouped}|\d*)(?:{decimal}\d*)?$")
    needed = f"an amount with decimals after {mark!r}, as in other rows"
    cells.refuse(column, (~good).fill_null(value=False).to_numpy(), needed, "correct the cell", place=place)
    plain = core.str.replace_all(rf"{thousands}|{_BLANK}", "").str.replace(decimal, ".")
    values = (plain + parts["power"].fill_null("")).cast(pl.Float64).to_numpy()
    signs = parts.select(pl.col("minus", "inner").is_in(["-", "−"]).fill_null(value=False))
    negative = signs["minus"] | signs["inner"] | parts["behind"].is_not_null() | parts["paren"].is_not_null()
    return np.where(negative.to_numpy(), -values, values)
