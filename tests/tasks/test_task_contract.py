"""One contract for all tasks: whatever the field, the study asks the same and gets answers of the same kind."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
import torch

from likeliest.data import TableEncoder
from likeliest.errors import SourceError
from likeliest.interfaces import Draw
from likeliest.model import Model
from likeliest.predictors import columns_of
from likeliest.randomness import stream
from likeliest.report.schema import Cell, Data, Report
from likeliest.study import Plan, study
from likeliest.study.single import evaluate_rows, predict
from likeliest.tasks import TASKS, Coding, Examples, Source, Task, task_for

from ..report.test_schema import mismatches
from ..shapes import write_shapes
from ..speaking import write_sentences
from ..tones import write_tones

TINY = Plan(
    minutes=0.0001,
    l2_grid=(1.0,),
    folds=2,
    hidden=(4,),
    net_passes=3,
    race_rules=("sgd", "lbfgs"),
    race_seeds=2,
    race_trials=1,
)


def table(folder: Path) -> Source:
    """Rows with numbers, texts, missing cells, and rows without a target."""
    draw = np.random.default_rng(9)
    size = draw.normal(size=90)
    kind = np.where(size + draw.normal(size=90) > 0, "large", "small").tolist()
    frame = pl.DataFrame(
        {"size": [None, *size[1:]], "colour": draw.choice(["red", "blue"], 90), "kind": [None, *kind[1:]]}
    )
    frame.write_csv(folder / "table.csv")
    return folder / "table.csv"


def pictures(folder: Path) -> Source:
    """Three shapes in noise, and a file that is no picture."""
    write_shapes(folder / "pictures", 16)
    (folder / "pictures" / "disc" / "notes.png").write_text("no picture")
    return folder / "pictures"


def words(folder: Path) -> Source:
    """Three tones by four speakers, and a file that is no sound."""
    write_tones(folder / "words", 5)
    (folder / "words" / "notes.wav").write_text("no sound")
    return folder / "words"


def texts(folder: Path) -> Source:
    """Strings of these tones, and a file that is no sound."""
    write_sentences(folder / "texts", 40)
    (folder / "texts" / "notes.wav").write_text("no sound")
    return folder / "texts"


SOURCES: dict[str, tuple[Callable[[Path], Source], str | None]] = {
    "table": (table, "kind"),
    "image": (pictures, None),
    "words": (words, None),
    "transcription": (texts, None),
}
"""A small source for each task, with the name of its target: a new task adds its own here."""


@dataclass(frozen=True)
class Case:
    """A task with a source that is its own."""

    task: Task
    source: Source
    target: str | None

    def load(self, known: Model | None = None) -> Examples:
        return self.task.load(self.source, self.target, None, known=known)


@pytest.fixture(params=TASKS, ids=lambda task: task.name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make, target = SOURCES[request.param.name]
    return Case(request.param, make(tmp_path), target)


def test_every_task_has_every_method_of_the_seam(case: Case) -> None:
    for name, asked in inspect.getmembers(Task, inspect.isfunction):
        if not name.startswith("_"):
            given = inspect.signature(getattr(case.task, name)).parameters
            assert list(given) == [p for p in inspect.signature(asked).parameters if p != "self"], name


def test_a_task_knows_its_own_and_nothing_else(case: Case) -> None:
    assert task_for(case.source) is case.task
    assert not case.task.recognises("nobody_knows_this")
    with pytest.raises(SourceError, match="found nothing at 'nobody_knows_this'"):
        task_for("nobody_knows_this")


def test_examples_are_the_rows_with_a_target(case: Case) -> None:
    examples, again = case.load(), case.load()
    assert len(examples) == len(examples.kept) == len(examples.y)
    assert (np.diff(examples.kept) > 0).all()
    assert examples.row_number(0) == examples.kept[0] + 1
    assert examples.sha256 == again.sha256
    assert len(examples.sha256) == 64
    np.testing.assert_array_equal(examples.y, again.y)
    if examples.target.classes is not None:
        assert set(examples.y) == set(range(len(examples.target.classes)))
    case.task.family(examples).check_support(torch.as_tensor(examples.y))


def test_a_split_deals_every_example_once(case: Case) -> None:
    examples = case.load()
    split = case.task.split(examples, 4, (0.6, 0.2, 0.2))
    np.testing.assert_array_equal(np.sort(np.concatenate(list(split))), np.arange(len(examples)))
    assert min(len(rows) for rows in split) > 0
    again, other = (case.task.split(examples, seed, (0.6, 0.2, 0.2)) for seed in (4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(split, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(split, other, strict=True))


@pytest.mark.parametrize("coding", get_args(Coding))
def test_an_encoder_learns_from_the_rows_it_is_given_and_survives_json(case: Case, coding: Coding) -> None:
    examples = case.load()
    rows = case.task.split(examples, 0, (0.6, 0.2, 0.2)).train
    encoder = case.task.encoder(examples, rows, coding)
    x = encoder.encode(examples.raw)
    assert np.isfinite(np.asarray(x[: len(x)])).all()
    if coding == "standard" and isinstance(encoder, TableEncoder):
        numbers = [i for i, name in enumerate(encoder.names) if name in encoder.sources]
        np.testing.assert_allclose(x[examples.kept[rows]][:, numbers].mean(0), 0, atol=1e-9)
    assert type(encoder).from_json(json.loads(json.dumps(encoder.to_json()))) == encoder


def test_predictors_give_the_columns_that_the_family_takes(case: Case) -> None:
    examples = case.load()
    family = case.task.family(examples)
    outputs = len(examples.alphabet or examples.target.classes or ()) if family.columns is None else 1
    rows = case.task.split(examples, 0, (0.6, 0.2, 0.2)).train
    for model in ("linear", "net"):
        encoder = case.task.encoder(examples, rows, model)
        x = torch.as_tensor(encoder.encode(examples.raw)[examples.kept[:5]])
        predictor = case.task.predictor(model, family, encoder, x.shape[1:], outputs, (4,))
        assert predictor.linear or model == "net" or family.event_dims > 1
        theta = predictor.init([stream(0, "init")], torch.float64)[0]
        eta, _ = predictor.forward(theta, x.double(), Draw(0, 0, torch.arange(5)))
        assert len(columns_of(eta)) == (outputs if family.columns is None else len(family.columns))
        y = torch.as_tensor(examples.y[:5])
        assert family.log_prob(eta, y).shape == (5,)


def test_the_glance_and_the_cells_follow_the_schema(case: Case) -> None:
    examples = case.load()
    split = case.task.split(examples, 0, (0.6, 0.2, 0.2))
    encoder = case.task.encoder(examples, split.train, "linear")
    data = json.loads(json.dumps(case.task.glance(examples, split, encoder), allow_nan=False))
    assert mismatches(data, Data) == []
    assert data["rows"] - data["rows_dropped"] == len(examples)
    assert [data["split"][part] for part in ("train", "validation", "test")] == [len(rows) for rows in split]
    for cell in case.task.cells(examples, 0, encoder, None):
        assert mismatches(cell, Cell) == []


def test_a_study_runs_and_its_model_serves_the_same_source(case: Case, tmp_path: Path) -> None:
    done = study(case.source, case.target, tmp_path / "out", plan=TINY)
    assert mismatches(json.loads((tmp_path / "out" / "report.json").read_text()), Report) == []
    path, examples = tmp_path / "m.likeliest", case.load()
    done.models[done.recommended].model.save(path)
    predicted = predict(path, case.source)
    assert predicted.table.height == sum(b.of for b in case.task.batches(case.source, Model.load(path)))
    said = "prediction" if examples.alphabet is None else "text"
    assert predicted.table[said].null_count() == len(predicted.unreadable)
    judged = evaluate_rows(path, case.source)
    assert judged["rows"] == len(examples)
    known = case.load(known=Model.load(path))
    np.testing.assert_array_equal(known.y, examples.y)
    assert replace(known.target, explanation="") == replace(examples.target, explanation="")
