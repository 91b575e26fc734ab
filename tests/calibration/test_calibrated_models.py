"""A model with a calibrator: its probabilities, its likelihood and its file."""

import json
import struct

import numpy as np
import polars as pl
import pytest

import likeliest as lk
from likeliest import model as model_module
from likeliest.calibration import CALIBRATORS, Identity, Temperature, calibrate
from likeliest.data import TableEncoder, Target
from likeliest.errors import ModelFileError, NotOnOfferError
from likeliest.glm import fit_linear
from likeliest.model import Model

ROWS = 240


def problem(classes):
    """A linear model whose coefficients are three times too large, with encoded rows and targets."""
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS)})
    eta = np.stack([k * frame["a"].to_numpy() for k in range(classes)], -1) + rng.gumbel(size=(ROWS, classes))
    labels = pl.Series("y", np.array(["low", "mid", "top"])[eta.argmax(1)])
    name = "bernoulli" if classes == 2 else "categorical"
    encoder, target = TableEncoder.learn(frame, standardise=False), Target.learn(labels, name)
    x, y = encoder.encode(frame), target.encode(labels)
    family = lk.family(name)
    found = fit_linear(family, x, y, outputs=1 if classes == 2 else classes, l2=0.1)
    return Model(encoder, target, family, found.predictor, 3 * found.theta, {"title": "steep"}), frame, x, y


def header(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["likeliest"])


@pytest.mark.parametrize("classes", [2, 3])
def test_one_call_makes_a_steep_model_truer(classes):
    model, frame, x, y = problem(classes)
    found = model.calibrated(x, y, seed=2)
    choice = calibrate(model.probabilities(x), y, seed=2)
    assert found.calibrator == choice.calibrator != Identity()
    assert found.notes == {"title": "steep", "calibration": choice.to_json()}
    q = choice.calibrator.apply(model.probabilities(x))
    np.testing.assert_array_equal(found.probabilities(x), q)
    np.testing.assert_array_equal(found.predict(frame).probabilities, q)
    np.testing.assert_array_equal(found.log_prob(x, y), np.log(q[np.arange(ROWS), y.astype(int)]))
    assert found.log_prob(x, y).mean() > model.log_prob(x, y).mean() + 0.05
    again = found.calibrated(x, y, seed=2)
    assert again.calibrator == found.calibrator
    assert again.notes == found.notes


def test_weights_reach_the_choice():
    model, _, x, y = problem(2)
    half = (np.arange(ROWS) % 2).astype(float)
    assert model.calibrated(x, y, half).calibrator == model.calibrated(x[1::2], y[1::2]).calibrator


@pytest.mark.parametrize("kind", [kind for kind in CALIBRATORS if kind != "none"])
def test_a_file_carries_every_calibrator(tmp_path, kind):
    model, frame, x, y = problem(3)
    calibrator = CALIBRATORS[kind].fit(model.probabilities(x), y)
    Model(model.encoder, model.target, model.family, model.predictor, model.theta, {}, calibrator).save(tmp_path / "m")
    loaded = lk.load(tmp_path / "m")
    assert loaded.calibrator == calibrator
    assert loaded.predict(frame).probabilities.tobytes() == calibrator.apply(model.probabilities(x)).tobytes()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_only_a_file_with_a_calibrator_asks_for_a_newer_likeliest(tmp_path, monkeypatch):
    model, *_ = problem(2)
    model.save(tmp_path / "plain")
    hot = Model(model.encoder, model.target, model.family, model.predictor, model.theta, {}, Temperature(1.5))
    hot.save(tmp_path / "hot")
    assert header(tmp_path / "plain")["schema"] == 1
    assert "calibrator" not in header(tmp_path / "plain")
    assert header(tmp_path / "hot")["schema"] == 2
    assert header(tmp_path / "hot")["calibrator"] == {"kind": "temperature", "temperature": 1.5}
    monkeypatch.setattr(model_module, "NEWEST", 1)  # as a likeliest that knows no calibrators reads it
    assert lk.load(tmp_path / "plain").calibrator == Identity()
    with pytest.raises(ModelFileError, match=r"layout 2.*reads layouts up to 1; update likeliest"):
        lk.load(tmp_path / "hot")


class Said(Temperature):
    """A calibrator whose file says something else."""

    said: dict

    def to_json(self):
        return self.said


@pytest.mark.parametrize("said", [
    {"kind": "martian"}, {"kind": "temperature"}, {"kind": "temperature", "temperature": -1},
    {"kind": "beta", "curves": [{"a": 1, "b": 1, "c": 0}] * 4}, {"kind": "isotonic", "curves": 3}, 7,
])  # fmt: skip
def test_a_damaged_calibrator_is_refused(tmp_path, said):
    model, *_ = problem(2)
    calibrator = Said(1.0)
    object.__setattr__(calibrator, "said", said)
    Model(model.encoder, model.target, model.family, model.predictor, model.theta, {}, calibrator).save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="a part of the model cannot be read"):
        lk.load(tmp_path / "m")


def test_a_number_is_not_calibrated_so():
    rng = np.random.default_rng(0)
    frame, y = pl.DataFrame({"a": rng.normal(size=40)}), pl.Series("y", rng.normal(size=40))
    encoder, target, family = (
        TableEncoder.learn(frame, standardise=False),
        Target.learn(y, "normal"),
        lk.family("normal"),
    )
    x = encoder.encode(frame)
    found = fit_linear(family, x, target.encode(y))
    with pytest.raises(NotOnOfferError, match="predicts a number"):
        Model(encoder, target, family, found.predictor, found.theta).calibrated(x, target.encode(y))
