"""A study of pictures: it repeats, its report is bounded and true, its model says the same of a picture anywhere."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_score, recall_score

import likeliest as lk
from likeliest.augment import TestTime
from likeliest.calibration import Temperature
from likeliest.cli.summary import study_summary
from likeliest.data import read_pictures
from likeliest.interfaces import Draw
from likeliest.model import TOGETHER, Model
from likeliest.report.schema import Report
from likeliest.study import Plan, Study, study
from likeliest.study.occlusion import falls, patch_side
from likeliest.study.single import ground_for
from likeliest.tasks.image_recipe import recipe_for
from likeliest.tasks.shots import overlaid, png, signed, strip

from ..report.test_schema import mismatches
from ..shapes import SHAPES, write_shapes
from .test_report import without_seconds

TINY = Plan(minutes=0.0008, race_rules=("sgd", "lbfgs"), race_seeds=2, race_trials=1, race_passes=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    write_shapes(path / "shapes", 40)
    copied = Image.open(path / "shapes" / "disc" / "000.png")
    for i in range(4):  # copies end on both sides of the split
        copied.point(lambda v, more=i: min(255, v + more)).save(path / "shapes" / "disc" / f"copy{i}.png")
    (path / "shapes" / "disc" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return path / "shapes"


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(folder, None, tmp_path_factory.mktemp("study"), plan=TINY)


@pytest.fixture(scope="module")
def report(done: Study) -> dict[str, Any]:
    return json.loads((done.out / "report.json").read_text(encoding="utf-8"))


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def shots_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["png"]] if "png" in value else []
        return own + [shot for item in value.values() for shot in shots_in(item)]
    return [shot for item in value for shot in shots_in(item)] if isinstance(value, list) else []


def test_the_report_follows_the_schema_and_stays_small(done: Study, report: dict[str, Any]) -> None:
    assert mismatches(report, Report) == []
    shots = shots_in(report)
    assert len(shots) > 20
    assert sum(map(len, shots)) < 2_000_000
    for shot in shots:
        decoded(shot).verify()
    html = (done.out / "report.html").read_text(encoding="utf-8")
    assert all(shot in html for shot in shots)
    assert (done.out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_it_ends_in_few_lines_and_the_command_that_repeats_it(done: Study, folder: Path) -> None:
    lines = study_summary(done.report, Path("out"))
    assert len(lines) <= 15
    assert lines[0] == "Predicted    class, from 125 pictures, seen as 12 × 12 pixels"
    assert any(line.startswith("Not as usual ") for line in lines)
    assert done.report["provenance"]["command"] == f"likeliest study {folder} --seed 0"  # its plan is one's own


def test_it_repeats_byte_for_byte(folder: Path, report: dict[str, Any], tmp_path: Path) -> None:
    study(folder, None, tmp_path, plan=TINY)
    again = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert json.dumps(without_seconds(again)) == json.dumps(without_seconds(report))


def test_what_was_not_as_usual_is_counted_and_named(report: dict[str, Any]) -> None:
    data = report["data"]
    assert (data["rows"], data["rows_dropped"]) == (125, 1)
    assert [c["name"] for c in data["target"]["classes"]] == list(SHAPES)
    assert any("disc/broken.png" in p["names"] and p["done"] == "left out" for p in data["pictures"]["problems"])
    near = data["pictures"]["near"]
    assert 0 < len(near) <= data["pictures"]["near_count"]
    assert all(pair["likeness"] > 0.99 and pair["held_out"]["lines"][0] == "disc" for pair in near)


def test_classes_are_judged_as_scikit_learn_does(done: Study, report: dict[str, Any], folder: Path) -> None:
    ground = ground_for(folder, None, None, TINY)
    model, test = done.models[done.recommended].model, ground.split.test
    p = model.probabilities(ground.x_for(model.encoder)[test])
    y, predicted = ground.y[test], p.argmax(1)
    assert report["application"]["confusion"]["counts"] == confusion_matrix(y, predicted, labels=[0, 1, 2]).tolist()
    recall = recall_score(y, predicted, average=None, labels=[0, 1, 2], zero_division=np.nan)
    precision = precision_score(y, predicted, average=None, labels=[0, 1, 2], zero_division=np.nan)
    for k, one in enumerate(report["classes"]):
        assert one["recall"] == pytest.approx(recall[k])
        assert one["precision"] is None if np.isnan(precision[k]) else one["precision"] == pytest.approx(precision[k])
        assert one["given"] == pytest.approx(p[:, k].mean())
    own = p[np.arange(len(y)), y]
    assert [s["p"] for s in report["application"]["surprises"]] == pytest.approx(np.sort(own)[:10])
    assert len(report["pictures"]["surprises"]) == len(report["application"]["surprises"])


def test_every_surprise_is_shown_with_its_own_picture(report: dict[str, Any], folder: Path) -> None:
    for row, shot in zip(report["application"]["surprises"], report["pictures"]["surprises"], strict=True):
        file = row["cells"][0]["value"]
        np.testing.assert_array_equal(np.asarray(decoded(shot["png"])), np.asarray(Image.open(folder / file)))
        assert shot["lines"][0] == row["observed"] == file.split("/")[0]


def test_a_calibrator_is_chosen_on_validation_rows_alone(done: Study, report: dict[str, Any], folder: Path) -> None:
    ground = ground_for(folder, None, None, TINY)
    chosen = done.models[done.recommended]
    x = ground.x_for(chosen.model.encoder)[ground.split.validation]
    y = ground.y[ground.split.validation]
    nll = -np.log(chosen.uncalibrated.probabilities(x)[np.arange(len(y)), y]).mean()
    assert report["calibrated"]["rows"] == len(y)
    assert chosen.nll_validation == pytest.approx(nll)
    assert report["calibrated"]["trials"][0]["nll"] == pytest.approx(nll)


def model_of_pictures() -> Model:
    """A net at random, seen several ways and calibrated: nothing need be learnt to be the same everywhere."""
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)
    encoder = lk.data.images.ImageEncoder.learn(lk.data.Pictures.of(pixels))
    net = lk.ResidualNet((12, 12, 1), 3, channels=(4, 8), mean=encoder.mean, scale=encoder.scale)
    theta = net.init([draws], torch.float32)[0]
    theta += 0.1 * torch.from_numpy(draws.normal(size=len(theta))).abs().float()
    target = lk.data.Target("class", "categorical", SHAPES, "")
    family = lk.family("categorical")
    views = TestTime(flip=True, shifts=1)
    return Model(encoder, target, family, net, theta.double(), {"title": "net"}, Temperature(1.3), views)


def test_what_is_said_of_a_picture_depends_on_no_other_picture() -> None:
    model, draws = model_of_pictures(), np.random.default_rng(1)
    x = draws.integers(0, 256, (TOGETHER + 37, 12, 12, 1), dtype=np.uint8)
    together = model.probabilities(x)
    np.testing.assert_array_equal(together, model.probabilities(x[::-1].copy())[::-1])
    for row in (0, 5, TOGETHER - 1, TOGETHER, TOGETHER + 36):
        np.testing.assert_array_equal(model.probabilities(x[row : row + 1])[0], together[row])


def test_views_are_averaged_and_then_calibrated() -> None:
    model = model_of_pictures()
    x = np.random.default_rng(2).integers(0, 256, (7, 12, 12, 1), dtype=np.uint8)
    seen = [torch.softmax(model.predictor.forward(model.theta.float(), v)[0].double(), -1)
            for v in TestTime(flip=True, shifts=1).views(torch.from_numpy(x))]  # fmt: skip
    mean = np.asarray(torch.stack(seen).mean(0))
    powers = mean ** (1 / 1.3)
    np.testing.assert_allclose(model.probabilities(x), powers / powers.sum(1, keepdims=True), rtol=1e-5)
    y = np.arange(7) % 3
    np.testing.assert_allclose(model.log_prob(x, y), np.log(model.probabilities(x)[np.arange(7), y]))


def test_a_model_of_pictures_comes_back_bit_for_bit(tmp_path: Path, folder: Path) -> None:
    model = model_of_pictures()
    model.save(tmp_path / "m")
    loaded = lk.load(tmp_path / "m")
    pictures = read_pictures(folder)
    assert loaded.predict(pictures).to_frame().equals(model.predict(pictures).to_frame())
    assert (loaded.encoder, loaded.views, loaded.calibrator) == (model.encoder, model.views, model.calibrator)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
    assert loaded.predict(pictures).to_frame().columns == ["file", "prediction", "p_cross", "p_disc", "p_square"]


def test_a_patch_over_what_the_model_looks_at_lowers_its_log_probability() -> None:
    """A model that only asks whether the middle is bright: its map is below 0 there and 0 elsewhere."""
    model = model_of_pictures()

    class Middle(lk.Linear):
        def forward(self, theta: torch.Tensor, x: torch.Tensor, draw: Draw | None = None) -> tuple[torch.Tensor, Any]:
            bright = x[:, 5:7, 5:7].float().mean((1, 2, 3)) / 255
            return torch.stack((4 * bright, torch.zeros_like(bright), torch.zeros_like(bright)), -1), None

    picture = np.zeros((12, 12, 1), dtype=np.uint8)
    picture[4:8, 4:8] = 200
    map_ = falls(replace(model, predictor=Middle(1, 3), views=None), picture, 0)
    side = patch_side((12, 12, 1))
    assert map_.argmin() in {5 * 12 + 5, 5 * 12 + 6, 6 * 12 + 5, 6 * 12 + 6}
    assert map_.min() < -0.3
    assert (map_[: 5 - side] == 0).all()
    assert (map_[:, 7 + side :] == 0).all()


def test_pictures_in_reports_are_png_files() -> None:
    draws = np.random.default_rng(3)
    for channels in (1, 3):
        pixels = draws.integers(0, 256, (9, 7, channels), dtype=np.uint8)
        np.testing.assert_array_equal(np.asarray(decoded(png(pixels))).reshape(pixels.shape), pixels)
    assert strip([np.zeros((4, 3, 1), np.uint8)] * 3).shape == (4, 13, 1)
    colours = signed(np.array([[-2.0, 0.0, 2.0]]), 1.0)[0]
    assert (colours[1] == 255).all()
    assert colours[0, 2] > colours[0, 0]
    assert colours[2, 0] > colours[2, 2]
    grey = np.full((1, 2, 1), 90, np.uint8)
    np.testing.assert_array_equal(overlaid(grey, np.zeros((1, 2)), 1.0), np.full((1, 2, 3), 90))


def test_a_recipe_spends_its_budget_and_no_more() -> None:
    draws = np.random.default_rng(4)
    pictures = lk.data.Pictures.of(draws.integers(0, 256, (600, 12, 12, 1), dtype=np.uint8))
    encoder = lk.data.images.ImageEncoder.learn(pictures)
    y = draws.integers(0, 10, 600)
    small, double = (recipe_for(encoder, pictures, y, 10, minutes) for minutes in (0.02, 0.04))
    assert 0.5 < small.work(600) / (60 * 0.02 * 2.65e11) < 1
    assert double.passes == pytest.approx(2 * small.passes, rel=0.01)
    assert double.predictor.to_json() == small.predictor.to_json()
    assert recipe_for(encoder, pictures, y, 10, 60).passes == 60  # more would only spoil the likelihood
    narrow = recipe_for(encoder, pictures, y, 10, 0.001)
    assert narrow.predictor.size < small.predictor.size
