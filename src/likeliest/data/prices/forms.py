"""The ways to write a date: which of them a column of texts uses, and which moments its cells then name.

All cells of a column must use one way. Where either of two numbers may be the day, the whole column decides: a number
above 12 is no month. Where it cannot, the column is refused, for a wrong guess would shuffle the days of a series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.data import cells
from likeliest.data.cells import Mask
from likeliest.errors import ColumnError

REMEDY = "write it as 2024-03-31, or as 2024-03-31T14:30:00 with a time of day"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CENTURY = 69
"""Years 69 to 99 of two digits are 1969 to 1999, others 2000 to 2068, as POSIX has it."""
_CLOCK = (
    r"(?:(?:T| +)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?"
)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a date.

    Attributes:
        pattern: a regular expression with the groups ``d``, ``m``, ``y``; or ``word`` for the name of a month; or ``a``
            and ``b``, of which one is the day and the other the month.
    """

    pattern: str

    @property
    def whole(self) -> str:
        """The pattern of a cell: the date, and a time of day with or without a zone."""
        return f"^{self.pattern}{_CLOCK}$"

    @property
    def either(self) -> bool:
        """Whether day and month can be taken for each other."""
        return "<a>" in self.pattern


_NUMBERS = (r"(?P<y>\d{4})SEP(?P<m>\d{1,2})SEP(?P<d>\d{1,2})", r"(?P<a>\d{1,2})SEP(?P<b>\d{1,2})SEP(?P<y>\d{4}|\d{2})")
FORMS = (
    *(Form(pattern.replace("SEP", mark)) for pattern in _NUMBERS for mark in ("-", "/", r"\.")),
    Form(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
    Form(r"(?P<d>\d{1,2})[ -](?P<word>\p{L}{3,9})\.?[ ,-]+(?P<y>\d{4}|\d{2})"),
    Form(r"(?P<word>\p{L}{3,9})\.? +(?P<d>\d{1,2}),? +(?P<y>\d{4})"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What texts say.

    Attributes:
        wall: the moments on the clocks of their places (n,), datetime64[us]; NaT where missing.
        ahead: minutes that these clocks are ahead of UTC (n,), where the texts say so; else ``None``.
        order: "day first" or "month first", where the column had to decide it; else ``None``.
    """

    wall: NDArray[np.datetime64]
    ahead: NDArray[np.int64] | None
    order: str | None


def read_written(text: pl.Series, place: str) -> Written:
    """Return the moments that a column of texts names, missing cells null.

    Raises:
        ColumnError: a cell is no date, is written in another way than the first, or names a day that no calendar has;
            or which number is the day cannot be told.

    Example:
        >>> read_written(pl.Series("when", ["1/31/2020", "2/3/2020"]), "t.csv").wall.astype("M8[D]").tolist()
        [datetime.date(2020, 1, 31), datetime.date(2020, 2, 3)]
    """
    form = _form_of(text, place)
    found = text.str.extract_groups(form.whole).struct.unnest()
    numbers = {name: _integers(found[name]) for name in found.columns if name not in ("half", "zone", "word")}
    order = None
    if form.either:
        order = _order(text, numbers["a"], numbers["b"], place)
        day, month = ("a", "b") if order == "day first" else ("b", "a")
        numbers |= {"d": numbers[day], "m": numbers[month]}
    if "word" in found.columns:
        codes = {name: i for i, name in enumerate(_MONTHS, start=1)}
        word = found["word"].str.to_lowercase().str.slice(0, 3)
        numbers["m"] = _integers(word.replace_strict(codes, default=0, return_dtype=pl.Int64))
    wall, good = _assembled(numbers, found)
    there = text.is_not_null().to_numpy()
    cells.refuse(text, there & ~good, "a date that the calendar has", "correct the cell", place=place)
    wall[~there] = np.datetime64("NaT")
    return Written(wall, _ahead(text, found["zone"], place), order)


def is_written(text: pl.Series) -> bool:
    """Whether every cell that is there is a date in one of the ways known."""
    left = text.drop_nulls()
    for form in FORMS if len(left) else ():
        left = left.filter(~left.str.contains(form.whole))
    return text.null_count() < len(text) and left.is_empty()


def _form_of(text: pl.Series, place: str) -> Form:
    """Return the form of all cells.

    Raises:
        ColumnError: there is none, or there are two.
    """
    which = np.full(len(text), -1)
    for i, form in enumerate(FORMS):
        if not (which < 0).any():
            break
        matches = text.str.contains(form.whole).fill_null(value=False).to_numpy()
        which[matches & (which < 0)] = i
    there = text.is_not_null().to_numpy()
    cells.refuse(text, there & (which < 0), "a date", REMEDY, place=place)
    first = int(which[np.argmax(there)])
    _refuse_two(text, there & (which == first), there & (which != first), "written in one way", place)
    return FORMS[first]


def _refuse_two(text: pl.Series, one: Mask, other: Mask, needed: str, place: str) -> None:
    """Raise where both kinds of cells are there, with the first row of each."""
    if one.any() and other.any():
        rows = sorted((int(np.argmax(one)), int(np.argmax(other))))
        found = " and ".join(f"{text[row]!r} in row {row + 1}" for row in rows)
        raise ColumnError(
            f"{place} column {text.name!r}: expected dates {needed}, found {found}; write all of them as 2024-03-31"
        )


def _order(text: pl.Series, a: NDArray[np.int64], b: NDArray[np.int64], place: str) -> str:
    """Return which number is the day, from all cells.

    Raises:
        ColumnError: some cells have it first and others second; or all allow both.
    """
    _refuse_two(text, a > 12, b > 12, "with the day in one place", place)
    if (a > 12).any() or (a == b).all():
        return "day first"
    if (b > 12).any():
        return "month first"
    row = int(np.argmax(a != b))
    raise ColumnError(
        f"{place} column {text.name!r} row {row + 1}: expected dates that can be read in one way, found {text[row]!r}, "
        f"which is day {a[row]} of month {b[row]} or day {b[row]} of month {a[row]}, and no row of {len(text):,} that "
        "tells; write the dates as 2024-03-31"
    )


def _integers(column: pl.Series) -> NDArray[np.int64]:
    return column.cast(pl.Int64).fill_null(0).to_numpy()


def _assembled(numbers: dict[str, NDArray[np.int64]], found: pl.DataFrame) -> tuple[NDArray[np.datetime64], Mask]:
    """Return datetime64[us] of the parts (n,), and where they are a moment of the calendar."""
    year, month, day = numbers["y"], numbers["m"], numbers["d"]
    year = np.where(found["y"].str.len_chars().fill_null(4).to_numpy() > 2, year, year + 1900)
    year = np.where((year >= 1900) & (year < 1900 + _CENTURY) & (numbers["y"] < 100), year + 100, year)
    months = (year - 1970) * 12 + month - 1
    dates = months.astype("M8[M]").astype("M8[D]") + (day - 1)
    good = (month >= 1) & (month <= 12) & (day >= 1) & (dates.astype("M8[M]").astype(np.int64) == months)
    half = found["half"].str.to_lowercase().str.slice(0, 1).fill_null("")
    twelve, hour = (half != "").to_numpy(), numbers["hour"]
    good &= np.where(twelve, (hour >= 1) & (hour <= 12), hour < 24) & (numbers["minute"] < 60)
    good &= numbers["second"] < 60
    hour = np.where(twelve, hour % 12 + 12 * (half == "p").to_numpy(), hour)
    digits = found["fraction"].fill_null("").str.pad_end(9, "0").cast(pl.Int64).to_numpy()
    seconds = (hour * 60 + numbers["minute"]) * 60 + numbers["second"]
    return dates.astype("M8[us]") + (seconds * 1_000_000 + digits // 1000).astype("m8[us]"), good


def _ahead(text: pl.Series, zone: pl.Series, place: str) -> NDArray[np.int64] | None:
    """Return the minutes ahead of UTC (n,), or ``None`` where no cell has a zone.

    Raises:
        ColumnError: some cells have a zone and others none.
    """
    there = zone.is_not_null().to_numpy()
    if not there.any():
        return None
    _refuse_two(text, there, text.is_not_null().to_numpy() & ~there, "all with a time zone, or all without", place)
    parts = zone.str.extract_groups(r"^(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$").struct.unnest()
    minutes = _integers(parts["hours"]) * 60 + _integers(parts["minutes"])
    sign = parts["sign"].fill_null("+")
    return np.where((sign == "-").to_numpy(), -minutes, minutes)
