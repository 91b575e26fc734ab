"""Which column of a table is what: the dates, the assets, and the prices of one asset or of several.

A table is long (a column names the asset of each row), wide (a column for each asset), or of one asset. Where more than
one column could be meant, nothing is guessed: the message says which option names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import polars as pl

from likeliest.data.prices.amounts import is_amounts, read_amounts
from likeliest.data.prices.columns import ASSETS, DATES, moves_like_a_price, owned, ranked, role_of
from likeliest.data.prices.forms import is_written
from likeliest.data.prices.ranges import OUTER
from likeliest.errors import TableError

_GLANCE = 50
_CLOCK = r"^\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?$"


@dataclass(frozen=True, slots=True)
class Fields:
    """The columns of one asset's prices.

    Attributes:
        asset: its name, or ``None`` where no column tells it.
        close: the column of its prices.
        raw: the column of its closes before adjustment, where ``close`` is adjusted.
        beside: "open", "high", "low" and "volume" → column.
    """

    asset: str | None
    close: str
    raw: str | None = None
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All of them but volumes, which may be written in other ways."""
        outer = [column for role, column in self.beside.items() if role != "volume"]
        return [self.close, *([self.raw] if self.raw else []), *outer]


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column of a table is.

    Attributes:
        date: the column of dates.
        time: the column of times of day beside it, or ``None``.
        asset: the column that names the asset of each row, or ``None``.
        fields: the columns of each asset; one alone where ``asset`` names them.
    """

    date: str
    time: str | None
    asset: str | None
    fields: tuple[Fields, ...]

    def others(self, frame: pl.DataFrame) -> list[str]:
        """Return the columns that are none of these."""
        used = {self.date, self.time, self.asset}
        used |= {c for one in self.fields for c in (*one.columns, one.beside.get("volume"))}
        return [column for column in frame.columns if column not in used]


def find_layout(
    frame: pl.DataFrame,
    place: str,
    *,
    date: str | None = None,
    price: str | Sequence[str] | None = None,
    asset: str | None = None,
) -> Layout:
    """Return what each column of a table is, by what was asked for, by names, and by what the cells hold.

    Raises:
        TableError: a column asked for is not there; none, or more than one, could hold the dates or the prices.
    """
    _refuse_three_headers(frame, place)
    asked = [price] if isinstance(price, str) else list(price or [])
    for option, names in (("date", [date]), ("price", asked), ("asset", [asset])):
        for name in names:
            if name is not None:
                _require(frame, name, option, place)
    date = date or _date_column(frame, place)
    time = next((c for c in ranked(frame.columns, ("time",)) if c != date and _holds_times(frame[c])), None)
    left = [column for column in frame.columns if column not in (date, time, asset, *asked)]
    asset = asset or next((c for c in ranked(left, ASSETS) if _names_assets(frame[c])), None)
    left = [column for column in left if column != asset]
    fields = [_asked_for(name, left) for name in asked] if len(asked) == 1 else [Fields(name, name) for name in asked]
    return Layout(date, time, asset, tuple(fields or _price_columns(frame, left, place, long=asset is not None)))


def holds_dates(column: pl.Series) -> bool:
    """Whether the first cells of a column are dates; numbers are none, for they may be anything."""
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return True
    return column.dtype == pl.String and is_written(column.drop_nulls().head(_GLANCE).str.strip_chars())


def _refuse_three_headers(frame: pl.DataFrame, place: str) -> None:
    first = frame.to_series(0).head(2)
    if first.to_list() == ["Ticker", "Date"]:
        raise TableError(
            f"{place}: expected one header line, found three, as yfinance writes them; hand over its pandas frame, "
            "whose columns of two levels are read, or download one asset with multi_level_index=False"
        )


def _require(frame: pl.DataFrame, name: str, option: str, place: str) -> None:
    if name not in frame.columns:
        near = get_close_matches(name, frame.columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {_listed(frame.columns)}"
        raise TableError(f"{place}: expected a column {name!r}, as {option} says, found none; {hint}")


def _date_column(frame: pl.DataFrame, place: str) -> str:
    named = ranked(frame.columns, DATES)
    fit = [c for c in named if holds_dates(frame[c]) or frame[c].dtype.is_numeric() or is_amounts(_glance(frame[c]))]
    if named:
        return (fit or named)[0]
    held = [column for column in frame.columns if holds_dates(frame[column])]
    if len(held) == 1:
        return held[0]
    what = f"{_listed(held)} that all hold dates" if held else f"none among {_listed(frame.columns)}"
    raise TableError(
        f"{place}: expected one column of dates, found {what}; name it, as in date={_first(held, frame)!r}"
    )


def _price_columns(frame: pl.DataFrame, columns: list[str], place: str, *, long: bool) -> list[Fields]:
    """Return the columns of prices by their names, or by being the only ones that can be.

    Raises:
        TableError: none or several could be.
    """
    by_role = _by_role(columns, place)
    if "close" in by_role or "adjusted" in by_role:
        return [_fields(None, by_role)]
    if groups := owned(columns):
        return [_fields(owner, roles) for owner, roles in groups.items()]
    could = [c for c in columns if role_of(c) is None and is_amounts(_glance(frame[c]))]
    if len(could) == 1:
        return [Fields(None if long else could[0], could[0])]
    if could and not long and all(_moves(frame[column]) for column in could):
        return [Fields(column, column) for column in could]
    found = f"{_listed(could)}, which could all be" if could else f"none among {_listed(columns)}"
    several = f", or price={tuple(could[:2])!r} if each is an asset" if len(could) > 1 and not long else ""
    raise TableError(
        f"{place}: expected a column of prices (close or price), found {found}; name it, as in "
        f"price={_first(could or columns, frame)!r}{several}"
    )


def _by_role(columns: list[str], place: str) -> dict[str, str]:
    """Return role → column; "close" goes before "last" and the like where the day's other prices are there.

    Raises:
        TableError: two columns could be the price.
    """
    found: dict[str, list[str]] = {}
    for column in columns:
        if role := role_of(column):
            found.setdefault(role, []).append(column)
    if set(OUTER) <= set(found):
        exact = [c for c in found.get("close", []) if c.lower().removesuffix("price").strip(" _") == "close"]
        found["close"] = exact[:1] if len(exact) == 1 else found.get("close", [])
    for role in ("adjusted", "close"):
        if len(they := found.get(role, [])) > 1:
            raise TableError(
                f"{place}: expected one column of prices, found {_listed(they)}, which could all be; name the one that "
                f"is meant, as in price={they[0]!r}"
            )
    return {role: they[0] for role, they in found.items() if len(they) == 1}


def _fields(asset: str | None, roles: dict[str, str]) -> Fields:
    """Return the columns of an asset; the adjusted close before the other."""
    close, raw = roles.get("adjusted"), roles.get("close")
    if close is None:
        assert raw is not None  # one of the two is there
        close, raw = raw, None
    elif raw is None:
        roles = {role: column for role, column in roles.items() if role not in OUTER}
    beside = {role: roles[role] for role in (*OUTER, "volume") if role in roles}
    return Fields(asset, close, raw, beside)


def _asked_for(name: str, left: list[str]) -> Fields:
    """Return the column asked for, and those beside it that belong to it: a plain close has a plain open."""
    roles = {role: column for column in left if (role := role_of(column))}
    if role_of(name) == "adjusted":
        return _fields(None, roles | {"adjusted": name})
    if role_of(name) == "close":
        return _fields(
            None, {role: c for role, c in roles.items() if role not in ("adjusted", "close")} | {"close": name}
        )
    return Fields(name, name)


def _holds_times(column: pl.Series) -> bool:
    present = column.drop_nulls().head(_GLANCE)
    return column.dtype == pl.Time or (column.dtype == pl.String and bool(present.str.contains(_CLOCK).all()))


def _names_assets(column: pl.Series) -> bool:
    kinds = column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum)
    return kinds and (column.n_unique() < len(column) or len(column) == 1)


def _moves(column: pl.Series) -> bool:
    (values,), _ = read_amounts([column], "", comma=True)
    return moves_like_a_price(values)


def _glance(column: pl.Series) -> pl.Series:
    return column.drop_nulls().head(_GLANCE)


def _first(names: Sequence[str], frame: pl.DataFrame) -> str:
    return names[0] if names else frame.columns[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", …" if len(names) > 10 else "") or "nothing"
