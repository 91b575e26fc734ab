"""What a race leaves behind: rows, curves, comparisons and a conclusion, as one value."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from likeliest.race.comparing import ALPHA, Comparison

if TYPE_CHECKING:
    from likeliest.report.schema import Race as RaceJson


@dataclass(frozen=True)
class Row:
    """One rule at its chosen learning rate; NLLs, errors, works and seconds are medians over seeds.

    Attributes:
        rule: its name.
        lr: the chosen learning rate, None where the rule has none.
        criterion: "nll", or what the rule really minimises.
        nll: best validation NLL; None for another criterion, for which an NLL means nothing, or where it is not finite.
        error: held-out error there: share of rows decided wrongly, or root mean squared error in the unit of y.
        nll_test: NLL on test rows, where there are any and the criterion is the NLL.
        error_test: error on test rows, where there are any.
        work_to_target: in passes over the training rows; None where half of the seeds or more missed the target.
        work_low: the smallest over seeds that reached the target.
        work_high: the largest over seeds; None where one missed.
        reached: seeds that reached the target.
        censored: seeds that did not, and count as at least the budget.
        seconds_to_target: in the rule alone, the chosen setting run by itself.
        trials: learning rates tried.
        at_edge: whether the chosen rate ends the range, so that a wider one might serve the rule better.
        verdict: a phrase on how it went.
    """

    rule: str
    lr: float | None
    criterion: str
    nll: float | None
    error: float | None
    nll_test: float | None
    error_test: float | None
    work_to_target: float | None
    work_low: float | None
    work_high: float | None
    reached: int
    censored: int
    seconds_to_target: float | None
    trials: int
    at_edge: bool
    verdict: str


@dataclass(frozen=True)
class Band:
    """Validation NLL against work over seeds: medians, smallest and largest; None where they are not finite."""

    rule: str
    work: list[float]
    median: list[float | None]
    low: list[float | None]
    high: list[float | None]


@dataclass(frozen=True)
class Skipped:
    """A rule that did not run, and why."""

    rule: str
    reason: str


@dataclass(frozen=True)
class Race:
    """The outcome of a race; printing it shows the table and the conclusion.

    Attributes:
        model: what was trained.
        rows: one a rule, the best first; rules with another criterion than the NLL come last, by error.
        curves: one a rule whose criterion is the NLL.
        comparisons: every other such rule against the reference.
        skipped: rules that did not run.
        target: the validation NLL to reach, at the medians over seeds; None where no rule got anywhere.
        start: median validation NLL at the initial θ.
        best: the best median validation NLL of any rule and learning rate.
        reference: the rule of least median work.
        budget: passes that each run might spend.
        seeds: how many there were.
        trials: learning rates tried by each rule that has one.
        batch_size: rows in a mini-batch, None for full batches.
        conclusion: what the race shows, for these data and this budget.
    """

    model: str
    rows: tuple[Row, ...]
    curves: tuple[Band, ...]
    comparisons: tuple[Comparison, ...]
    skipped: tuple[Skipped, ...]
    target: float | None
    start: float | None
    best: float | None
    reference: str | None
    budget: float
    seeds: int
    trials: int
    batch_size: int | None
    conclusion: str

    @property
    def table(self) -> list[dict[str, Any]]:
        """One dictionary a rule: the fields of `Row`, then ratio, low, high, p_holm and statement of `Comparison`."""
        compared = {c.rule: c for c in self.comparisons}
        return [asdict(row) | _comparison(row, compared.get(row.rule), self.reference) for row in self.rows]

    def to_json(self) -> RaceJson:
        """Return plain values, as ``report.json`` holds them under ``race``; timings stand under ``seconds…`` alone."""
        return {
            "model": self.model,
            "rows": [_without(row, "nll_test", "error_test", "censored", "at_edge") for row in self.rows],
            "curves": [_without(curve) for curve in self.curves],
            "target": self.target,
            "start": self.start,
            "best": self.best,
            "budget": self.budget,
            "seeds": self.seeds,
            "trials": self.trials,
            "batch_size": self.batch_size,
            "reference": self.reference,
            "level": 1 - ALPHA,
            "comparisons": [_without(one, "slower") for one in self.comparisons],
            "skipped": [_without(one) for one in self.skipped],
            "conclusion": self.conclusion,
        }

    def __str__(self) -> str:
        head = ("rule", "lr", "work to target", "ratio", "NLL", "error", "seconds", "verdict")
        lines = [head, *(_cells(row) for row in self.table)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        skipped = [f"{one.rule}: skipped: {one.reason}" for one in self.skipped]
        return "\n".join([*shown, *skipped, "", self.conclusion])

    __repr__ = __str__


def _without(value: Any, *names: str) -> Any:
    return {f.name: getattr(value, f.name) for f in fields(value) if f.name not in names}


def _comparison(row: Row, found: Comparison | None, reference: str | None) -> dict[str, Any]:
    if found is not None:
        kept = ("ratio", "low", "high", "p_holm", "statement")
        return {name: getattr(found, name) for name in kept}
    statement = "the reference" if row.rule == reference else "not compared"
    return {"ratio": None, "low": None, "high": None, "p_holm": None, "statement": statement}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    marked = row["rule"] if row["criterion"] == "nll" else f"{row['rule']} *"
    interval = "" if row["ratio"] is None else f"{_number(row['ratio'])} ({_span(row['low'], row['high'])})"
    numbers = [_number(row[key]) for key in ("nll", "error", "seconds_to_target")]
    return (marked, _number(row["lr"]), _number(row["work_to_target"]), interval, *numbers, row["verdict"])


def _span(low: float | None, high: float | None) -> str:
    return f"{'?' if low is None else _number(low)} to {'?' if high is None else _number(high)}"


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"
