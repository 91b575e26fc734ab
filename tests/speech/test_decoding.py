"""Decoding against the enumeration of all alignments of all texts, and what holds for any frames."""

import math
from itertools import groupby, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp

from likeliest.errors import InputError, ShapeError, SpecificationError
from likeliest.speech.alphabet import Alphabet
from likeliest.speech.beam import _best, _searched
from likeliest.speech.decoding import beam_search, greedy
from likeliest.speech.grammar import Grammar
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.timing import log_probs, spans

HUGE = 10**6
LETTERS, WORDS = Alphabet((" ", "a", "b")), Alphabet(("one", "three", "two"), "word")
LETTER_TEXTS, WORD_TEXTS = ["a b", "ab a", "ab", "b a b"], ["one two", "two two", "three one", "one two three"]


def frames_of(t, k, seed, sharpness=2.0):
    return log_softmax(sharpness * np.random.default_rng(seed).normal(size=(t, k)), -1)


def alignments(log_p):
    """All ways through the frames: (labels, log p, path)."""
    t, k = log_p.shape
    for path in product(range(k), repeat=t):
        yield tuple(c for c, _ in groupby(path) if c), sum(log_p[i, c] for i, c in enumerate(path)), path


def enumerated(log_p, alphabet):
    """Log p of every normalised text, over all alignments that spell it."""
    terms = {}
    for labels, value, _ in alignments(log_p):
        text = alphabet.decode(labels)
        if text == " ".join(text.split()):
            terms.setdefault(text, []).append(value)
    return {text: logsumexp(values) for text, values in terms.items()}


def assert_found(found, expected):
    """The same texts with the same scores, in order."""
    assert {h.text for h in found} == set(expected)
    assert len(found) == len(expected)
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(expected[hypothesis.text], abs=1e-12)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    assert found[0].text == max(expected, key=expected.get)


