"""Model files: what another process loads predicts the same to the bit; a file holds numbers and JSON, no code."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import likeliest as lk
from likeliest.data import TableEncoder, Target
from likeliest.errors import OutputError, SpecificationError
from likeliest.glm import fit_linear
from likeliest.model import SCHEMA, Model
from likeliest.nets import fit_net


def table(rows: int = 80) -> pl.DataFrame:
    draw = np.random.default_rng(11)
    return pl.DataFrame(
        {
            "size": [None, *draw.normal(size=rows - 1)],
            "colour": draw.choice(["red", "green", "blue"], rows),
            "day": pl.Series([f"2024-0{m}-1{d}" for m, d in draw.integers(1, 9, (rows, 2))]).str.to_date(),
            "sold": draw.choice([True, False], rows),
        }
    )


TARGETS = {
    "bernoulli": pl.Series("y", ["no", "yes", "no", "yes", "yes"] * 16),
    "categorical": pl.Series("y", ["a", "b", "c", "c", "b"] * 16),
    "normal": pl.Series("y", np.random.default_rng(12).normal(100, 30, 80)),
    "poisson": pl.Series("y", np.random.default_rng(13).poisson(3, 80)),
}


def model_of(family: str, kind: str) -> Model:
    """A model of some family: linear at its optimum, or a net after a few passes."""
    frame, target = table(), Target.learn(TARGETS[family], family)
    encoder = TableEncoder.learn(frame, standardise=kind == "net")
    x, y, outputs = encoder.encode(frame), target.encode(TARGETS[family]), 3 if family == "categorical" else 1
    chosen = lk.family(family)
    fit = fit_linear if kind == "linear" else fit_net
    options: dict[str, Any] = {} if kind == "linear" else {"hidden": (5, 4), "activation": "tanh", "budget": 3}
    found = fit(chosen, x, y, outputs=outputs, l2=0.1, **options)
    return Model(encoder, target, chosen, found.predictor, found.theta, {"title": f"{kind} {family}"})


MODELS = [(family, kind) for family in TARGETS for kind in ("linear", "net")]

PREDICT = """
import pickle, sys, torch
from pathlib import Path
def forbidden(*_, **__): raise AssertionError("a pickle was read")
pickle.load = pickle.loads = pickle.Unpickler = torch.load = forbidden
import numpy as np, polars as pl
import likeliest as lk
folder = Path(sys.argv[1])
frame = pl.read_parquet(folder / "table.parquet")
for path in folder.glob("*.likeliest"):
    lk.load(path).predict(frame).to_frame().write_parquet(path.with_suffix(".parquet"))
"""


def test_a_loaded_model_predicts_bit_for_bit_in_another_process(tmp_path: Path) -> None:
    table().write_parquet(tmp_path / "table.parquet")
    models = {f"{family}_{kind}": model_of(family, kind) for family, kind in MODELS}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.likeliest")
    subprocess.run([sys.executable, "-c", PREDICT, str(tmp_path)], check=True)
    for name, model in models.items():
        assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(model.predict(table()).to_frame()), name


@pytest.mark.parametrize(("family", "kind"), MODELS)
def test_a_loaded_model_is_the_same_value(tmp_path: Path, family: str, kind: str) -> None:
    model = model_of(family, kind)
    model.save(tmp_path / "m")
    loaded = lk.load(tmp_path / "m")
    assert loaded.theta.equal(model.theta)
    assert (loaded.encoder, loaded.target, loaded.notes) == (model.encoder, model.target, model.notes)
    assert (loaded.family.name, loaded.family.link) == (model.family.name, model.family.link)
    assert loaded.predictor.to_json() == model.predictor.to_json()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_a_file_is_one_tensor_and_json(tmp_path: Path) -> None:
    """Read by the format's own description: eight bytes of length, a JSON header, then the numbers."""
    model = model_of("normal", "net")
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert set(header) == {"__metadata__", "theta"}
    assert (header["theta"]["dtype"], header["theta"]["shape"]) == ("F64", [len(model.theta)])
    np.testing.assert_array_equal(np.frombuffer(content[8 + length :]), model.theta.numpy())
    values = json.loads(header["__metadata__"]["likeliest"])
    assert values["schema"] == SCHEMA
    assert values["target"]["family"] == "normal"


def test_predictions_by_hand() -> None:
    model = model_of("normal", "linear")
    said, x = model.predict(table()), model.encoder.encode(table())
    weight, bias, log_scale = model.theta[:-2].numpy(), float(model.theta[-2]), float(model.theta[-1])
    np.testing.assert_allclose(said.labels, x @ weight + bias, rtol=1e-12)
    np.testing.assert_allclose(said.intervals["sigma"], np.exp(log_scale), rtol=1e-14)
    assert said.to_frame().columns == ["row", "prediction", "mean", "sigma", "q05", "q95"]
    classes = model_of("categorical", "linear").predict(table())
    assert classes.probabilities is not None
    np.testing.assert_allclose(classes.probabilities.sum(1), 1, rtol=1e-14)
    np.testing.assert_array_equal(np.array(["a", "b", "c"])[classes.probabilities.argmax(1)], classes.labels)
    assert classes.to_frame().columns == ["row", "prediction", "p_a", "p_b", "p_c"]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    path.write_text("an older model")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        OutputError, match=r"m: expected a place that can be written to, found: No space left on device"
    ):
        model_of("poisson", "linear").save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert path.read_text() == "an older model"


def test_a_model_that_is_code_is_not_saved(tmp_path: Path) -> None:
    model = model_of("normal", "linear")
    module = lk.Module(torch.nn.Linear(len(model.encoder.names), 1))
    with pytest.raises(SpecificationError):
        Model(model.encoder, model.target, model.family, module, model.theta).save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
