"""Recordings of texts: what their labels are, what is refused with its file, and whom the test rows are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from likeliest.data.sounds import MelFrames, SoundEncoder, recordings_of_arrays, write_recordings
from likeliest.errors import InputError, SupportError, TargetError
from likeliest.families.ctc import frames_needed
from likeliest.model import Model
from likeliest.predictors import SpeechNet
from likeliest.speech import Alphabet, Transcriber
from likeliest.tasks import Transcription, Words, task_for
from likeliest.tasks.transcription import TEXT
from likeliest.tasks.transcription_recipe import LEAST_PASSES, MOST_PASSES, recipe_for, step_of

from ..speaking import sentences, write_sentences
from ..tones import write_tones

TASK = Transcription()
RATE = 8_000


def spoken(folder: Path, texts: list[str], seconds: float = 0.5, speakers: list[str] | None = None) -> Path:
    """A folder of noise in which these texts are said to be said."""
    draws = np.random.default_rng(0)
    waves = [draws.normal(0, 0.1, round(seconds * RATE)) for _ in texts]
    write_recordings(recordings_of_arrays(waves, RATE, texts=texts, speakers=speakers), folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts") / "sentences"
    write_sentences(place, 40)
    return place


# Which task, and which labels.


def test_texts_and_words_are_told_apart_and_a_family_overrides(folder: Path, tmp_path: Path) -> None:
    write_tones(tmp_path / "words", 5)
    assert isinstance(task_for(folder), Transcription)
    assert isinstance(task_for(tmp_path / "words"), Words)
    assert isinstance(task_for(tmp_path / "words", family="ctc"), Transcription)
    assert TASK.load(tmp_path / "words", None, "ctc").alphabet == Alphabet(("high", "low", "rise"), "word")
    with pytest.raises(TargetError, match="expected ctc for texts, found --family poisson"):
        TASK.load(folder, None, "poisson")


def test_labels_are_words_where_each_is_said_often_and_characters_elsewhere(tmp_path: Path) -> None:
    often = TASK.load(spoken(tmp_path / "often", ["go left", "go right", "left right"] * 6), None, None)
    assert often.alphabet == Alphabet(("go", "left", "right"), "word")
    assert "3, each said 10 times or more" in often.target.explanation
    seldom = TASK.load(spoken(tmp_path / "seldom", ["go left", "go right", "left on"] * 6), None, None)
    assert seldom.alphabet is not None
    assert seldom.alphabet.unit == "character"
    assert seldom.alphabet.symbols == tuple(" efghilnort")
    assert "11 different ones" in seldom.target.explanation
    assert seldom.target.classes is None


def test_labels_spell_the_texts_in_the_order_of_the_rows(folder: Path) -> None:
    examples = TASK.load(folder, None, None)
    assert examples.alphabet is not None
    assert [examples.alphabet.decode(row) for row in examples.y] == list(examples.raw.texts)
    assert sorted(examples.raw.texts) == sorted(sentences(40).texts or ())


# Refused before the first step, with the file.


def test_a_text_with_more_labels_than_frames_is_named(tmp_path: Path) -> None:
    texts = ["one two three four five six seven eight nine ten eleven", *["one"] * 9]
    place = spoken(tmp_path / "short", texts, seconds=0.3)
    with pytest.raises(SupportError, match=r"1 of 10 texts cannot be aligned: \S+\.wav has 14 frames, and its 55"):
        TASK.load(place, None, "ctc")


def test_frames_that_are_counted_on_are_there(folder: Path) -> None:
    """The net and the linear model both give as many frames as a text was checked against, or more."""
    examples = TASK.load(folder, None, None)
    assert examples.alphabet is not None
    step = step_of(examples.alphabet.unit)
    rows = np.arange(len(examples))
    needed = np.maximum((examples.raw.seconds - 0.032) // step + 1, 1)
    assert (frames_needed(torch.from_numpy(examples.y)).numpy() <= needed).all()
    encoder = TASK.encoder(examples, rows, "net")
    x, recipe = encoder.encode(examples.raw), TASK.recipe(examples, rows, encoder, 4, 1e-4, "cpu")
    assert recipe is not None
    theta = torch.zeros(recipe.predictor.size)
    for i, least in enumerate(needed):
        assert recipe.predictor.forward(theta, x[i : i + 1])[0].shape[1] >= least
    linear = TASK.encoder(examples, rows, "linear")
    assert isinstance(linear, MelFrames)
    assert (linear.encode(examples.raw).lengths.numpy() // linear.width >= needed).all()


def test_an_unknown_word_is_named_with_its_file(folder: Path, tmp_path: Path) -> None:
    examples = TASK.load(folder, None, None)
    assert examples.alphabet is not None
    encoder = SoundEncoder(RATE, None)
    net = SpeechNet(RATE, len(examples.alphabet), width=4, blocks=0, channels=(2,), stride=1)
    reads = Transcriber(examples.alphabet, 0.01)
    model = Model(
        encoder, examples.target, TASK.family(examples), net, torch.zeros(net.size).double(), transcriber=reads
    )
    place = spoken(tmp_path / "others", ["high low", "high fall"])
    with pytest.raises(InputError, match=r"\.wav: expected words of the alphabet, found 'fall' at word 2"):
        TASK.load(place, TEXT, None, known=model)
    known = TASK.load(spoken(tmp_path / "same", ["low", "rise high"]), TEXT, None, known=model)
    assert known.alphabet == examples.alphabet


def test_a_text_of_which_nothing_is_left_is_left_out_and_counted(tmp_path: Path) -> None:
    place = spoken(tmp_path / "empty", ["go on", "left", "right", "left go"])
    table = pl.read_csv(place / "transcripts.csv")
    table.with_columns(pl.Series("text", ["?!", *table["text"][1:]])).write_csv(place / "transcripts.csv")
    examples = TASK.load(place, None, "ctc")
    assert len(examples) == 3
    assert any("nothing is left" in problem.reason for problem in examples.raw.problems)


# Whom the rows are of.


def test_nobody_is_learnt_from_and_tested_on(folder: Path) -> None:
    examples = TASK.load(folder, None, None)
    speakers = [{examples.raw.speakers[row] for row in part} for part in TASK.split(examples, 0, (0.6, 0.2, 0.2))]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 4


def test_without_speakers_rows_are_dealt_one_by_one(tmp_path: Path) -> None:
    examples = TASK.load(spoken(tmp_path / "nobody", ["a b", "b a"] * 10), None, None)
    split = TASK.split(examples, 0, (0.6, 0.2, 0.2))
    assert [len(part) for part in split] == [12, 4, 4]
    encoder = TASK.encoder(examples, split.train, "linear")
    assert "no speakers are known" in str(TASK.glance(examples, split, encoder)["split"])


def test_the_glance_counts_what_is_said(folder: Path) -> None:
    examples = TASK.load(folder, None, None)
    split = TASK.split(examples, 0, (0.6, 0.2, 0.2))
    texts = TASK.glance(examples, split, MelFrames(SoundEncoder(RATE, None)))["sounds"]["texts"]
    words = [word for text in examples.raw.texts for word in text.split()]
    assert (texts["words"], texts["vocabulary"], texts["unseen"]) == (len(words), 3, 0)
    assert texts["commonest"][0]["count"] == max(map(words.count, set(words)))


# The recipe.


def test_more_minutes_buy_a_larger_net_and_more_passes() -> None:
    encoder = SoundEncoder(RATE, None)
    recipes = [recipe_for(encoder, 1000, 3000.0, 11, "word", minutes) for minutes in (0.01, 1.0, 15.0, 1000.0)]
    sizes = [recipe.predictor.size for recipe in recipes]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    assert recipes[-1].passes == MOST_PASSES["word"]
    assert recipes[-2].passes >= LEAST_PASSES
    assert recipes[0].passes < LEAST_PASSES
    once, twice = (recipe_for(encoder, 1000, sound, 11, "word", 0.1) for sound in (3000.0, 6000.0))
    assert twice.passes == pytest.approx(once.passes / 2, rel=0.02)


@pytest.mark.parametrize("unit", ["word", "character"])
def test_the_net_says_something_as_often_as_it_is_said_to(unit: str) -> None:
    recipe = recipe_for(SoundEncoder(RATE, None), 10, 30.0, 5, unit, 0.001)  # type: ignore[arg-type]
    second = torch.zeros(1, RATE)
    eta = recipe.predictor.forward(torch.zeros(recipe.predictor.size), second)[0]
    assert eta.shape[1] == pytest.approx(1 / step_of(unit), abs=1)  # type: ignore[arg-type]
