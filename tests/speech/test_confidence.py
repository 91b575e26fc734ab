"""What a word's features are, by enumeration; that confidence is a true probability; what few errors allow."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression

from likeliest.errors import ShapeError, SpecificationError
from likeliest.speech import Alphabet, beam_search, greedy
from likeliest.speech.confidence import CERTAIN, EVENTS, FEATURES, Confidence, word_features
from likeliest.speech.edits import right

DIGITS = Alphabet(("one", "two", "three"), "word")


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def frames_of(rng, length, columns, sharpness=1.0):
    eta = sharpness * rng.standard_normal((length, columns))
    return eta - np.logaddexp.reduce(eta, axis=1, keepdims=True)


def spoken(rng, words, noise):
    """Return frames (T, 4) in which words are heard, each between blanks, under noise."""
    eta = noise * rng.standard_normal((2 * len(words) + 1, len(DIGITS)))
    eta[range(1, len(eta), 2), [DIGITS.labels(word)[0] for word in words]] += 4.0
    eta[::2, 0] += 4.0
    return eta - np.logaddexp.reduce(eta, axis=1, keepdims=True)


def drawn(rng, n, slopes=(0.8, 1.5, -0.5), bias=-0.7):
    """Return features, whether words are right, and how probable that truly is."""
    x = np.column_stack((rng.normal(2, 2, n), -rng.exponential(0.7, n), np.log(rng.integers(1, 7, n))))
    p = expit(x @ slopes + bias)
    return x, rng.random(n) < p, p


def test_the_margin_is_the_log_odds_by_all_alignments(rng):
    """Each of the 4³ ways through three frames is a text; those without the word in its frame stand against it."""
    log_p = frames_of(rng, 3, 4)
    hypotheses = beam_search(log_p, DIGITS, width=200)
    of_text: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=3):
        text = tuple(label for label, _ in itertools.groupby(path) if label)
        of_text[text] = of_text.get(text, 0.0) + math.exp(log_p[range(3), path].sum())
    assert len(of_text) == len(hypotheses)
    for i, word in enumerate(hypotheses[0].words):
        inside = sum(
            of_text[h.labels]
            for h in hypotheses
            if any(w.text == word.text and {*range(w.start, w.end)} & {*range(word.start, word.end)} for w in h.words)
        )
        margin = word_features(log_p, hypotheses, DIGITS)[i, 0]
        assert margin == pytest.approx(math.log(inside / (1 - inside)), rel=1e-9)


def test_the_evidence_is_torchs_ctc_in_the_words_own_frames(rng):
    alphabet = Alphabet((" ", "a", "b", "c"))
    log_p = frames_of(rng, 40, len(alphabet), sharpness=2.5)
    best = greedy(log_p, alphabet)
    found = word_features(log_p, [best], alphabet)
    assert len({len(word.text) for word in best.words}) > 1
    for (_, evidence, length), word in zip(found, best.words, strict=True):
        own = torch.from_numpy(log_p[word.start : word.end])
        labels = torch.tensor([alphabet.labels(word.text)])
        nll = torch.nn.functional.ctc_loss(own[:, None], labels, [len(own)], [labels.numel()], reduction="none")
        assert evidence == pytest.approx(-float(nll[0]) / labels.numel(), rel=1e-9)
        assert length == pytest.approx(math.log(len(word.text)))


def test_a_single_hypothesis_has_the_largest_margin_and_no_word_no_row(rng):
    log_p = spoken(rng, ["one", "two"], noise=0.1)
    assert word_features(log_p, [greedy(log_p, DIGITS)], DIGITS)[:, 0].tolist() == [CERTAIN, CERTAIN]
    silence = np.log(np.array([[0.97, 0.01, 0.01, 0.01]] * 3))
    assert word_features(silence, beam_search(silence, DIGITS), DIGITS).shape == (0, 3)


def test_columns_without_a_chance_give_finite_features():
    with np.errstate(divide="ignore"):
        log_p = np.log(np.array([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    found = word_features(log_p, beam_search(log_p, DIGITS), DIGITS)
    assert np.isfinite(found).all()
    assert found[0, 0] == CERTAIN


def test_where_all_hypotheses_have_the_word_the_last_stands_for_the_dropped(rng):
    log_p = spoken(rng, ["one"], noise=0.5)
    first, last = [h for h in beam_search(log_p, DIGITS, width=200) if "one" in h.text.split()][:2]
    expected = np.logaddexp(first.score, last.score) - last.score
    assert word_features(log_p, [first, last], DIGITS)[0, 0] == pytest.approx(expected)


def test_the_fit_is_scikit_learns_on_standardised_features(rng):
    x, y, _ = drawn(rng, 600)
    found = Confidence.fit(x, y)
    scaled = (x - x.mean(0)) / x.std(0)
    judge = LogisticRegression(C=1.0, tol=1e-12, max_iter=1000).fit(scaled, y)
    assert found.slopes == pytest.approx((judge.coef_[0] / x.std(0)).tolist(), rel=1e-5)
    assert found.apply(x) == pytest.approx(judge.predict_proba(scaled)[:, 1], abs=1e-6)
    assert (found.right, found.wrong) == (y.sum(), (~y).sum())


def test_confidence_is_a_true_probability_on_words_to_come(rng):
    """In each tenth of new words, sorted by confidence, as many are right as it says, within the luck of both draws."""
    found = Confidence.fit(*drawn(rng, 20_000)[:2])
    x, y, _ = drawn(rng, 20_000)
    p = found.apply(x)
    for tenth in np.array_split(np.argsort(p), 10):
        error = math.sqrt(2 * (p[tenth] * (1 - p[tenth])).sum()) / len(tenth)
        assert abs(p[tenth].mean() - y[tenth].mean()) < 3.3 * error


@pytest.mark.parametrize(("wrong", "used"), [(EVENTS - 1, 0), (EVENTS, 1), (2 * EVENTS, 2), (3 * EVENTS, 3), (200, 3)])
def test_a_feature_is_taken_for_every_ten_words_of_the_rarer_kind(rng, wrong, used):
    x, _, _ = drawn(rng, 400)
    y = np.arange(400) >= wrong
    found = Confidence.fit(x, rng.permutation(y))
    assert [slope != 0 for slope in found.slopes] == [i < used for i in range(len(FEATURES))]
    assert [slope != 0 for slope in Confidence.fit(x, ~y).slopes] == [slope != 0 for slope in found.slopes]


@pytest.mark.parametrize(("hits", "misses"), [(0, 0), (40, 0), (0, 3), (200, 9)])
def test_few_errors_leave_the_rule_of_succession(rng, hits, misses):
    x, _, _ = drawn(rng, hits + misses)
    found = Confidence.fit(x, [True] * hits + [False] * misses)
    assert found.apply(drawn(rng, 5)[0]) == pytest.approx([(hits + 1) / (hits + misses + 2)] * 5)


def test_separable_words_and_constant_features_leave_finite_slopes():
    x = np.column_stack((np.r_[np.full(40, -3.0), np.full(40, 3.0)], np.full(80, 0.1), np.zeros(80)))
    found = Confidence.fit(x, np.arange(80) >= 40)
    assert found.slopes[1:] == (0.0, 0.0)
    assert 0.9 < found.apply(x[-1:])[0] < 1


def test_extreme_features_give_probabilities():
    found = Confidence((100.0, 0.0, 0.0))
    assert found.apply([[CERTAIN, 0, 0], [-CERTAIN, 0, 0]]).tolist() == [1.0, 0.0]


def test_a_file_keeps_it_to_the_bit(rng):
    found = Confidence.fit(*drawn(rng, 300)[:2])
    assert Confidence.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_from_frames_to_confidence(rng):
    """Said is what the frames' own probabilities draw: half of the recordings tell right words of others from wrong."""
    rows, truth = [], []
    for _ in range(120):
        log_p = frames_of(rng, 8, len(DIGITS), sharpness=rng.choice((1.0, 8.0)))
        path = [int(rng.choice(len(p), p=p / p.sum())) for p in np.exp(log_p)]
        said = DIGITS.decode(label for label, _ in itertools.groupby(path) if label).split()
        hypotheses = beam_search(log_p, DIGITS, width=6)
        rows.append(word_features(log_p, hypotheses, DIGITS))
        truth.append(right(said, [word.text for word in hypotheses[0].words]))
    x, y = np.concatenate(rows[60:]), np.concatenate(truth[60:])
    old_x, old_y = np.concatenate(rows[:60]), np.concatenate(truth[:60])
    p = Confidence.fit(old_x, old_y).apply(x)
    assert mannwhitneyu(p[y], p[~y], alternative="greater").pvalue < 1e-4
    assert abs(p.mean() - y.mean()) < 3.3 * math.sqrt(2 * (p * (1 - p)).sum()) / len(p)


def test_faults_are_named():
    with pytest.raises(ShapeError, match=r"found \(2, 3\) and \(3,\)"):
        Confidence.fit(np.zeros((2, 3)), [True] * 3)
    with pytest.raises(SpecificationError, match="3 finite slopes"):
        Confidence((1.0, math.nan, 0.0))
    with pytest.raises(SpecificationError, match="3 finite slopes"):
        Confidence((1.0,))
