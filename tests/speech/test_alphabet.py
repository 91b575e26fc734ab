"""Texts as labels and back: in any script, and what is said of characters that have no label."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.errors import InputError, SpecificationError
from likeliest.speech.alphabet import Alphabet, normalised

SCRIPTS = {
    "arabic": "صفر واحد اثنان",
    "hebrew with points": "שָׁלוֹם עוֹלָם",
    "devanagari": "नमस्ते दुनिया",
    "vietnamese": "một hai ba bốn",
    "emoji of several parts": "👩‍👩‍👧 ok 🏳️‍🌈",
    "astral": "𝔞𝔟 𐍈",
    "german": "Größe ÄÖÜ",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
@pytest.mark.parametrize("unit", ["character", "word"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_every_script_comes_back_as_it_was(text, unit, form):
    given_form = unicodedata.normalize(form, text)
    alphabet = Alphabet.learn([given_form], unit)
    assert alphabet.decode(alphabet.encode([given_form])[0]) == unicodedata.normalize("NFC", text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=6), st.sampled_from(["character", "word"]))
def test_what_was_learnt_decodes_to_the_normalised_text(texts, unit):
    if not any(map(normalised, texts)):
        with pytest.raises(InputError, match=f"at least one {unit}"):
            Alphabet.learn(texts, unit)
        return
    alphabet = Alphabet.learn(texts, unit)
    encoded = alphabet.encode(texts)
    assert encoded.dtype == np.int64
    assert encoded.max() < len(alphabet)
    assert [alphabet.decode(row) for row in encoded] == [normalised(text) for text in texts]
    # Labels fill each row from its beginning; nothing but blanks follows.
    assert all((np.diff((row > 0).astype(int)) <= 0).all() for row in encoded)


def test_symbols_are_sorted_and_the_order_of_texts_does_not_matter():
    assert Alphabet.learn(["b a", "c"]) == Alphabet.learn(["c", "a  b"]) == Alphabet((" ", "a", "b", "c"))
    assert Alphabet.learn(["two one", "ten"], "word").symbols == ("one", "ten", "two")
    assert Alphabet.learn(["b a"]).space == 1
    assert Alphabet.learn(["ba"]).space is None


def test_composed_and_decomposed_spellings_are_one():
    alphabet = Alphabet.learn(["cafe\u0301"])
    assert alphabet == Alphabet.learn(["caf\u00e9"])
    assert len(alphabet) == 5


def test_marks_of_direction_are_no_symbols():
    assert Alphabet.learn(["\ufeffa\u200fb\u202a"]).symbols == ("a", "b")
    assert "\u200d" in Alphabet.learn(["👩\u200d👧"]).symbols  # joins, and is seen


def test_unknown_characters_are_named_with_the_text_and_the_position():
    alphabet = Alphabet.learn(["abc"])
    with pytest.raises(
        InputError, match=r"^b\.wav: .*'é' \(U\+00E9, LATIN SMALL LETTER E WITH ACUTE\) at character 2;"
    ):
        alphabet.encode(["abc", "ae\u0301c"], names=["a.wav", "b.wav"])
    with pytest.raises(InputError, match=r"^'abd': .*'d' .* at character 3"):
        alphabet.encode(["abd"])
    assert alphabet.unknown("xaby") == [(1, "x"), (4, "y")]
    words = Alphabet.learn(["one two"], "word")
    with pytest.raises(InputError, match=r"^c\.wav: expected words of the alphabet, found 'too' at word 2;"):
        words.labels("one too", "c.wav")


def test_an_empty_text_is_a_row_of_blanks():
    alphabet = Alphabet.learn(["ab"])
    assert alphabet.encode(["", "ab"]).tolist() == [[0, 0], [1, 2]]
    assert alphabet.encode([]).shape == (0, 0)
    assert alphabet.decode([]) == ""


@pytest.mark.parametrize("label", [-1, 3, 10**6])
def test_labels_outside_the_alphabet_are_refused(label):
    with pytest.raises(SpecificationError, match=f"from 1 to 2, found {label}"):
        Alphabet(("a", "b")).decode([1, label])


@pytest.mark.parametrize(
    ("symbols", "unit"),
    [
        ((), "character"),
        (("a", "a"), "character"),
        (("ab",), "character"),
        (("e\u0301",), "character"),
        (("",), "word"),
        (("a b",), "word"),
        ((" ",), "word"),
        (("a",), "letter"),
    ],
)
def test_what_is_no_alphabet_is_refused(symbols, unit):
    with pytest.raises(SpecificationError):
        Alphabet(symbols, unit)


@pytest.mark.parametrize("alphabet", [Alphabet.learn(SCRIPTS.values()), Alphabet.learn(["one two"], "word")])
def test_json_round_trip(alphabet):
    assert Alphabet.from_json(json.loads(json.dumps(alphabet.to_json()))) == alphabet