@pytest.mark.parametrize("alphabet", [LETTERS, WORDS], ids=["letters", "words"])
@pytest.mark.parametrize("with_lexicon", [False, True])
@pytest.mark.parametrize("order", [None, 1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_a_huge_beam_finds_what_enumeration_finds(alphabet, with_lexicon, order, seed):
    log_p = frames_of(5, 4, seed)
    texts = LETTER_TEXTS if alphabet is LETTERS else WORD_TEXTS
    allowed = ["ab", "a"] if alphabet is LETTERS else ["one", "two"]
    lexicon = Lexicon(allowed, alphabet) if with_lexicon else None
    model = None if order is None else NGram.learn(texts, order)
    weight, bonus = 0.7, 0.4
    acoustic = enumerated(log_p, alphabet)
    expected = {
        text: value + (0.0 if model is None else weight * model.log_prob(text)) + bonus * len(text.split())
        for text, value in acoustic.items()
        if lexicon is None or set(text.split()) <= set(allowed)
    }
    found = beam_search(log_p, alphabet, width=HUGE, lexicon=lexicon, language_model=model, weight=weight, bonus=bonus)
    assert_found(found, expected)
    for hypothesis in found:
        language = 0.0 if model is None else model.log_prob(hypothesis.text)
        assert hypothesis.language == pytest.approx(language, abs=1e-12)
        assert hypothesis.acoustic == pytest.approx(acoustic[hypothesis.text], abs=1e-12)
        assert [word.text for word in hypothesis.words] == hypothesis.text.split()


@pytest.mark.parametrize("seed", range(6))
def test_the_beam_itself_sums_over_alignments(seed):
    # Texts are scored once more after the search, which would hide what the search gets wrong.
    log_p, grammar = frames_of(6, 3, seed), Grammar(Alphabet(("a", "b")))
    prefixes, beam = _searched(log_p, grammar, HUGE)
    expected = enumerated(log_p, grammar.alphabet)
    assert len(beam.numbers) == len(expected)
    for number, blank, label in zip(beam.numbers, beam.blank, beam.label, strict=True):
        text = grammar.alphabet.decode(prefixes.labels(number))
        assert np.logaddexp(blank, label) == pytest.approx(expected[text], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_beam_never_sums_to_more_than_there_is(seed):
    log_p, grammar = frames_of(30, 4, seed), Grammar(LETTERS)
    prefixes, beam = _searched(log_p, grammar, 8)
    exact = log_probs(log_p, [prefixes.labels(number) for number in beam.numbers])
    assert len(beam.numbers) == 8
    assert (np.logaddexp(beam.blank, beam.label) <= exact + 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.sampled_from([1, 2, 5, 20]), st.sampled_from([0.3, 1.5, 6.0]))
def test_no_beam_does_worse_than_the_best_path(seed, t, width, sharpness):
    log_p = frames_of(t, 4, seed, sharpness)
    found, path = beam_search(log_p, LETTERS, width=width), greedy(log_p, LETTERS)
    assert found[0].score >= path.score
    assert path.text in [h.text for h in found]
    assert len(found) <= width + 1
    assert path.score == path.acoustic


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.sampled_from([1, 3, 10]), st.booleans())
def test_a_lexicon_lets_no_other_word_through(seed, t, width, asked):
    log_p = frames_of(t, 4, seed)
    lexicon = Lexicon(["ab", "bb", "abba"], LETTERS)
    model = NGram.learn(["ab bb", "abba"], 2) if asked else None
    found = beam_search(log_p, LETTERS, width=width, lexicon=lexicon, language_model=model)
    assert found
    assert all(lexicon.allows(h.text) for h in found)
    assert all(h.score > -math.inf for h in found)


def test_the_best_path_is_collapsed_and_spaces_are_tidied():
    labels = [1, 2, 2, 0, 2, 1, 0, 1, 3, 3, 1, 0]  # _aa-a_-_bb_-
    log_p = np.log(np.array([0.13, 0.09, 0.09, 0.09]) + 0.6 * np.eye(4)[labels])
    found = greedy(log_p, LETTERS)
    assert found.text == "aa b"
    assert found.labels == (2, 2, 1, 3)
    assert [(word.text, word.start, word.end) for word in found.words] == [("aa", 1, 5), ("b", 8, 10)]
    assert greedy(np.log(np.eye(4)[[0, 0]] * 0.97 + 0.0075), LETTERS).text == ""


def test_frames_after_the_end_cost_nothing():
    log_p = frames_of(12, 4, 3)
    with np.errstate(divide="ignore"):
        ended = np.concatenate((log_p, np.log(np.eye(4)[np.zeros(9, int)])))
    model = NGram.learn(LETTER_TEXTS, 2)
    for settings_ in ({}, {"language_model": model, "lexicon": Lexicon(["a", "ab"], LETTERS)}):
        short, long = (beam_search(f, LETTERS, width=10, **settings_) for f in (log_p, ended))
        assert [h.text for h in short] == [h.text for h in long]
        np.testing.assert_allclose([h.score for h in long], [h.score for h in short], rtol=0, atol=1e-12)
        assert [h.words for h in short] == [h.words for h in long]


@pytest.mark.parametrize("seed", range(5))
def test_words_stand_where_the_best_alignment_has_them(seed):
    log_p = frames_of(6, 4, seed)
    best = {}
    for labels, value, path in alignments(log_p):
        if value > best.get(labels, (-math.inf,))[0]:
            best[labels] = value, path
    found = spans(log_p, list(best))
    for labels, at in zip(best, found, strict=True):
        path = best[labels][1]
        runs = [(column, list(run)) for column, run in groupby(range(6), key=lambda t: path[t])]
        assert at == [(run[0], run[-1] + 1) for column, run in runs if column]


def test_exact_scores_are_those_of_torch():
    log_p = frames_of(80, 6, 0)
    texts = [(1, 1, 2, 5, 5, 5, 3), (), tuple(range(1, 6)) * 8, (4,), (2, 2) * 26]
    found = log_probs(log_p, texts)
    for labels, value in zip(texts[:4], found[:4], strict=True):
        args = (torch.tensor([labels], dtype=torch.int64), torch.tensor([80]), torch.tensor([len(labels)]))
        expected = -torch.nn.functional.ctc_loss(torch.from_numpy(log_p)[:, None], *args, reduction="sum")
        assert value == pytest.approx(expected.item(), abs=1e-10)
    assert found[4] == -math.inf  # 52 labels and 51 blanks between equal ones


def test_a_language_model_settles_what_sounds_alike():
    # After "one" the frames leave open whether "two" or "three" was said.
    p = np.array([[0.1, 0.8, 0.05, 0.05], [0.9, 0.05, 0.02, 0.03], [0.1, 0.1, 0.42, 0.38]])
    model = NGram.learn(["one two"] * 9 + ["three three"], 2)
    assert beam_search(np.log(p), WORDS)[0].text == "one three"
    assert beam_search(np.log(p), WORDS, language_model=model)[0].text == "one two"
    assert beam_search(np.log(p), WORDS, language_model=model, weight=0.0)[0].text == "one three"


def test_a_model_without_unknown_words_is_a_lexicon(tmp_path):
    lines = ["\\data\\", "ngram 1=4", "", "\\1-grams:", "-0.5 </s>", "-99 <s>", "-0.5 ab", "-0.5 b", "", "\\end\\"]
    (tmp_path / "m.arpa").write_text("\n".join(lines))
    model = NGram.from_arpa(tmp_path / "m.arpa")
    for seed in range(5):
        found = beam_search(frames_of(7, 4, seed), LETTERS, width=20, language_model=model)
        assert all(set(h.text.split()) <= {"ab", "b"} for h in found)
        assert found[0].score > -math.inf


def test_a_bonus_asks_for_more_words():
    log_p = frames_of(12, 4, 1, 0.5)
    counts = [len(beam_search(log_p, WORDS, bonus=bonus)[0].words) for bonus in (-9.0, 0.0, 9.0)]
    assert counts[0] == 0
    assert counts[0] < counts[1] < counts[2]


def test_ties_go_in_the_order_of_the_texts():
    found = [beam_search(np.log(np.full((4, 4), 0.25)), LETTERS, width=width) for width in (5, 5, HUGE)]
    assert found[0] == found[1]
    assert [(-h.score, h.text) for h in found[2]] == sorted((-h.score, h.text) for h in found[2])
    assert len({h.score for h in found[2]}) < len(found[2])


def test_of_equal_beginnings_the_first_are_kept():
    assert _best(np.array([1.0, 2.0, 3.0, 2.0, 2.0, -np.inf]), 3).tolist() == [2, 1, 3]
    assert _best(np.array([-np.inf, 0.0, -np.inf]), 2).tolist() == [1]


def test_no_frames_and_no_way_through():
    assert [h.text for h in beam_search(np.zeros((0, 4)), LETTERS)] == [""]
    assert greedy(np.zeros((0, 4)), LETTERS).score == 0.0
    with np.errstate(divide="ignore"):
        certain = np.log(np.eye(4)[[3]])
    assert beam_search(certain, LETTERS)[0].text == "b"
    nothing = beam_search(certain, LETTERS, lexicon=Lexicon(["a"], LETTERS))
    assert [(h.text, h.score) for h in nothing] == [("", -math.inf)]


def test_tensors_and_single_precision_are_taken():
    log_p = frames_of(20, 4, 0)
    single = torch.from_numpy(log_p).float()
    assert beam_search(single, LETTERS)[0].text == beam_search(log_p, LETTERS)[0].text


def test_bad_frames_and_settings_are_refused():
    log_p = frames_of(5, 4, 0)
    with pytest.raises(ShapeError, match=r"expected frames \(T, 4\), for the blank and 3 symbols, found \(5, 3\)"):
        beam_search(log_p[:, :3], LETTERS)
    with pytest.raises(ShapeError):
        greedy(log_p[0], LETTERS)
    wrong = log_p.copy()
    wrong[3] += 0.1
    with pytest.raises(SpecificationError, match=r"frame 3: .*log_softmax"):
        greedy(wrong, LETTERS)
    with pytest.raises(SpecificationError, match="frame 0"):
        greedy(1e4 * wrong, LETTERS)
    wrong[2, 1] = np.nan
    with pytest.raises(SpecificationError, match="frame 2"):
        beam_search(wrong, LETTERS)
    for settings_ in ({"width": 0}, {"weight": -1.0}, {"weight": math.inf}, {"bonus": math.nan}):
        with pytest.raises(SpecificationError):
            beam_search(log_p, LETTERS, **settings_)
    with pytest.raises(SpecificationError, match="another alphabet"):
        beam_search(log_p, LETTERS, lexicon=Lexicon(["one"], WORDS))


# The lexicon.


def test_a_lexicon_is_learnt_spelt_and_kept():
    lexicon = Lexicon.learn(["ab a", "b  ab"], LETTERS)
    assert lexicon.words == ("a", "ab", "b")
    assert "ab" in lexicon
    assert "ba" not in lexicon
    assert (lexicon.allows(""), lexicon.allows("b ab a"), lexicon.allows("b ba")) == (True, True, False)
    assert lexicon.allowed(0).tolist() == [False, True, True]
    a = lexicon.step(0, 2)
    assert lexicon.is_word(a)
    assert not lexicon.is_word(0)
    assert lexicon.allowed(a).tolist() == [False, False, True]
    assert Lexicon.from_json(lexicon.to_json(), LETTERS).words == lexicon.words
    assert Lexicon.learn(["one two"], WORDS).allowed(0).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "at least one word"),
        (["a b"], "single words"),
        ([""], "single words"),
        (["a", "abc"], r"word 'abc': .*'c'"),
    ],
)
def test_what_is_no_lexicon_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        Lexicon(words, LETTERS)
