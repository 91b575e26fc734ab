"""The other verbs, one thing at a time: fit a model, predict, evaluate, race; all through the same task and ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from likeliest.errors import OutputError, SourceError, UnknownNameError
from likeliest.files import atomic_write, require_file_name
from likeliest.finance.encoder import PriceEncoder
from likeliest.model import Model
from likeliest.progress import Callback
from likeliest.sequences import rows_of
from likeliest.study.application import judge
from likeliest.study.candidate import Candidate, finite
from likeliest.study.candidates import fit_kind
from likeliest.study.conclusion import recommend
from likeliest.study.ground import Ground
from likeliest.study.plan import Plan
from likeliest.study.prices import are_prices, evaluate_prices, fit_prices, tomorrow, tomorrow_frame
from likeliest.study.prices.market import Market
from likeliest.study.prices.plan import PricePlan
from likeliest.study.prices.run import race_json as race_direction
from likeliest.study.run import race_json
from likeliest.study.said import Said
from likeliest.tasks import AS_FITS, Batch, Examples, Kind, Reading, Source, task_for, task_of

MODELS = ("auto", "linear", "net")


def fit_one(
    data: Source,
    target: str | None,
    kind: str,
    output: Path,
    *,
    family: str | None,
    reading: Reading = AS_FITS,
    read_as: str | None = None,
    plan: Plan,
    device: str = "cpu",
    progress: Callable[[str], None],
    on_progress: Callback,
) -> dict[str, Any]:
    """Fit the linear model, the net, or the better of the two on validation rows, and write its file.

    Ctrl-C ends a fit with what it has: the verdict is then ``interrupted``, and the file is written like any other.

    Raises:
        UnknownNameError: ``kind`` is none of auto, linear, net.
        OutputError: the file cannot be written; found out before any work is done.
    """
    if are_prices(data, target, read_as):
        return fit_prices(data, target, kind, output, family=family, plan=plan, progress=progress)
    if kind not in MODELS:
        raise UnknownNameError(f"no model {kind!r}; there are {', '.join(MODELS)}")
    require_file_name(output)
    ground = ground_for(data, target, family, plan, device, reading)
    fitted: list[Candidate] = []
    for one in cast("tuple[Kind, ...]", ("linear", "net")):
        if kind in ("auto", one) and not any(candidate.interrupted for candidate in fitted):
            fitted.append(fit_kind(ground, one, progress, on_progress))
    chosen = fitted[-1] if len(fitted) == 1 or fitted[-1].interrupted else recommend(fitted)[0]
    chosen.model.save(output)
    return {
        "model": chosen.title,
        "verdict": chosen.verdict.to_json(),
        "nll_train": finite(chosen.nll_train),
        "nll_validation": finite(chosen.nll_validation),
        "written": str(output),
        "data": ground.task.glance(ground.examples, ground.split, ground.raw_encoder),
    }


def ground_for(
    data: Source,
    target: str | None,
    family: str | None,
    plan: Plan,
    device: str = "cpu",
    reading: Reading = AS_FITS,
) -> Ground:
    """Read the data and deal its rows."""
    task = task_for(data, target, family, reading)
    examples = task.load(data, target, family)
    return Ground(task, examples, task.split(examples, plan.seed, plan.fractions), plan, device)


@dataclass(frozen=True)
class Predicted:
    """A table of predictions.

    Attributes:
        table: ``row`` or ``file``, ``prediction``, then as `likeliest.model.Prediction.to_frame` says. Where a file
            could not be read its row holds nothing but its name and, in a last column ``error``, the reason.
        unreadable: name → reason.
        forecast: of prices, the day after; see `likeliest.report.schema.prices.Tomorrow`.
    """

    table: pl.DataFrame
    unreadable: Mapping[str, str] = field(default_factory=dict)
    forecast: Mapping[str, Any] | None = None

    @property
    def flat(self) -> pl.DataFrame:
        """The table without columns of lists, which a CSV file cannot hold."""
        return self.table.select(pl.exclude(pl.List))


def predict(model: Path, data: Source | None, tell: Callable[[int, int], None] = lambda done, of: None) -> Predicted:
    """Predict every row of a table, or every picture or recording of a folder, part by part; of prices the next day.

    Args:
        model: its file.
        data: what to predict; None, for a model of prices, is the day after those that it learnt from.
        tell: called with how many rows of how many are done.

    Raises:
        SourceError: there are no data, or not one file could be read.
    """
    loaded = Model.load(model)
    if isinstance(loaded.encoder, PriceEncoder):
        found = tomorrow(loaded, data)
        return Predicted(tomorrow_frame(found), forecast=found)
    if data is None:
        raise SourceError(f"expected DATA to predict, after {model}; only a model of prices knows what comes next")
    tables, unreadable, done = list[pl.DataFrame](), dict[str, str](), 0
    for batch in task_of(loaded).batches(data, loaded):
        tables.append(_in_order(loaded.predict(batch.raw).to_frame(), batch))
        unreadable |= batch.unreadable
        done += tables[-1].height
        tell(done, batch.of)
    if len(unreadable) == done:
        name, reason = next(iter(unreadable.items()))
        raise SourceError(
            f"{data}: expected files that can be read, found none among {done}; the first is {name} ({reason})"
        )
    table = pl.concat(tables, how="vertical_relaxed")  # a part of which nothing could be read knows no type of labels
    return Predicted(table if unreadable or "error" not in table.columns else table.drop("error"), unreadable)


def _in_order(predicted: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The predictions of files in the order of their source, with those that could not be read in their places."""
    if batch.files is None:
        return predicted
    reasons = [batch.unreadable.get(name) for name in batch.files]
    every = pl.DataFrame({"file": list(batch.files), "error": pl.Series(reasons, dtype=pl.String)})
    joined = every.join(predicted, on="file", how="left", maintain_order="left")
    return joined.select("file", *predicted.columns[1:], "error")


