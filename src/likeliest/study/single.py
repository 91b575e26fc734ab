"""The other verbs, one thing at a time: fit a model, predict, evaluate, race; all through the same task and ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import polars as pl

from likeliest.errors import OutputError, UnknownNameError
from likeliest.files import atomic_write, require_file_name
from likeliest.model import Model
from likeliest.progress import Callback
from likeliest.study.application import judge
from likeliest.study.candidate import Candidate, finite
from likeliest.study.candidates import fit_kind
from likeliest.study.conclusion import recommend
from likeliest.study.ground import Ground
from likeliest.study.plan import Plan
from likeliest.study.run import race_json
from likeliest.study.said import Said
from likeliest.tasks import Kind, Source, task_for

MODELS = ("auto", "linear", "net")


def fit_one(
    data: Source,
    target: str | None,
    kind: str,
    output: Path,
    *,
    family: str | None,
    plan: Plan,
    progress: Callable[[str], None],
    on_progress: Callback,
) -> dict[str, Any]:
    """Fit the linear model, the net, or the better of the two on validation rows, and write its file.

    Ctrl-C ends a fit with what it has: the verdict is then ``interrupted``, and the file is written like any other.

    Raises:
        UnknownNameError: ``kind`` is none of auto, linear, net.
        OutputError: the file cannot be written; found out before any work is done.
    """
    if kind not in MODELS:
        raise UnknownNameError(f"no model {kind!r}; there are {', '.join(MODELS)}")
    require_file_name(output)
    ground = ground_for(data, target, family, plan)
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


def ground_for(data: Source, target: str | None, family: str | None, plan: Plan) -> Ground:
    """Read the data and deal its rows."""
    task = task_for(data)
    examples = task.load(data, target, family)
    return Ground(task, examples, task.split(examples, plan.seed, plan.fractions), plan)


def predict_rows(model: Path, data: Source) -> pl.DataFrame:
    """Predict every row of a table."""
    loaded = Model.load(model)
    return loaded.predict(task_for(data).raw_rows(data, loaded)).to_frame()


def predict_to(model: Path, data: Source, path: Path) -> int:
    """Predict every row of a table and write CSV or Parquet, by the name's ending; return the number of rows.

    Raises:
        OutputError: another ending, or a file that cannot be written; found out before anything is predicted.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise OutputError(f"{path}: expected the name of a file that ends in .csv or .parquet; rename it")
    require_file_name(path)
    table, buffer = predict_rows(model, data), BytesIO()
    if suffix == ".csv":
        table.write_csv(buffer)
    else:
        table.write_parquet(buffer)
    atomic_write(path, buffer.getvalue())
    return table.height


def evaluate_rows(model: Path, data: Source) -> dict[str, Any]:
    """Judge a model on all rows of a table that have a target."""
    loaded = Model.load(model)
    examples = task_for(data).load(data, loaded.target.name, None, known=loaded)
    said = Said.of(loaded, loaded.encoder.encode(examples.raw)[examples.kept], examples.y)
    judged = judge(loaded, said, seed=0)
    return {"title": loaded.notes.get("title", model.name), "rows": len(examples), **judged}


def race_rules(
    data: Source,
    target: str | None,
    rules: tuple[str, ...] | None,
    model: str,
    *,
    family: str | None,
    plan: Plan,
    progress: Callable[[str], None],
) -> Mapping[str, Any]:
    """Race rules on the linear model or the net."""
    if model not in MODELS[1:]:
        raise UnknownNameError(f"no model {model!r} to race on; there are linear and net")
    progress("racing the learning rules")
    return race_json(ground_for(data, target, family, replace(plan, race_rules=rules)), cast("Kind", model))
