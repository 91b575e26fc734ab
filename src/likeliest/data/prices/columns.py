"""What the name of a column says: a date, an asset, one of a day's prices, or one of those of a named asset.

Names are compared without case, punctuation and what providers put around them: "Adj. Close*", "adj_close",
"AdjClose", "5. adjusted close" and "Close (USD)" are the same or nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from likeliest.data.prices.amounts import Floats

DATES = (
    *("date", "datetime", "date time", "timestamp", "trade date", "trading date", "trading day", "observation date"),
    *("day", "time", "open time", "period", "week", "month", "unix", "unix timestamp", "index"),
)
"""Names of columns of dates, the likeliest first."""
ASSETS = (
    "asset",
    "ticker",
    "symbol",
    "isin",
    "ric",
    "cusip",
    "permno",
    "instrument",
    "security",
    "stock",
    "pair",
    "name",
)
"""Names of columns that name assets, the likeliest first."""
COMPANIONS = (
    *("change", "change %", "chg", "chg %", "% change", "return", "dividends", "dividend", "stock splits", "split"),
    *(
        "vwap",
        "trades",
        "count",
        "turnover",
        "amount",
        "open interest",
        "openint",
        "currency",
        "exchange",
        "market cap",
    ),
    *("prev close", "previous close", "capital gains", "adjustment", "factor", "time"),
)
"""Names of columns that often stand beside prices and are none."""

_ROLES = {
    "adjusted": (
        "adj close",
        "adjusted close",
        "adjclose",
        "close adj",
        "close adjusted",
        "adj close price",
        "adjusted",
    ),
    "close": (
        "close",
        "last",
        "price",
        "close last",
        "settle",
        "settlement",
        "px last",
        "nav",
        "closing",
        "last traded",
    ),
    "open": ("open", "opening", "px open"),
    "high": ("high", "px high"),
    "low": ("low", "px low"),
    "volume": ("volume", "vol", "px volume", "traded volume"),
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names}
_WORDS = r"adj(?:usted)?[\s_.]*close|adjusted|open|high|low|close|volume"
_OWNED = (
    re.compile(rf"(?P<owner>.+?)[\s_.:/-]+(?P<role>{_WORDS})", re.IGNORECASE),
    re.compile(rf"(?P<role>{_WORDS})[\s_.:/-]+(?P<owner>.+)", re.IGNORECASE),
)
_NO_OWNERS = {
    "prev",
    "previous",
    "prior",
    "unadjusted",
    "raw",
    "adj",
    "adjusted",
    "time",
    "date",
    "interest",
    "day",
    "52w",
}
_ORDINARY = 0.2
"""Half of all steps of a level are smaller than this, as log ratios; numbers drawn anew for each row move further."""


def plain(name: str) -> str:
    """Return a name in one spelling.

    Example:
        >>> plain("5. Adjusted_Close*"), plain("<CLOSE>"), plain("Close/Last"), plain("AdjClose (USD)")
        ('adjusted close', 'close', 'close last', 'adj close')
    """
    name = re.sub(r"\(.*?\)|\[.*?\]|[*<>]", " ", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"^\s*\d+\.\s*", "", name))
    return re.sub(r"[\s_.\-/:]+", " ", name).strip().lower()


def role_of(name: str) -> str | None:
    """Return "adjusted", "close", "open", "high", "low" or "volume", or ``None`` where a name says none of them.

    Example:
        >>> role_of("Closing Price"), role_of("Vol."), role_of("price"), role_of("AAPL")
        ('close', 'volume', 'close', None)
    """
    spelt = plain(name)
    return _ROLE_OF.get(spelt) or _ROLE_OF.get(spelt.removesuffix(" price"))


def owned(columns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the columns whose names join an asset and a role: asset → role → column, where it has a close.

    Example:
        >>> owned(["Date", "AAPL.Open", "AAPL.Close", "Close BTC-USD", "52w High"])
        {'AAPL': {'open': 'AAPL.Open', 'close': 'AAPL.Close'}, 'BTC-USD': {'close': 'Close BTC-USD'}}
    """
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        match = next(filter(None, (pattern.fullmatch(column.strip()) for pattern in _OWNED)), None)
        if match and role_of(column) is None and match["owner"].lower() not in _NO_OWNERS:
            role = role_of(match["role"])
            assert role is not None  # every one of the words is a role
            found.setdefault(match["owner"], {}).setdefault(role, column)
    return {owner: roles for owner, roles in found.items() if "close" in roles or "adjusted" in roles}


def ranked(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the columns that go by one of the names, those of the first name first."""
    known = [column for column in columns if plain(column) in names]
    return sorted(known, key=lambda column: names.index(plain(column)))


def moves_like_a_price(values: Floats) -> bool:
    """Whether numbers (n,), NaN where missing, are positive and vary from row to row by little beside themselves.

    Example:
        >>> moves_like_a_price(np.array([100.0, 101.5, 99.0])), moves_like_a_price(np.array([1.0, 90.0, 4.0]))
        (True, False)
    """
    there = values[~np.isnan(values)]
    if len(there) < 2 or not (there > 0).all() or np.ptp(there) == 0:
        return False
    steps = np.abs(np.diff(np.log(there)))
    level_steps = np.diff(there)
    counts = len(there) > 3 and np.ptp(level_steps) == 0
    return bool(np.median(steps) < _ORDINARY) and not counts
