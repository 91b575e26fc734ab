"""Rates, counts and alignments against jiwer's; sums over texts, groups, and corpora without words."""

import random

import jiwer
import pytest

from likeliest.errors import ShapeError, UnknownNameError
from likeliest.speech.edits import alignment, right
from likeliest.speech.error_rates import Counts, Substitution, error_rates

FIELDS = ("hits", "substitutions", "deletions", "insertions")


def random_texts(count, seed, vocabulary=("a", "b", "cab", "ba", "é")):
    draw = random.Random(seed)
    return [" ".join(draw.choices(vocabulary, k=draw.choice((0, 1, 2, 3, 5, 8, 13)))) for _ in range(count)]


REFERENCES, HYPOTHESES = random_texts(1000, 1), random_texts(1000, 2)


def ours(reference, hypothesis):
    return [
        (chunk.kind, chunk.start, chunk.end, chunk.hypothesis_start, chunk.hypothesis_end)
        for chunk in alignment(reference, hypothesis)
    ]


def theirs(chunks):
    return [(c.type, c.ref_start_idx, c.ref_end_idx, c.hyp_start_idx, c.hyp_end_idx) for c in chunks]


@pytest.mark.parametrize("unit", ["word", "character"])
def test_a_thousand_pairs_are_scored_as_jiwer_scores_them(unit):
    judge = jiwer.process_words if unit == "word" else jiwer.process_characters
    expected = judge(REFERENCES, HYPOTHESES)
    found = error_rates(REFERENCES, HYPOTHESES, unit=unit)
    assert found.rate == (expected.wer if unit == "word" else expected.cer)
    assert [getattr(found, name) for name in FIELDS] == [getattr(expected, name) for name in FIELDS]
    assert not all(REFERENCES)
    for pair, chunks in zip(zip(REFERENCES, HYPOTHESES, strict=True), expected.alignments, strict=True):
        assert ours(*(text.split() if unit == "word" else text for text in pair)) == theirs(chunks)


@pytest.mark.parametrize("length", [63, 64, 65, 200])
def test_alignments_longer_than_a_machine_word_are_jiwers(length):
    draw = random.Random(length)
    for _ in range(20):
        reference = "".join(draw.choices("abc", k=length))
        hypothesis = "".join(draw.choices("abc", k=draw.randrange(2 * length)))
        assert ours(reference, hypothesis) == theirs(jiwer.process_characters(reference, hypothesis).alignments[0])


def test_no_way_is_shorter():
    """The textbook's table of distances, on short sequences of few symbols, where ties are many."""
    draw = random.Random(5)
    for _ in range(300):
        r, h = (tuple(draw.choices((1, 2), k=draw.randrange(7))) for _ in range(2))
        row = list(range(len(h) + 1))
        for i, symbol in enumerate(r, 1):
            corner, row[0] = row[0], i
            for j, other in enumerate(h, 1):
                corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (symbol != other))
        edits = sum(
            max(c.end - c.start, c.hypothesis_end - c.hypothesis_start) for c in alignment(r, h) if c.kind != "equal"
        )
        assert edits == row[-1]


def test_the_rate_is_of_all_words_not_the_mean_of_rates():
    found = error_rates(["a b c d e f g h i", "a"], ["a b c d e f g h i", "b"])
    assert found.rate == 0.1
    assert (found.errors, found.length) == (1, 10)


def test_white_space_is_no_word_and_within_a_text_a_character():
    assert error_rates(["  a \t b "], ["a b"]).errors == 0
    assert error_rates(["  a b "], ["a b"], unit="character").errors == 0
    found = error_rates(["a b"], ["ab"], unit="character")
    assert (found.deletions, found.length) == (1, 3)


def test_texts_are_compared_as_they_are():
    assert error_rates(["One"], ["one"]).rate == 1.0


def test_empty_references_count_what_was_inserted():
    found = error_rates(["", "a b"], ["x", "a b"])
    assert (found.rate, found.insertions, found.length) == (0.5, 1, 2)
    assert jiwer.wer(["", "a b"], ["x", "a b"]) == 0.5


@pytest.mark.parametrize(("hypothesis", "inserted"), [("", 0), ("x y", 2)])
def test_a_corpus_without_words_has_no_rate(hypothesis, inserted):
    found = error_rates([""], [hypothesis], groups=["ann"])
    assert (found.rate, found.interval, found.insertions) == (None, None, inserted)
    assert found.by_group["ann"] == Counts(insertions=inserted)
    assert found.to_json()["rate"] is None


def test_no_texts_have_no_rate():
    found = error_rates([], [], groups=[])
    assert (found.rate, found.interval, dict(found.by_group), found.utterances) == (None, None, {}, 0)


def test_groups_have_their_own_counts_and_add_up():
    groups = [("cleo", "ann", "bob")[i % 3] for i in range(len(REFERENCES))]
    found = error_rates(REFERENCES, HYPOTHESES, groups=groups)
    assert list(found.by_group) == ["cleo", "ann", "bob"]
    for name, counts in found.by_group.items():
        own = [i for i, group in enumerate(groups) if group == name]
        alone = error_rates([REFERENCES[i] for i in own], [HYPOTHESES[i] for i in own])
        assert all(getattr(counts, field) == getattr(alone, field) for field in (*FIELDS, "rate", "length"))
    assert sum(counts.errors for counts in found.by_group.values()) == found.errors
    assert found.interval.method == "t interval of the log rate over 3 speakers"
    assert found.interval.low < found.rate < found.interval.high
    assert error_rates(REFERENCES, HYPOTHESES).interval.method.endswith("over 1000 utterances")


def test_the_commonest_substitutions_come_first_and_ties_by_name():
    found = error_rates(["two b two", "a", "four"], ["too c too", "x", "for"])
    assert found.commonest == (
        Substitution("two", "too", 2),
        Substitution("a", "x", 1),
        Substitution("b", "c", 1),
        Substitution("four", "for", 1),
    )
    assert found.to_json()["commonest"][0] == {"reference": "two", "hypothesis": "too", "count": 2}


def test_substitutions_are_those_of_jiwer():
    counted = jiwer.collect_error_counts(jiwer.process_words(REFERENCES, HYPOTHESES))[0]
    pairs: dict[tuple[str, str], int] = {}
    for (reference, hypothesis), count in counted.items():
        for pair in zip(reference.split(), hypothesis.split(), strict=True):
            pairs[pair] = pairs.get(pair, 0) + count
    found = error_rates(REFERENCES, HYPOTHESES).commonest
    assert {(s.reference, s.hypothesis): s.count for s in found} == pairs


def test_words_are_right_where_their_chunk_is_equal():
    assert right(list("abcd"), list("axced")) == [True, False, True, False, True]
    assert right([], ["a"]) == [False]


def test_faults_are_named():
    with pytest.raises(ShapeError, match="2 references, 1 hypotheses and no groups"):
        error_rates(["a", "b"], ["a"])
    with pytest.raises(ShapeError, match="1 references, 1 hypotheses and 2 groups"):
        error_rates(["a"], ["a"], groups=["x", "y"])
    with pytest.raises(UnknownNameError, match="found 'phone'"):
        error_rates(["a"], ["a"], unit="phone")
