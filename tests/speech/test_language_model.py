"""The language model against its formulas in fractions; and that all its probabilities add up."""

import json
import math
import random
from collections import Counter
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeliest.errors import InputError, SourceError, SpecificationError
from likeliest.speech.kneser_ney import FALLBACK
from likeliest.speech.language_model import NGram

BROWN = ["the cat sat", "the cat ran", "a cat sat", "the dog sat on the mat", "the dog ran", "a dog", "on the mat"]
ODD = {
    "one sentence": ["a b c"],
    "one word": ["a"],
    "an empty sentence": [""],
    "all the same word": ["a", "a a", "a a a a a"],
    "the same sentence": ["a b"] * 9,
}


def zipf(n, words=12, seed=0):
    """Sentences of words as frequent as 1/rank."""
    draw = random.Random(seed)
    weights = [1 / (i + 1) for i in range(words)]
    return [" ".join(draw.choices([f"w{i}" for i in range(words)], weights, k=draw.randint(0, 8))) for _ in range(n)]


class InFractions:
    """The formulas as they stand, over tuples of words and in fractions: slow, and all its own."""

    def __init__(self, sentences, order):
        sentences = [("<s>", *s.split(), "</s>") for s in sentences]
        self.vocabulary = {"<unk>"} | {w for s in sentences for w in s[1:]}
        tokens = [Counter(s[i : i + n] for s in sentences for i in range(len(s) - n + 1)) for n in range(1, order + 2)]
        self.counts = []
        for n in range(1, order + 1):
            count = {}
            for gram in tokens[n - 1]:
                if n == order or gram[0] == "<s>":
                    count[gram] = tokens[n - 1][gram]
                else:
                    count[gram] = len({longer[0] for longer in tokens[n] if longer[1:] == gram})
            count.pop(("<s>",), None)
            self.counts.append(count)
        self.discounts = [self.of_counts(count) for count in self.counts]

    @staticmethod
    def of_counts(count):
        n = Counter(count.values())
        if n[1] and n[2] and n[3]:
            y = Fraction(n[1], n[1] + 2 * n[2])
            d = [c - (c + 1) * y * Fraction(n[c + 1], n[c]) for c in (1, 2, 3)]
            if min(d) > 0:
                return d
        return [Fraction(d) for d in FALLBACK]

    def p(self, context, word):
        n = len(context)
        below = self.p(context[1:], word) if context else Fraction(1, len(self.vocabulary))
        follows = {gram[-1]: c for gram, c in self.counts[n].items() if gram[:-1] == context}
        if not follows:
            return below
        total = sum(follows.values())
        discount = [self.discounts[n][min(c, 3) - 1] for c in follows.values()]
        kept = max(follows[word] - self.discounts[n][min(follows[word], 3) - 1], 0) if word in follows else 0
        return Fraction(kept) / total + sum(discount) / total * below


def contexts_of(model, longest):
    """All contexts of words, <unk> among them, at the beginning of a sentence and within."""
    words = [*model.vocabulary[:3], "<unk>"]
    for n in range(longest + 1):
        yield from product(words, repeat=n)
        yield from (("<s>", *context) for context in product(words, repeat=n))


def predicted(model):
    return [*model.vocabulary, "</s>", "<unk>"]


def assert_sums_to_one(model, longest=3):
    for context in contexts_of(model, longest):
        total = math.fsum(math.exp(model.log_prob_next(context, word)) for word in predicted(model))
        assert abs(total - 1) < 1e-12, context


CORPORA = {"brown": BROWN, "zipf": zipf(60), **ODD}


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_formulas(name, order):
    model, exact = NGram.learn(CORPORA[name], order), InFractions(CORPORA[name], order)
    for context in contexts_of(model, order - 1):
        if len(context) < order:
            for word in predicted(model):
                expected = float(exact.p(context, word))
                assert math.exp(model.log_prob_next(context, word)) == pytest.approx(expected, rel=1e-13), context


def test_discounts_of_counts_are_used_somewhere_above():
    # Or the test above would only ever see the fallback.
    exact = InFractions(CORPORA["zipf"], 3)
    assert sum(d != [Fraction(f) for f in FALLBACK] for d in exact.discounts) >= 2
    assert InFractions(BROWN, 3).discounts[0] == [Fraction(f) for f in FALLBACK]


