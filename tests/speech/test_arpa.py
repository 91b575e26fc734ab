"""ARPA files: written and read again, read as others write them, and refused with the line."""

import math

import numpy as np
import pytest

from likeliest.errors import OutputError, SourceError
from likeliest.speech.language_model import NGram

SENTENCES = ["the cat sat", "the cat ran", "a cat sat", "the dog sat on the mat", "the dog ran", "a dog", "on the mat"]
HELD_OUT = [*SENTENCES, "", "a mat", "the bird sat", "bird", "mat the on sat dog the"]

# As SRILM writes: spaces, no <unk>, -99 for <s>, back-off weights only where something follows.
FOREIGN = """
some words before

\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-0.30103 </s>
-99 <s> -0.69897
-0.52288 a -0.30103
-0.69897 b

\\2-grams:
-0.09691 <s> a
-0.5 a </s>
-0.2 a b

\\end\\
and after
"""


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_round_trip(tmp_path, order):
    model = NGram.learn(SENTENCES, order)
    model.to_arpa(tmp_path / "m.arpa")
    again = NGram.from_arpa(tmp_path / "m.arpa")
    assert again.words == model.words
    assert again.order == model.order
    for mine, theirs in zip(model.levels, again.levels, strict=True):
        np.testing.assert_array_equal(theirs.keys, mine.keys)
        np.testing.assert_allclose(theirs.log_p, mine.log_p, rtol=1e-15)
        np.testing.assert_allclose(theirs.log_back_off, mine.log_back_off, rtol=1e-15)
    again.to_arpa(tmp_path / "again.arpa")
    lines = [(tmp_path / name).read_text().splitlines() for name in ("m.arpa", "again.arpa")]
    assert [line.split("\t")[1:2] for line in lines[0]] == [line.split("\t")[1:2] for line in lines[1]]


def test_kenlm_gives_the_same_probabilities(tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="kenlm (pip install kenlm), which is built from C++ sources")
    for order in (2, 3, 5):
        model = NGram.learn(SENTENCES, order)
        model.to_arpa(tmp_path / "m.arpa")
        judge = kenlm.Model(str(tmp_path / "m.arpa"))
        assert judge.order == model.order
        for sentence in HELD_OUT:
            assert model.log_prob(sentence) == pytest.approx(judge.score(sentence) * math.log(10), rel=1e-5)


def test_a_file_by_hand_is_read(tmp_path):
    path = tmp_path / "m.arpa"
    for text in (FOREIGN, FOREIGN.replace(" ", "\t").replace("ngram\t", "ngram "), FOREIGN.replace("\n", "\r\n")):
        path.write_bytes(text.encode())
        model = NGram.from_arpa(path)
        assert model.vocabulary == ("a", "b")
        # p(a | <s>), b | a, then b has no weight and is followed by nothing: p(</s>).
        assert model.log_prob("a b") / math.log(10) == pytest.approx(-0.09691 - 0.2 - 0.30103)
        # b(<s>) p(b), p(a), b(a) p(a), p(</s> | a)
        assert model.log_prob("b a a") / math.log(10) == pytest.approx(-0.69897 * 2 - 0.52288 - 0.30103 - 0.52288 - 0.5)
        assert model.log_prob("c") == -math.inf
        assert model.log_prob_next("a", "<s>") == -math.inf


def test_unknown_words_by_either_name(tmp_path):
    path = tmp_path / "m.arpa"
    for name in ("<unk>", "<UNK>"):
        text = FOREIGN.replace("ngram 1=4", "ngram 1=5").replace("\\1-grams:", f"\\1-grams:\n-2 {name} -0.1")
        path.write_text(text)
        model = NGram.from_arpa(path)
        assert model.log_prob_next("b", "never") / math.log(10) == pytest.approx(-2)
        assert model.log_prob_next("never", "b") / math.log(10) == pytest.approx(-0.1 - 0.69897)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "", r"line 21: expected \\data\\, found the end of the file"),
        ("ngram 2=3", "ngram 3=3", r"line 6: expected ngram 2="),
        ("ngram 2=3", "ngram 2=x", r"line 6: expected ngram 2="),
        ("ngram 2=3", "ngram 2=4", r"line 19: expected 4 2-grams before this line, found 3"),
        ("ngram 1=4\nngram 2=3", "", r"line 7: expected ngram 1="),
        ("\\2-grams:", "\\3-grams:", r"line 14: expected \\2-grams:, found '\\\\3-grams:'"),
        ("-0.69897 b", "0.2 b", r"line 12: expected log10 of a probability, at most 0, found 0.2"),
        ("-0.69897 b", "-0.6x b", r"line 12: expected a number, found '-0.6x'"),
        ("-0.69897 b", "nan b", r"line 12: expected a number, found 'nan'"),
        ("-0.69897 b", "-0.69897", r"line 12: expected log10 p, 1 word, and log10 b perhaps"),
        ("-0.69897 b", "-0.69897 a", r"line 12: expected each n-gram once"),
        ("-0.2 a b", "-0.2 a a b", r"line 17: expected a number, found 'b'"),
        ("-0.2 a b", "-0.2 a c", r"line 17: expected words of the 1-grams, found 'c'"),
        ("-0.30103 </s>", "-0.30103 c", r"line 14: expected </s> among the 1-grams"),
        ("\\end\\\nand after", "", r"line 20: expected \\end\\, found the end of the file"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path, old, new, message):
    assert old in FOREIGN
    path = tmp_path / "m.arpa"
    path.write_text(FOREIGN.replace(old, new))
    with pytest.raises(SourceError, match=message):
        NGram.from_arpa(path)


def test_n_grams_without_their_beginning_are_refused(tmp_path):
    text = FOREIGN.replace("ngram 2=3", "ngram 2=3\nngram 3=1").replace("\\end\\", "\\3-grams:\n-1 b a b\n\n\\end\\")
    path = tmp_path / "m.arpa"
    path.write_text(text)
    with pytest.raises(
        SourceError, match=r"line 21: expected n-grams whose first words are n-grams too, found 'b a b'"
    ):
        NGram.from_arpa(path)


def test_places_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(SourceError, match="ARPA"):
        NGram.from_arpa(tmp_path / "none.arpa")
    (tmp_path / "binary.arpa").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="UTF-8"):
        NGram.from_arpa(tmp_path / "binary.arpa")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        NGram.learn(["a"]).to_arpa(tmp_path / "file" / "m.arpa")
