"""What a user may ask of texts: characters or words, and sentences from which word order is learnt too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from likeliest.errors import InputError, SourceError, TargetError, UnknownNameError
from likeliest.speech import Alphabet
from likeliest.tasks import Reading, Transcription, task_for

from ..speaking import write_sentences
from ..tones import write_tones

OFTEN = ["go left", "go right", "left right"] * 10


def test_labels_are_what_was_asked_for() -> None:
    assert Reading().alphabet(OFTEN).unit == "word"
    assert Reading("character").alphabet(OFTEN).symbols == tuple(" efghilort")
    assert Reading("word").alphabet(["seldom said"]).symbols == ("said", "seldom")
    assert "characters, 10 different ones, as was asked for" in Reading("character").explanation(
        OFTEN, Alphabet.learn(OFTEN)
    )
    with pytest.raises(UnknownNameError, match="no unit 'phoneme' of texts; there are character, word"):
        Reading(cast("Any", "phoneme"))


def test_sentences_are_spelt_as_transcripts_and_those_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("Go, go LEFT!\n\n…\ngo straight on\nright go\n", encoding="utf-8")
    words = Alphabet.learn(OFTEN, "word")
    assert Reading(sentences=file).further(words) == ("go go left", "right go")
    assert Reading(sentences=file).further(Alphabet.learn([*OFTEN, "straight on"])) == (
        "go go left",
        "go straight on",
        "right go",
    )
    assert Reading().further(words) == ()
    with pytest.raises(InputError, match=r"expected sentences of words that the transcripts have, found none among 4"):
        Reading(sentences=file).further(Alphabet.learn(["up down"], "word"))
    with pytest.raises(SourceError, match=r"nowhere\.txt: expected a text in UTF-8, a sentence a line"):
        Reading(sentences=tmp_path / "nowhere.txt").further(words)


def test_the_task_reads_as_it_is_asked_to(tmp_path: Path) -> None:
    write_sentences(tmp_path / "texts", 24)
    file = tmp_path / "more.txt"
    file.write_text("high high\n")
    asked = Reading("word", file)
    task = task_for(tmp_path / "texts", reading=asked)
    assert task == Transcription(asked)
    examples = task.load(tmp_path / "texts", None, None)
    assert examples.alphabet == Alphabet(("high", "low", "rise"), "word")
    assert examples.sentences == ("high high",)
    assert asked.options == {"--unit": "word", "--sentences": str(file)}


def test_single_words_are_not_read_unless_they_are_to_be_texts(tmp_path: Path) -> None:
    write_tones(tmp_path / "words", 5)
    with pytest.raises(TargetError, match=r"found words; leave them out, or read single words as texts with --family"):
        task_for(tmp_path / "words", reading=Reading("character"))
    assert task_for(tmp_path / "words", family="ctc", reading=Reading("character")) == Transcription(
        Reading("character")
    )
