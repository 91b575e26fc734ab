"""What a study of recordings shows: pictures of sound, what is listened to, errors by speaker, the use of more data."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

import likeliest as lk
from likeliest.data import SoundEncoder, Split, Target
from likeliest.families.ctc import align
from likeliest.interfaces import Draw
from likeliest.model import Model
from likeliest.speech import Alphabet
from likeliest.study import Plan
from likeliest.study.occlusion import silenced
from likeliest.study.sizes import WORK, Judged, interval_of_mean, size_curve
from likeliest.study.speakers import scores_of_texts, scores_of_words
from likeliest.study.utterances import LONGEST, frames_json
from likeliest.tasks import Examples, Recipe
from likeliest.tasks.spectrograms import spectrogram

from ..tones import tones

NOTHING = Recipe("net", "sounds", lk.ResidualNet((4, 4, 1), 2), lk.rule("sgd"), 8, 1.0, None, None, None)


def decoded(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_a_tone_lies_where_the_axes_say() -> None:
    rate, hertz = 8000, 2500.0
    t = np.arange(rate) / rate
    wave = np.where((t >= 0.4) & (t < 0.6), 8000 * np.sin(2 * np.pi * hertz * t), 0).astype(np.int16)
    found = spectrogram(wave, rate, start=2.0)
    grey = decoded(found["png"]).astype(float)
    row, column = np.unravel_index(grey.argmin(), grey.shape)
    low, high = (2595 * np.log10(1 + f / 700) for f in found["hertz"])
    step = (high - low) / len(grey)
    mel = high - (row + 0.5) * step
    assert abs(mel - 2595 * np.log10(1 + hertz / 700)) <= step
    left, right = found["extent"]
    second = left + (column + 0.5) * (right - left) / grey.shape[1]
    assert 2.4 <= second <= 2.6
    assert right - left == pytest.approx(1.0, abs=0.011)
    assert (grey[:, : int(0.3 * grey.shape[1])] == 255).all()
    assert grey.min() == 255 - 31 * 8


def test_silence_over_what_the_model_hears_lowers_its_log_probability() -> None:
    """A model that only asks how loud the fourth quarter is: its curve is below 0 there and 0 elsewhere."""

    class Late(lk.Linear):
        def forward(self, theta: torch.Tensor, x: torch.Tensor, draw: Draw | None = None) -> tuple[torch.Tensor, Any]:
            loud = x[:, 600:].abs().float().mean(1) / 1000
            return torch.stack((loud, torch.zeros_like(loud)), -1), None

    target = Target("word", "categorical", ("a", "b"), "")
    model = Model(SoundEncoder(8000, 800), target, lk.family("categorical"), Late(1, 2), torch.zeros(4).double())
    clips = np.full((2, 800), 1000, np.int16)
    starts, changes = silenced(model, clips, np.array([0, 1]), 100)
    before = (starts + 100) <= 600
    assert (changes[:, before] == 0).all()
    whole = starts >= 600
    expected = np.log(1 / (1 + np.exp(-0.5))) - np.log(1 / (1 + np.exp(-1.0)))
    assert changes[0, whole] == pytest.approx(expected, abs=1e-6)
    assert (changes[1, ~before] > 0).all()


def test_frames_of_an_utterance_are_those_of_its_alignment() -> None:
    alphabet = Alphabet(("a", "b", "c"))
    draws = np.random.default_rng(0)
    eta = draws.normal(size=(12, 4))
    for frame, label in enumerate([1, 1, 0, 2, 2, 0, 0, 0, 1, 1, 0, 0]):
        eta[frame, label] += 6
    log_p = eta - np.logaddexp.reduce(eta, axis=1, keepdims=True)
    found, shown = frames_json(log_p, alphabet, "abca", "aba", 0.5)
    assert shown == (0.0, 6.0)
    assert found["times"] == [0.25 + 0.5 * t for t in range(12)]
    spans = align(torch.from_numpy(log_p)[None], torch.tensor([[1, 2, 3, 1]])).spans[0].tolist()
    assert [[s["start"] / 0.5, s["end"] / 0.5] for s in found["observed"]] == spans
    assert [(s["label"], s["kind"]) for s in found["observed"]] == [
        ("a", "equal"), ("b", "equal"), ("c", "delete"), ("a", "equal")]  # fmt: skip
    assert [s["kind"] for s in found["understood"]] == ["equal"] * 3
    for curve in found["curves"]:
        assert curve["p"] == pytest.approx(np.exp(log_p[:, "_abc".index(curve["label"])]), abs=1e-4)
    missing, _ = frames_json(log_p[:2], alphabet, "abca", "", 0.5)
    assert (missing["observed"], missing["understood"]) == ([], [])


def test_of_a_long_utterance_the_first_mistake_is_shown() -> None:
    alphabet = Alphabet((" ", "a", "b"))
    labels = [0, 2, 0, 1, 0, 3, 0] * 10
    log_p = np.log(np.where(np.eye(4)[labels] == 1, 0.97, 0.01))
    said = alphabet.decode([label for label in labels if label])
    found, (start, end) = frames_json(log_p, alphabet, said, said[:-3] + said[-1], 0.2)
    assert end - start == pytest.approx(LONGEST)
    assert end <= len(labels) * 0.2 + 1e-9
    wrong = [span for span in found["observed"] if span["kind"] == "delete"]
    assert wrong
    assert all(start <= span["start"] <= end for span in wrong)
    assert all(start <= t <= end for t in found["times"])
    assert {span["label"] for span in found["observed"]} == {"␣", "a", "b"}


def test_intervals_of_speakers_are_those_of_scipy() -> None:
    speakers = ["ada"] * 10 + ["bob"] * 8 + ["cy"] * 12
    wrong = np.zeros(30, dtype=bool)
    wrong[[0, 3, 11, 12, 13, 29]] = True
    found = scores_of_words(speakers, wrong)
    assert [score["name"] for score in found["speakers"]] == ["cy", "ada", "bob"]
    for score in found["speakers"]:
        wilson = stats.binomtest(score["errors"], score["length"]).proportion_ci(method="wilson")
        assert score["interval"] == pytest.approx([wilson.low, wilson.high])
    assert found["rate"] == pytest.approx(6 / 30)
    low, high = found["interval"]
    assert low < 0.2 < high
    assert "3 speakers" in found["interval_method"]
    assert scores_of_words(["ada"] * 5, np.zeros(5, dtype=bool))["interval"] is None


def test_texts_are_scored_by_speaker_in_words() -> None:
    said = ["one two", "three", "one", "two two"]
    understood = ["one too", "three", "one one", "two"]
    found = scores_of_texts(["a", "a", "b", "b"], said, understood)
    by_name = {score["name"]: score for score in found["speakers"]}
    assert (by_name["a"]["errors"], by_name["a"]["length"], by_name["a"]["rate"]) == (1, 3, pytest.approx(1 / 3))
    assert (by_name["b"]["errors"], by_name["b"]["length"]) == (2, 3)
    assert found["rate"] == pytest.approx(3 / 6)
    assert "2 speakers" in found["interval_method"]
    alone = scores_of_texts(["a", "a"], said[:2], understood[:2])
    assert (alone["interval"], alone["rate"]) == (None, pytest.approx(1 / 3))


@dataclass(frozen=True)
class Ground:
    """What `size_curve` asks of a study."""

    plan: Plan
    split: Split
    examples: Examples

    def speakers(self, rows: np.ndarray) -> list[str]:
        return [self.examples.raw.speakers[row] for row in rows]


def ground_of(rows: int, minutes: float, speakers: tuple[str, ...] = ("ada", "bob", "cy")) -> Any:
    every = np.arange(rows)
    split = Split(every[: rows - 40], every[rows - 40 : rows - 30], every[rows - 30 :])
    recordings = tones(1)
    raw = replace(recordings.take(np.zeros(rows, np.int64)), speakers=(speakers * rows)[:rows])
    target = Target("word", "categorical", ("a", "b"), "")
    examples = Examples("tones", "tones", raw, every, np.zeros(rows, np.int64), target, "", np.array([], np.int64))
    return Ground(Plan(minutes=minutes), split, examples)


def test_the_curve_of_sizes_learns_from_parts_that_grow_in_as_many_steps() -> None:
    ground, asked = ground_of(440, 5.0), list[tuple[float, np.ndarray]]()
    recipe: Any = replace(NOTHING, passes=30.0)

    def learn(_: Any, part: Recipe, rows: np.ndarray) -> Any:
        asked.append((part.passes, rows))
        return len(rows)

    nll = np.random.default_rng(0).gamma(2.0, size=30)

    def judge(rows: Any) -> Judged:
        return Judged(nll * 100 / rows, np.arange(30) % 5 == 0, np.ones(30))

    found = size_curve(ground, recipe, "recording", judge, learn)
    assert found is not None
    assert [point["rows"] for point in found["points"]] == [100, 200, 400] == [len(rows) for _, rows in asked]
    assert set(asked[0][1]) < set(asked[1][1]) < set(asked[2][1]) == set(ground.split.train)
    steps = [passes * len(rows) for passes, rows in asked]
    assert steps == pytest.approx([30.0 * WORK * 400] * 3)
    assert [point["nll"] for point in found["points"]] == pytest.approx([nll.mean(), nll.mean() / 2, nll.mean() / 4])
    assert found["points"][0]["error"] == pytest.approx(0.2)
    means = np.array([nll[k::3].mean() for k in range(3)])
    t = stats.t.interval(0.95, 2, loc=means.mean(), scale=means.std(ddof=1) / np.sqrt(3))
    assert found["points"][0]["nll_interval"] == pytest.approx(list(t))
    assert "3 speakers" in found["method"]


def test_no_curve_of_sizes_without_time_or_rows() -> None:
    def learn(*_: Any) -> Any:
        raise AssertionError

    enough = replace(NOTHING, passes=20.0)
    for ground, recipe in (
        (ground_of(440, 4.9), enough),
        (ground_of(290, 60.0), enough),
        (ground_of(440, 60.0), replace(NOTHING, passes=19.0)),
    ):
        assert size_curve(ground, recipe, "recording", learn, learn) is None


def test_a_mean_without_speakers_is_judged_over_recordings() -> None:
    values = np.random.default_rng(1).normal(size=20)
    t = stats.t.interval(0.95, 19, loc=values.mean(), scale=stats.sem(values))
    assert interval_of_mean(values, None) == pytest.approx(list(t))
    assert interval_of_mean(values, ["one"] * 20) == pytest.approx(list(t))
    assert interval_of_mean(values[:1], None) is None