def test_a_bigram_model_by_hand():
    # <s> a b </s> and <s> a </s>. Different words before a, b, </s>: 1, 1, 2, together 4. n₃ = 0, so D = ½, 1, 3/2.
    # Unigrams: γ = (½ + ½ + 1) / 4 = ½ is shared by a, b, </s>, <unk>: p = ½/4 + ½/4 = ¼, ¼, 1/4 + ½/4 = ⅜, and ⅛.
    # After a: b and </s> once each, γ = (½ + ½) / 2: p(b | a) = ¼ + ½ · ¼. After <s>: a twice, γ = ½: ½ + ½ · ¼.
    model = NGram.learn(["a b", "a"], order=2)
    table = {("x", "b"): 1 / 4, ("x", "x"): 1 / 8, ("x", "</s>"): 3 / 8, ("a", "b"): 3 / 8, ("<s>", "a"): 5 / 8}
    table |= {("a", "x"): 1 / 16, ("a", "</s>"): 1 / 4 + 3 / 16, ("b", "</s>"): 1 / 2 + 3 / 16}
    for (context, word), p in table.items():
        assert math.exp(model.log_prob_next([context], word)) == pytest.approx(p, rel=1e-14)
    assert model.log_prob("a b") == pytest.approx(math.log(5 / 8 * 3 / 8 * 11 / 16), rel=1e-14)
    assert model.perplexity(["a b"]) == pytest.approx((5 / 8 * 3 / 8 * 11 / 16) ** (-1 / 3), rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_every_context_sums_to_one(sentences, order):
    model = NGram.learn(sentences, order)
    assert_sums_to_one(model, longest=2)
    for context in contexts_of(model, 1):
        assert model.log_prob_next(context, "<s>") == -math.inf
        assert min(model.log_prob_next(context, word) for word in predicted(model)) > -math.inf


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("order", [1, 3, 9])
def test_odd_corpora_sum_to_one(name, order):
    model = NGram.learn(ODD[name], order)
    assert_sums_to_one(model)
    assert model.order == min(order, max(len(s.split()) for s in ODD[name]) + 2)


def test_larger_corpora_sum_to_one():
    assert_sums_to_one(NGram.learn(zipf(3000, words=40), 4), longest=2)


def test_a_sentence_is_its_words_one_after_the_other():
    model = NGram.learn(zipf(50), 3)
    sentence = ["<s>", "w0", "w9", "never", "w1", "</s>"]
    steps = sum(model.log_prob_next(sentence[:i], sentence[i]) for i in range(1, len(sentence)))
    assert model.log_prob(sentence[1:-1]) == model.log_prob(" w0  w9 never w1 ") == pytest.approx(steps, rel=1e-14)
    several = ["w0 w1", "", "w3"]
    words = 3 + 1 + 2
    expected = math.exp(-sum(map(model.log_prob, several)) / words)
    assert model.perplexity(several) == pytest.approx(expected, rel=1e-14)


def test_a_higher_order_helps_where_words_depend_on_the_one_before():
    train = ["a b c d"] * 5 + ["b c d a"] * 5 + ["d c"] * 2
    assert NGram.learn(train, 2).perplexity(["a b c d"]) < 0.7 * NGram.learn(train, 1).perplexity(["a b c d"])


def test_decomposed_words_are_the_composed_ones():
    assert NGram.learn(["cafe\u0301"]).log_prob("caf\u00e9") == NGram.learn(["caf\u00e9"]).log_prob("cafe\u0301")


def test_a_text_file_is_a_sentence_a_line(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfone two\r\n\r\n  two one\n")
    read, given = NGram.learn_file(path, 2), NGram.learn(["one two", "two one"], 2)
    assert read.to_json() == given.to_json()


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "at least one sentence"),
        (["a", "b <s> c"], r"sentence 2: .*'<s>' .* at word 2"),
        ([["a"], ["b", ""]], r"sentence 2: .*'' .* at word 2"),
        ([["a b"]], r"sentence 1: .*'a b' .* at word 1"),
    ],
)
def test_what_is_no_sentence_is_refused(sentences, message):
    with pytest.raises(InputError, match=message):
        NGram.learn(sentences)


def test_bad_files_and_orders_are_refused(tmp_path):
    path = tmp_path / "text.txt"
    with pytest.raises(SourceError, match=r"text\.txt: expected a text"):
        NGram.learn_file(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="UTF-8"):
        NGram.learn_file(path)
    path.write_text("\n\n")
    with pytest.raises(InputError, match="only empty lines"):
        NGram.learn_file(path)
    path.write_text("one\n\ntwo </s>")
    with pytest.raises(InputError, match=r"text\.txt line 3: .*'</s>'"):
        NGram.learn_file(path)
    with pytest.raises(SpecificationError, match="at least 1, found 0"):
        NGram.learn(["a"], 0)
    with pytest.raises(InputError, match="at least one sentence"):
        NGram.learn(["a"]).perplexity([])


def test_json_round_trip_is_exact():
    model = NGram.learn(zipf(60), 3)
    again = NGram.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
    assert again.to_json() == model.to_json()
    assert [again.log_prob(s) for s in zipf(20, seed=1)] == [model.log_prob(s) for s in zipf(20, seed=1)]
