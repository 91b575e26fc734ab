"""Does a pipeline look ahead? Change the future, and nothing that is said of the past may move by a bit.

A table of days goes in, values for each day come out: features, labels to learn from, forecasts. The test cuts the
table at many days, gives the pipeline another future each time (none at all; other prices, volumes, categories; days in
another order), and compares what it says of the days before with what it said at first. What differs has looked ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.errors import CodeError, ShapeError, SpecificationError, TableError
from likeliest.finance.futures import FUTURES, Future
from likeliest.randomness import stream

Pipeline = Callable[[pl.DataFrame], Any]
CUTS = 250
"""Days at which the future is changed, at most: all of them where there are no more."""
_LATE, _LARGE = 40, 40
"""Of these so many are the last days, and the days of the largest moves."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that moved with its future.

    Attributes:
        day: that it is said of, as text.
        row: of the table, counted from 0.
        column: of what the pipeline returns.
        ahead: how many days ahead it reaches: changes that begin so many days later still move it.
        future: how that day and later ones were changed, in words.
        before: the value at first.
        after: the value with the other future.
    """

    day: str
    row: int
    column: str
    ahead: int
    future: str
    before: str
    after: str

    def __str__(self) -> str:
        return (
            f"{self.column} of {self.day} (row {self.row}) moved from {self.before} to {self.after} when "
            f"nothing but the days from {self.ahead} later on were {self.future}"
        )


@dataclass(frozen=True, slots=True)
class LookAhead:
    """What the look-ahead test found.

    Attributes:
        passed: whether no value moved.
        leaks: one for each column that moved, those that reach least far first.
        cuts: at how many days the future was changed.
        runs: of the pipeline.
        lag: what row t may use: days up to t − lag.
        refused: futures on which the pipeline raised an error, and which so proved nothing.
    """

    passed: bool
    leaks: tuple[Leak, ...]
    cuts: int
    runs: int
    lag: int
    refused: int = 0

    @property
    def message(self) -> str:
        """What was found, in words."""
        if self.passed:
            refused = f"; {self.refused} futures it would not run on" if self.refused else ""
            return (
                f"no look-ahead found: at {self.cuts} days the future was changed, {self.runs} runs in all, and no "
                f"value of the past moved by a bit{refused}"
            )
        said = "; ".join(str(leak) for leak in self.leaks[:SHOWN])
        return f"looks ahead: {said}. Compute each day from days up to it, and fit nothing to days that come later"

    def __str__(self) -> str:
        return self.message

    def to_json(self, name: str = "pipeline") -> dict[str, Any]:
        """Return plain values, with the name of what was tested."""
        leaks = [asdict(leak) for leak in self.leaks]
        counted = {"cuts": self.cuts, "runs": self.runs, "refused": self.refused}
        return {"name": name, "passed": self.passed, "leaks": leaks, **counted, "message": self.message}


def check_lookahead(
    pipeline: Pipeline,
    table: pl.DataFrame,
    *,
    lag: int = 0,
    date: str = "date",
    cuts: int = CUTS,
    first: int = 0,
    seed: int = 0,
) -> LookAhead:
    """Test whether what a pipeline says of a day depends on later days.

    Args:
        pipeline: takes the table and returns values for each of its rows, in order: an array (n,) or (n, k), a series
            or a table.
        table: days in ascending order, several rows a day where there are several assets.
        lag: row t may use days up to t − lag: 0 for what is known at the close of day t, 1 for a forecast of day t.
        date: the column of days.
        cuts: at how many days the future is changed, at most: the last ones, those of the largest moves, and a sample.
        first: the first day, counted from 0, after which it is changed: of earlier ones a pipeline may say nothing.
        seed: of the other futures, and of the sample.

    Raises:
        SpecificationError: a lag below 0, or no cut.
        TableError: no such column of days, too few of them, or they do not ascend.
        ShapeError: the pipeline does not return one row of values for each row.
        CodeError: the pipeline raises an error on the table as it is or on most other futures, or says something else
            when it is run on the same table again.

    Example:
        >>> days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 9), eager=True)
        >>> table = pl.DataFrame({"date": days, "close": np.random.default_rng(0).normal(size=100).cumsum() + 100})
        >>> honest = check_lookahead(lambda t: t["close"].rolling_mean(5), table)
        >>> centred = check_lookahead(lambda t: t["close"].rolling_mean(5, center=True), table)
        >>> honest.passed, centred.passed, centred.leaks[0].ahead
        (True, False, 2)
    """
    if lag < 0 or cuts < 1:
        raise SpecificationError(f"a lag is 0 or more days and cuts are 1 or more; found lag={lag}, cuts={cuts}")
    day = _days(table, date)
    if not 0 <= first < day[-1] - lag:
        raise SpecificationError(f"of {day[-1] + 1} days no day is left to be cut after from day {first} on")
    bench = _Bench(pipeline, table, day, lag, seed)
    places = _places(table, day, cuts, lag, first, seed)
    found: dict[str, Leak] = {}
    for turn, cut in enumerate(places):
        if len(found) == len(bench.said):  # there is no more to be found
            break
        for future in (FUTURES[0], FUTURES[1 + turn % (len(FUTURES) - 1)]):
            for leak in bench.leaks(cut, future):
                if leak.column not in found:
                    found[leak.column] = bench.farthest(leak, cut, future)
    leaks = tuple(sorted(found.values(), key=lambda leak: (leak.ahead, leak.row)))
    if not leaks and 2 * len(bench.refused) > bench.runs:
        raise bench.refused[0]
    return LookAhead(not leaks, leaks, len(places), bench.runs, lag, len(bench.refused))


def _days(table: pl.DataFrame, date: str) -> NDArray[np.int64]:
    """The number of each row's day, from 0."""
    if date not in table.columns:
        raise TableError(f"expected a column {date!r} of days, found {', '.join(table.columns)}; name it with date=")
    if table[date].null_count() or not table[date].is_sorted():
        raise TableError(f"column {date!r}: expected days in ascending order, without gaps; sort the table by it")
    day = table[date].rank("dense").to_numpy().astype(np.int64) - 1
    if day[-1] < 10:
        raise TableError(f"column {date!r}: expected more than 10 days, found {day[-1] + 1}")
    return day


