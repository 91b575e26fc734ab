"""From what a user names to prices: a table in a file or in memory, or a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from likeliest.data.folders import PASSED_OVER
from likeliest.data.paths import entries, is_file, shown
from likeliest.data.prices.frames import is_frame, tables_of
from likeliest.data.prices.reading import Options, Table, read_series
from likeliest.data.prices.series import Prices, PriceSeries
from likeliest.data.problems import Problem, also_found
from likeliest.data.tables import read_cells
from likeliest.errors import SourceError, TableError, UnknownNameError

TABLES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")

_NAME = "price"
"""The asset of a table in memory that tells no name."""


def read_prices(
    source: Any,
    *,
    date: str | None = None,
    price: str | Sequence[str] | None = None,
    asset: str | None = None,
    adjust: Literal["splits"] | None = None,
) -> Prices:
    r"""Read prices with their dates, of one asset or of several, and say what was found and done.

    A table has a column of dates and prices: of one asset ("close", "price" or the like, and open, high, low and volume
    where they are there), long (a column such as "asset" or "ticker" names the asset of each row), or wide (a column
    for each asset). An adjusted close goes before a plain one, and adjusts open, high and low by their ratio. Rows come
    in any order. Where a price is missing, the row is left out for its asset.

    What cannot be read in one way alone is refused, with its place and the remedy. What can, but is not as expected, is
    kept or mended, and told by `Prices.findings`; jumps that look like splits without adjustment, by `Prices.alarms`.

    Args:
        source: a CSV, TSV or Parquet file; a folder of them, each of the asset that it is called by; a polars or pandas
            frame; a mapping of columns, or of frames by asset.
        date: the column of dates; found by its name or its cells if ``None``.
        price: the column of prices, or those of a wide table; found by name, or by being the only ones, if ``None``.
        asset: the column that names assets; found by its name if ``None``.
        adjust: "splits" divides the prices before what looks like a split by its ratio.

    Raises:
        SourceError: there is nothing that can be read.
        TableError: a file is no table, or its columns are not those of prices.
        ColumnError: a cell that is no date or no price above zero; one date with two prices; prices without variance.
        UnknownNameError: ``adjust`` is neither "splits" nor ``None``.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "index.csv"
        >>> _ = path.write_text("Date,Close\n2024-04-02,99.0\n2024-04-01,110.0\n2024-03-28,100.0\n")
        >>> prices = read_prices(path)
        >>> prices.assets, prices["index"].close.tolist(), prices.findings()
        (('index',), [100.0, 110.0, 99.0], ['1 × the newest row first; turned round: index: from row 1 (2024-04-02)'])
    """
    if adjust not in (None, "splits"):
        raise UnknownNameError(f"expected adjust='splits' or None, found {adjust!r}")
    options = Options(date, price, asset, adjust == "splits")
    if is_frame(source):
        pairs = tables_of(source)
        tables = [
            Table(frame, "the table" if name is None else f"the table {name!r}", name or _NAME, name is not None)
            for name, frame in pairs
        ]
        return _joined(tables, options, [])
    path = _existing(source)
    try:
        if path.is_dir():
            return _joined(*_in_folder(path, options))
    except OSError as error:
        raise SourceError(f"{error.filename or path}: cannot be read: {error.strerror}; see to permissions") from error
    return _joined([_of_file(path, path.name)], options, [])


def _existing(source: Any) -> Path:
    if not isinstance(source, str | Path):
        raise SourceError(
            f"expected a file, a folder, a polars or pandas frame or a mapping, found {type(source).__name__}; give "
            "one of them, such as {'date': dates, 'close': prices}"
        )
    path = Path(source)
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    return path


def _of_file(path: Path, place: str, *, named: bool = False) -> Table:
    frame, separator = read_cells(path)
    return Table(frame, place, path.stem, named, separator)


def _in_folder(folder: Path, options: Options) -> tuple[list[Table], Options, list[Problem]]:
    problems: list[Problem] = []
    tables = []
    for path in entries(folder):
        if is_file(path) and path.suffix.lower() in TABLES:
            tables.append(_of_file(path, shown(path, folder), named=True))
        else:
            what = "a folder in a folder of prices" if path.is_dir() else "no table"
            problems.append(Problem(shown(path, folder), what, PASSED_OVER))
    if not tables:
        raise SourceError(
            f"{folder}: expected CSV or Parquet files of prices, found none{also_found(problems)}; name the folder "
            "that holds them"
        )
    return tables, options, problems


def _joined(tables: list[Table], options: Options, problems: list[Problem]) -> Prices:
    """Return the series of all tables.

    Raises:
        TableError: two tables hold one asset.
    """
    found: dict[str, tuple[PriceSeries, str]] = {}
    problems = list(problems)
    for table in tables:
        series, said = read_series(table, options)
        where = "" if len(tables) == 1 else f"{table.place}: "
        problems += [Problem(where + one.name, one.reason, one.done) for one in said]
        for one in series:
            if one.name in found:
                raise TableError(
                    f"{table.place}: expected assets of different names, found {one.name!r}, which is in "
                    f"{found[one.name][1]} already; rename one of them, or join their rows in one table"
                )
            found[one.name] = one, table.place
    return Prices.of((one for one, _ in found.values()), problems)