def predict_to(model: Path, data: Source | None, path: Path, tell: Callable[[int, int], None]) -> Predicted:
    """Predict and write CSV or Parquet, by the name's ending.

    Raises:
        OutputError: another ending, or a file that cannot be written; found out before anything is predicted.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise OutputError(f"{path}: expected the name of a file that ends in .csv or .parquet; rename it")
    require_file_name(path)
    predicted, buffer = predict(model, data, tell), BytesIO()
    if suffix == ".csv":
        predicted.flat.write_csv(buffer)
    else:
        predicted.table.write_parquet(buffer)
    atomic_write(path, buffer.getvalue())
    return predicted


def labelled(model: Model, data: Source) -> Examples:
    """Read rows with a target, as a model learnt them."""
    return task_of(model).load(data, model.target.name, None, known=model)


def evaluate_rows(model: Path, data: Source) -> dict[str, Any]:
    """Judge a model on all rows that have a target; on the test rows alone where the data set them aside."""
    loaded = Model.load(model)
    if isinstance(loaded.encoder, PriceEncoder):
        return evaluate_prices(loaded, data)
    examples = labelled(loaded, data)
    rows = examples.aside if len(examples.aside) else np.arange(len(examples))
    x = rows_of(loaded.encoder.encode(examples.raw), examples.kept[rows])
    known = getattr(examples.raw, "speakers", None)
    speakers = None if known is None else [known[row] for row in examples.kept[rows]]
    judged = judge(loaded, Said.of(loaded, x, examples.y[rows]), 0, speakers)
    return {"title": loaded.notes.get("title", model.name), "rows": len(rows), **judged}


def race_rules(
    data: Source,
    target: str | None,
    rules: tuple[str, ...] | None,
    model: str,
    *,
    family: str | None,
    read_as: str | None = None,
    plan: Plan,
    progress: Callable[[str], None],
) -> Mapping[str, Any]:
    """Race rules on the linear model or the net; of prices, on the logistic regression of their direction."""
    if are_prices(data, target, read_as):
        market = Market.read(data, target, PricePlan.of(plan))
        progress("racing the learning rules")
        return race_direction(market, rules)
    if model not in MODELS[1:]:
        raise UnknownNameError(f"no model {model!r} to race on; there are linear and net")
    progress("racing the learning rules")
    return race_json(ground_for(data, target, family, replace(plan, race_rules=rules)), cast("Kind", model))