def _places(
    table: pl.DataFrame, day: NDArray[np.int64], cuts: int, lag: int, first: int, seed: int
) -> NDArray[np.int64]:
    """The days after which the future is changed."""
    last = int(day[-1]) - 1 - lag
    if last - first < cuts:
        return np.arange(first, last + 1)
    moves = np.zeros(last + 1)
    for name in table.columns:
        if table[name].dtype.is_float():
            values = table.group_by(pl.lit(day), maintain_order=True).agg(pl.col(name).mean())[name].fill_null(0.0)
            change = np.abs(np.diff(values.to_numpy(), prepend=values[0]))[: last + 1]
            moves += change / (np.median(change) + np.finfo(float).tiny)
    largest = first + np.argsort(-moves[first:])[: min(_LARGE, cuts // 3)]
    told = {*range(last + 1 - min(_LATE, cuts // 3), last + 1), *largest.tolist()}
    rest = np.setdiff1d(np.arange(first, last + 1), np.array(sorted(told)))
    drawn = stream(seed, "look-ahead cuts").choice(rest, cuts - len(told), replace=False)
    return np.array(sorted({*told, *drawn.tolist()}))


class _Bench:
    """A pipeline on a table, what it said at first, and how often it was run."""

    def __init__(self, pipeline: Pipeline, table: pl.DataFrame, day: NDArray[np.int64], lag: int, seed: int) -> None:
        self.pipeline, self.table, self.day, self.lag, self.seed, self.runs = pipeline, table, day, lag, seed, 0
        self.refused: list[CodeError] = []
        self.said = self._run(table)
        again = self._run(table)
        if any(_differ(self.said[name], again[name]).any() for name in self.said):
            raise CodeError("the pipeline says something else when it is run on the same table again; fix its seeds")

    def _run(self, table: pl.DataFrame) -> dict[str, NDArray[Any]]:
        self.runs += 1
        try:
            returned = self.pipeline(table.clone())
        except Exception as error:
            raise CodeError(f"the pipeline raised {type(error).__name__} on {len(table)} rows: {error}") from error
        return _columns(returned, len(table))

    def other(self, cut: int, future: Future) -> dict[str, NDArray[Any]]:
        """What is said when the days after a cut are others; where the pipeline would not run, what it said at first.

        An error on an extreme future is no leak: whoever runs into it at a later day has said nothing of earlier ones.
        """
        later = self.day > cut
        kept = self.day <= cut + self.lag if future.ends else np.ones(len(self.day), bool)
        draws = stream(self.seed, "look-ahead", FUTURES.index(future), cut)
        changed = FUTURES[1] if future.ends else future
        table = changed.applied(self.table, later, draws) if (later & kept).any() else self.table
        try:
            return self._run(table.filter(pl.Series(kept)) if future.ends else table)
        except CodeError as error:
            self.refused.append(error)
            return self.said

    def leaks(self, cut: int, future: Future) -> Iterator[Leak]:
        """The last row of each column that moved, though it may not know of days after the cut."""
        other = self.other(cut, future)
        past = int(np.searchsorted(self.day, cut + self.lag, side="right"))
        for name, before in self.said.items():
            after = other.get(name)
            if after is None:
                yield self._leak(past - 1, name, cut, future, before[past - 1], "nothing")
                continue
            moved = np.flatnonzero(_differ(before[:past], after[:past]))
            if len(moved):
                row = int(moved[-1])
                yield self._leak(row, name, cut, future, before[row], after[row])

    def _leak(self, row: int, name: str, cut: int, future: Future, before: Any, after: Any) -> Leak:
        ahead = max(1, int(cut) + 1 - int(self.day[row]) + self.lag)
        day = str(self.table[row, self.table.columns.index(self._date)])
        return Leak(day, row, name, ahead, future.words, _shown(before), _shown(after))

    @property
    def _date(self) -> str:
        """The first column whose days ascend as the rows do."""
        ranks = (n for n in self.table.columns if self.table[n].dtype.is_temporal())
        return next(ranks, self.table.columns[0])

    def _still_moves(self, leak: Leak, cut: int, future: Future) -> bool:
        after = self.other(cut, future).get(leak.column)
        row = slice(leak.row, leak.row + 1)
        return after is None or bool(_differ(self.said[leak.column][row], after[row])[0])

    def farthest(self, leak: Leak, cut: int, future: Future) -> Leak:
        """The same leak at the last cut that still moves its row, found by halving."""
        low, high = int(cut), int(self.day[-1]) - 1 - self.lag
        while low < high:
            middle = (low + high + 1) // 2
            if self._still_moves(leak, middle, future):
                low = middle
            else:
                high = middle - 1
        return replace(leak, ahead=max(1, low + 1 - int(self.day[leak.row]) + self.lag))


def _columns(returned: Any, rows: int) -> dict[str, NDArray[Any]]:
    """What a pipeline returned, column by column.

    Raises:
        ShapeError: it is no row of values for each row.
    """
    if hasattr(returned, "columns") and not isinstance(returned, pl.Series):
        columns = {str(name): np.asarray(returned[name]) for name in returned.columns}
    else:
        array = np.asarray(returned)
        columns = {"value": array} if array.ndim < 2 else {f"value {j}": array[:, j] for j in range(array.shape[1])}
    for name, values in columns.items():
        if values.ndim != 1 or len(values) != rows:
            raise ShapeError(f"a pipeline returns a value for each row; {name!r} has {values.shape} for {rows} rows")
    return columns


def _differ(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns differ by a bit; NaN is NaN, whatever its bits, and 0 is not −0."""
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        same = (first == second) & (np.signbit(first) == np.signbit(second)) & (first.dtype == second.dtype)
        differ: NDArray[np.bool_] = ~(same | (np.isnan(first) & np.isnan(second)))
        return differ
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([not (a == b or (a is None and b is None) or (a != a and b != b)) for a, b in pairs], bool)


def _shown(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
