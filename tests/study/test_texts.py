"""A study of texts, on strings of tones: what is chosen on which rows, and that its figures are what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import polars as pl
import pytest
import torch
from scipy.optimize import minimize

import likeliest as lk
from likeliest import sequences
from likeliest.data.sounds import MelFrames
from likeliest.model import Model
from likeliest.report.schema import Application, SoundPages
from likeliest.speech import Alphabet, NGram, Transcriber
from likeliest.study import Plan, texts
from likeliest.study.application import model_json
from likeliest.study.candidate import Candidate
from likeliest.study.candidates import fit_kind
from likeliest.study.certifying import certify
from likeliest.study.check import check_model
from likeliest.study.ground import Ground
from likeliest.study.run import race_json
from likeliest.study.single import evaluate_rows, fit_one, ground_for, predict, predict_to, race_rules
from likeliest.study.text_pages import pages_of_texts
from likeliest.study.texts import (
    Trial,
    application_of_texts,
    base_rate,
    fewest_errors,
    learnt_confidence,
    reading,
    transcribers,
)

from ..report.test_schema import mismatches
from ..speaking import sentences, write_sentences

TINY = Plan(minutes=1e-3, race_rules=("sgd", "adam", "newton"), race_seeds=2, race_trials=1, race_passes=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "sentences"
    write_sentences(place, 40)
    return place


@pytest.fixture(scope="module")
def ground(folder: Path) -> Ground:
    return ground_for(folder, None, None, TINY)


@pytest.fixture(scope="module")
def linear(ground: Ground) -> Candidate:
    return fit_kind(ground, "linear", lambda words: None, lambda seen: None)


@pytest.fixture(scope="module")
def file(linear: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.likeliest"
    linear.model.save(path)
    return path


def test_the_linear_model_learns_and_knows_how_it_reads(ground: Ground, linear: Candidate) -> None:
    transcriber, decoding = linear.model.transcriber, linear.model.notes["decoding"]
    assert transcriber is not None
    assert transcriber.seconds == 0.02
    assert transcriber.confidence is not None
    assert transcriber.confidence.right + transcriber.confidence.wrong > 0
    errors = [trial["errors"] for trial in decoding["trials"]]
    first = errors.index(min(errors))
    assert decoding["chosen"] == decoding["trials"][first]["name"]
    assert min(errors) <= 0.2 * decoding["trials"][0]["words"]


def test_a_lexicon_comes_first_where_labels_are_characters() -> None:
    known = ["go on", "go left"]
    ways = dict(transcribers(Alphabet.learn(known), 0.02, known))
    assert list(ways) == [
        "frames alone",
        "lexicon",
        "lexicon and language model, weight 0.3",
        "lexicon and language model, weight 1",
    ]
    assert ways["lexicon"].lexicon is not None
    assert set(ways["lexicon"].lexicon.words) == {"go", "on", "left"}
    last = ways["lexicon and language model, weight 1"]
    assert last.language_model is not None
    assert last.language_model.log_prob("go on") == NGram.learn(known, 3).log_prob("go on")
    assert all(way.lexicon is None for way in dict(transcribers(Alphabet(("go",), "word"), 1.0, ["go"])).values())


def test_word_order_is_learnt_from_training_texts_and_from_sentences(
    ground: Ground, linear: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[list[str]] = []

    def seen(alphabet: Alphabet, seconds: float, known: list[str]) -> Iterator[tuple[str, Transcriber]]:
        learnt.append(known)
        yield "frames alone", Transcriber(alphabet, seconds, weight=0.0)

    monkeypatch.setattr(texts, "transcribers", seen)
    more = replace(ground, examples=replace(ground.examples, sentences=("high high",)))
    reading(more, linear)
    recorded = ground.examples.raw.texts or ()
    assert learnt == [[*(recorded[row] for row in ground.split.train), "high high"]]


def test_the_simplest_of_those_with_the_fewest_errors_is_chosen() -> None:
    (_, plain), *_ = transcribers(Alphabet(("a",), "word"), 1.0, ["a"])
    trials = [Trial(name, plain, errors, 9) for name, errors in (("a", 5), ("b", 2), ("c", 2), ("d", 7))]
    assert fewest_errors(trials).name == "b"


def test_confidence_is_learnt_from_words_that_are_right_and_wrong() -> None:
    (_, plain), *_ = transcribers(Alphabet(("a", "b"), "word"), 1.0, ["a b"])
    frames = [np.log([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])] * 3
    found = learnt_confidence(plain, frames, ["a b", "a a", "b"])
    assert (found.right, found.wrong) == (4, 2)


def test_evaluation_counts_as_jiwer_does(linear: Candidate, file: Path, folder: Path) -> None:
    found = evaluate_rows(file, folder)
    said = {row["file"]: row["text"] for row in pl.read_csv(folder / "transcripts.csv").to_dicts()}
    read = {row["file"]: row["text"] for row in predict(file, folder).table.to_dicts() if row["file"] in said}
    spoken, understood = list(said.values()), [read[name] for name in said]
    assert found["rows"] == 40
    assert found["wer_test"] == pytest.approx(jiwer.wer(spoken, understood), abs=1e-12)
    assert found["cer_test"] == pytest.approx(jiwer.cer(spoken, understood), abs=1e-12)
    assert found["edits"]["words"] == sum(len(text.split()) for text in spoken)
    labels = found["edits"]["words"]
    assert found["nll_per_label_test"] == pytest.approx(found["nll_test"] * 40 / labels)
    assert "speakers" in found["interval_method"] or "no errors" in found["interval_method"]


def test_predictions_are_a_table_with_words_beside_it(file: Path, folder: Path, tmp_path: Path) -> None:
    said = predict_to(file, folder, tmp_path / "out.csv", lambda done, of: None)
    assert pl.read_csv(tmp_path / "out.csv").columns == ["file", "text", "confidence"]
    for row in said.table.to_dicts():
        assert row["text"] == " ".join(word["text"] for word in row["words"])
        assert 0 <= row["confidence"] <= 1
        assert all(word["start"] < word["end"] for word in row["words"])
    one = next(path for path in sorted(folder.iterdir()) if path.suffix == ".wav")
    alone = predict(file, one).table.to_dicts()
    assert alone == [row for row in said.table.to_dicts() if row["file"] == one.name]


def test_the_base_rate_is_the_best_frame_for_all(ground: Ground) -> None:
    """Against a general minimiser, on the NLL of training rows."""
    family, y = lk.family("ctc"), torch.as_tensor(ground.y)
    assert isinstance(ground.raw_encoder, MelFrames)
    lengths = sequences.lengths(ground.raw_x) // ground.raw_encoder.width

    def nll(eta: np.ndarray, rows: np.ndarray) -> float:
        frames = torch.from_numpy(eta).repeat(len(rows), int(lengths[rows].max()), 1)
        return -float(family.log_prob(sequences.end(frames, lengths[rows]), y[rows]).mean())

    train, test = ground.split.train, ground.split.test
    best = minimize(lambda eta: nll(np.append(0.0, eta), train), np.full(3, -3.0), method="BFGS", tol=1e-9)
    found = base_rate(ground)
    assert found["nll_test"] == pytest.approx(nll(np.append(0.0, best.x), test), rel=1e-4)
    assert found["wer_test"] == 1


def test_the_gradient_of_a_file_is_certified(linear: Candidate, file: Path, ground: Ground) -> None:
    assert check_model(file, None, seed=0).passed
    assert certify(ground, linear).passed


def test_rules_race_on_texts(ground: Ground, folder: Path) -> None:
    raced = race_json(ground)
    assert {row["rule"] for row in raced["rows"]} == {"sgd", "adam"}
    assert [one["rule"] for one in raced["skipped"]] == ["newton"]
    by_verb = race_rules(folder, None, ("sgd",), "linear", family=None, plan=TINY, progress=lambda words: None)
    assert [row["rule"] for row in by_verb["rows"]] == ["sgd"]


def test_a_net_is_fitted_and_its_file_reads(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    fitted = fit_one(
        folder,
        None,
        "net",
        tmp_path / "net.likeliest",
        family=None,
        plan=replace(TINY, minutes=2e-3),
        progress=said.append,
        on_progress=lambda seen: None,
    )
    assert fitted["written"] == str(tmp_path / "net.likeliest")
    assert "net model: how its frames are read" in said
    model = Model.load(tmp_path / "net.likeliest")
    assert model.transcriber is not None
    assert model.transcriber.seconds == 0.04
    few = sentences(3, seed=5)
    before = model.predict(few).transcripts
    model.save(tmp_path / "again.likeliest")
    assert (tmp_path / "again.likeliest").read_bytes() == (tmp_path / "net.likeliest").read_bytes()
    assert Model.load(tmp_path / "again.likeliest").predict(few).transcripts == before


def test_the_pages_show_what_was_read(ground: Ground, linear: Candidate) -> None:
    pages = json.loads(json.dumps(pages_of_texts(ground, linear), allow_nan=False))
    assert mismatches(pages, SoundPages) == []
    assert pages["reading"]["trials"][0]["name"] == "frames alone"
    if pages["reading"]["chosen"] == "frames alone":
        assert pages["reading"]["plain_wer"] == model_json(ground, linear)["wer_test"]
    applied = application_of_texts(ground, linear)
    assert mismatches(json.loads(json.dumps(applied)), Application) == []
    spoken = ground.examples.raw.texts
    assert {one["observed"] for one in applied["surprises"]} <= {spoken[row] for row in ground.split.test}
    labels = [len(one["observed"].split()) for one in applied["surprises"]]
    each = [one["nll"] / count for one, count in zip(applied["surprises"], labels, strict=True)]
    assert each == sorted(each, reverse=True)
