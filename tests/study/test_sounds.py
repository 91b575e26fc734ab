"""A study of words: its report is true, its net learns twice, and its model says the same of a recording anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import confusion_matrix

import likeliest as lk
from likeliest.augment import Tempos
from likeliest.calibration import Temperature
from likeliest.cli.summary import study_summary
from likeliest.data import SoundEncoder
from likeliest.fit import fit
from likeliest.model import TOGETHER, Model
from likeliest.objective import Objective
from likeliest.randomness import stream
from likeliest.report.schema import Report
from likeliest.study import Plan, Study, study
from likeliest.study.check import check_model
from likeliest.study.ground import Ground
from likeliest.study.listening import word_pages
from likeliest.study.single import evaluate_rows, ground_for, predict

from ..report.test_schema import mismatches
from ..tones import WORDS, tones, write_tones

TINY = Plan(minutes=0.002, race_rules=("sgd", "lbfgs"), race_seeds=2, race_trials=1, race_passes=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "tones"
    write_tones(path, 6)
    frame = pl.read_csv(path / "transcripts.csv")
    (path / "broken.wav").write_bytes(b"RIFF and no more")
    pl.concat([frame, pl.DataFrame({"file": "broken.wav", "text": "low", "speaker": "ada"})]).write_csv(
        path / "transcripts.csv"
    )
    return path


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(folder, None, tmp_path_factory.mktemp("study"), plan=TINY)


@pytest.fixture(scope="module")
def ground(folder: Path) -> Ground:
    return ground_for(folder, None, None, TINY)


@pytest.fixture(scope="module")
def report(done: Study) -> dict[str, Any]:
    return json.loads((done.out / "report.json").read_text(encoding="utf-8"))


def test_the_report_follows_the_schema(done: Study, report: dict[str, Any]) -> None:
    assert mismatches(report, Report) == []
    assert all(certificate["passed"] for certificate in report["certificates"])
    assert "no weights" in report["gradient"]["formulas"][1]["steps"][-1]
    assert (done.out / "report.html").exists()


def test_it_says_who_was_heard_and_who_was_not(done: Study, report: dict[str, Any], ground: Ground) -> None:
    sounds = report["data"]["sounds"]
    assert (report["data"]["rows"], report["data"]["rows_dropped"]) == (73, 1)
    assert [c["name"] for c in report["data"]["target"]["classes"]] == list(WORDS)
    assert report["data"]["split"]["method"] == "by whole speakers: 1 of 4 to test on, 1 to choose by"
    assert sounds["strangers"]
    assert sum(speaker["test"] > 0 for speaker in sounds["speakers"]) == 1
    assert sum(speaker["train"] for speaker in sounds["speakers"]) == len(ground.split.train)
    assert sounds["duration"] == pytest.approx(ground.examples.raw.seconds.sum())
    assert any("broken.wav" in p["names"] and p["done"] == "left out" for p in sounds["problems"])
    lines = study_summary(done.report, Path("out"))
    assert lines[0] == "Predicted    word, from 73 recordings by 4 speakers, heard at 8000 samples a second"
    assert any("from whom nothing was learnt" in caution for caution in report["conclusion"]["cautions"])


def test_words_are_judged_as_scikit_learn_does(done: Study, report: dict[str, Any], ground: Ground) -> None:
    model, test = done.models[done.recommended].model, ground.split.test
    p = model.probabilities(ground.x_for(model.encoder)[test])
    y = ground.y[test]
    assert report["application"]["confusion"]["counts"] == confusion_matrix(y, p.argmax(1), labels=[0, 1, 2]).tolist()
    named = {s["cells"][0]["value"]: s for s in report["application"]["surprises"]}
    for row, own in zip(test, p[np.arange(len(y)), y], strict=True):
        if (surprise := named.get(ground.examples.raw.names[row])) is not None:
            assert surprise["p"] == pytest.approx(own)
            assert surprise["cells"][1] == {"name": "speaker", "value": ground.examples.raw.speakers[row]}


def test_its_pages_are_made_of_the_models_and_repeat(done: Study, report: dict[str, Any], ground: Ground) -> None:
    chosen, test = done.models[done.recommended], ground.split.test
    pages = word_pages(ground, list(done.models.values()), chosen)
    assert json.loads(json.dumps(pages)) == report["sounds"]
    p = chosen.model.probabilities(ground.x_for(chosen.model.encoder)[test])
    by_row = {ground.examples.row_number(int(row)): own for row, own in zip(test, p, strict=True)}
    listed = {row["row"]: row for row in report["application"]["surprises"]}
    assert pages["surprises"][0]["row"] == report["application"]["surprises"][0]["row"]
    for heard in pages["surprises"]:
        own = by_row[heard["row"]]
        if (row := listed.get(heard["row"])) is not None:
            assert (heard["observed"], heard["nll"]) == (row["observed"], row["nll"])
            assert [heard["file"], heard["speaker"]] == [cell["value"] for cell in row["cells"]]
        assert [guess["p"] for guess in heard["guesses"]] == pytest.approx(sorted(own, reverse=True)[:3])
        assert heard["guesses"][0]["word"] == heard["understood"] == WORDS[own.argmax()]
    kinds = [(heard["observed"], heard["understood"]) for heard in pages["surprises"]]
    assert max(map(kinds.count, kinds)) <= 2
    assert len(pages["listening"]) > 1
    for one in pages["listening"]:
        left, right = one["spectrogram"]["extent"]
        assert right - left < report["data"]["sounds"]["clip"] + 0.01
        assert all(left <= t <= right for t in one["times"])
    assert all(np.ptp(one["falls"]) > 0 for one in pages["listening"])
    assert sum(score["length"] for score in pages["speakers"]["speakers"]) == len(test)
    assert pages["sizes"] is None  # this budget has no room for it
    html = (done.out / "report.html").read_text(encoding="utf-8")
    assert all(heard["spectrogram"]["png"] in html for heard in pages["surprises"])


def test_the_net_learns_again_and_its_calibrator_stays_that_of_held_out_rows(done: Study, ground: Ground) -> None:
    """Once from training rows, to be judged and calibrated; then the same recipe from these and the validation rows."""
    net, recipe, rows, validation = done.models["net"], ground.recipe, ground.learning_rows, ground.split.validation
    assert recipe is not None
    for learnt, theta in ((ground.split.train, None), (rows, net.model.theta)):
        x, y = torch.from_numpy(ground.net_x[learnt]), torch.from_numpy(ground.y[learnt])
        objective = Objective(ground.family, recipe.predictor, x, y, transform=recipe.transform)
        start = recipe.predictor.init([stream(0, "init")], torch.float32)[0]
        found = fit(
            objective, recipe.rule, theta=start, batch_size=recipe.batch_size, budget=recipe.passes, seed=0,
            measure_every=max(1.0, recipe.passes / 16),
        )  # fmt: skip
        if theta is not None:
            assert torch.equal(found.theta.double(), theta)
        else:
            first = replace(net.uncalibrated, theta=found.theta.double())
            log_prob = first.log_prob(ground.net_x[validation], ground.y[validation])
            np.testing.assert_array_equal(log_prob, net.validation)


def test_a_model_predicts_the_same_in_a_process_of_its_own(done: Study, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.likeliest"
    done.models["net"].model.save(path)
    here = predict(path, folder)
    assert here.table.columns == ["file", "prediction", "p_high", "p_low", "p_rise", "error"]
    assert list(here.unreadable) == ["broken.wav"]
    assert here.table.filter(pl.col("prediction").is_null())["file"].to_list() == ["broken.wav"]
    command = [sys.executable, "-m", "likeliest", "predict", str(path), str(folder), "-o", str(tmp_path / "p.parquet")]
    subprocess.run(command, check=True, capture_output=True)
    assert pl.read_parquet(tmp_path / "p.parquet").equals(here.table)
    one = predict(path, folder / "07.wav").table
    assert one.row(0) == here.table.drop("error").filter(pl.col("file") == "07.wav").row(0)
    judged = evaluate_rows(path, folder)
    named = here.table.drop_nulls("prediction").join(pl.read_csv(folder / "transcripts.csv"), on="file")
    assert (judged["rows"], judged["accuracy_test"]) == (72, (named["prediction"] == named["text"]).mean())


def test_one_number_calibrates_for_no_speaker_is_all(report: dict[str, Any]) -> None:
    assert [trial["kind"] for trial in report["calibrated"]["trials"]] == ["none", "temperature"]


def test_only_rows_set_aside_are_judged(done: Study, tmp_path: Path) -> None:
    said = tones(2, seed=5)
    lk.data.write_recordings(replace(said, test=np.arange(4, 9)), tmp_path / "new")
    done.models["linear"].model.save(tmp_path / "m")
    assert evaluate_rows(tmp_path / "m", tmp_path / "new")["rows"] == 5


def model_of_sounds() -> Model:
    """A net at random: nothing need be learnt to be the same everywhere."""
    draws = np.random.default_rng(0)
    net = lk.SoundNet(8000, 900, 3, channels=(4, 8))
    theta = net.init([draws], torch.float32)[0]
    theta += 0.1 * torch.from_numpy(draws.normal(size=len(theta))).abs().float()
    target = lk.data.Target("word", "categorical", WORDS, "")
    encoder, family = SoundEncoder(8000, 900), lk.family("categorical")
    return Model(encoder, target, family, net, theta.double(), {"title": "net"}, Temperature(1.3), Tempos(1.2))


def test_what_is_said_of_a_recording_depends_on_no_other() -> None:
    model, draws = model_of_sounds(), np.random.default_rng(1)
    x = draws.integers(-9000, 9000, (TOGETHER + 37, 900)).astype(np.int16)
    together = model.probabilities(x)
    np.testing.assert_array_equal(together, model.probabilities(x[::-1].copy())[::-1])
    for row in (0, 5, TOGETHER - 1, TOGETHER, TOGETHER + 36):
        np.testing.assert_array_equal(model.probabilities(x[row : row + 1])[0], together[row])


def test_a_model_of_sounds_comes_back_bit_for_bit_and_is_certified(folder: Path, done: Study, tmp_path: Path) -> None:
    for model in (model_of_sounds(), done.models["linear"].model):
        model.save(tmp_path / "m")
        loaded = lk.load(tmp_path / "m")
        assert (loaded.encoder, loaded.views, loaded.calibrator) == (model.encoder, model.views, model.calibrator)
        loaded.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
    model_of_sounds().save(tmp_path / "m")
    found = check_model(tmp_path / "m", folder, seed=0)
    assert found.passed
    assert "on 0.1125 seconds of sound in 16 mel bins" in found.message
