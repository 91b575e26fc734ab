"""How probable it is that a word of a transcript is right: learnt from words of held-out recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import ShapeError, SpecificationError
from likeliest.families import Bernoulli
from likeliest.families.ctc import recursion
from likeliest.glm import fit_linear
from likeliest.speech.alphabet import Alphabet
from likeliest.speech.decoding import Hypothesis, Word
from likeliest.speech.ngrams import Floats

FEATURES = ("margin", "evidence", "length")
"""What is known of a word, the most telling first; see `word_features`."""
EVENTS = 10
"""Right words, and wrong ones, that each feature asks for."""
CERTAIN = 50.0
"""The largest margin and evidence, in nats."""
_RIDGE = 1.0
"""½ _RIDGE b² is added to the NLL for each slope b of a standardised feature: a normal prior of variance 1."""


def word_features(log_p: ArrayLike, hypotheses: Sequence[Hypothesis], alphabet: Alphabet) -> Floats:
    """Return what tells of each word of the first hypothesis how sure it is, (words, 3).

    - ``margin``: log odds, in nats, of the hypotheses with this word in some of its frames against those without, each
      weighed by e^score. Where none is without, the last stands for those that were dropped, which are no better.
    - ``evidence``: log p(word | its own frames) by all their alignments, over its number of labels.
    - ``length``: the log of its number of labels.

    Margins and evidence end at ± `CERTAIN`.

    Args:
        log_p: (T, K) log-probabilities of each frame, which the hypotheses were decoded from.
        hypotheses: best first, as `beam_search` gives them; one alone has the largest margin.
        alphabet: what the columns stand for.

    Source: Wessel, Schlüter, Macherey and Ney (2001), Confidence measures for large vocabulary continuous speech
    recognition; Jiang (2005), Confidence measures for speech recognition: a survey.

    Example:
        >>> from likeliest.speech import beam_search
        >>> log_p, alphabet = np.log([[0.2, 0.7, 0.1], [0.2, 0.1, 0.7]]), Alphabet(("no", "yes"), "word")
        >>> word_features(log_p, beam_search(log_p, alphabet), alphabet).round(2).tolist()
        [[0.94, -0.36, 0.0], [0.94, -0.36, 0.0]]
    """
    words = hypotheses[0].words
    if not words:
        return np.empty((0, len(FEATURES)))
    labels = alphabet.encode([word.text for word in words])
    lengths = np.count_nonzero(labels, axis=1)
    evidence = _log_probs(np.asarray(log_p, np.float64), words, labels) / lengths
    margin = [_margin(word, hypotheses) for word in words]
    return np.column_stack((np.clip(margin, -CERTAIN, CERTAIN), np.maximum(evidence, -CERTAIN), np.log(lengths)))


@dataclass(frozen=True)
class Confidence:
    """P(a word is right) = 1 / (1 + e^−(bias + slopes · features)).

    Attributes:
        slopes: of `FEATURES`, zero for those that were left out.
        bias: log odds where all features are 0.
        right: how many of the held-out words were right.
        wrong: and how many wrong.

    Raises:
        SpecificationError: there are not as many slopes as features, or a number is not finite.
    """

    slopes: tuple[float, ...] = (0.0,) * len(FEATURES)
    bias: float = 0.0
    right: int = 0
    wrong: int = 0

    def __post_init__(self) -> None:
        if len(self.slopes) != len(FEATURES) or not all(map(math.isfinite, (*self.slopes, self.bias))):
            raise SpecificationError(f"confidence needs {len(FEATURES)} finite slopes and a bias, found {asdict(self)}")

    @classmethod
    def fit(cls, features: ArrayLike, right: ArrayLike) -> Self:
        """Learn from words of recordings that decided nothing of the model, by penalised maximum likelihood.

        A feature is taken for every `EVENTS` words of the rarer kind, in the order of `FEATURES`: slopes that are
        learnt from fewer cases say more of these than of words to come. With fewer than `EVENTS` wrong words, as
        good models leave few, every word gets the same probability, (right + 1)/(right + wrong + 2), the rule of
        succession: the mean of a rate that could be any number before.

        Args:
            features: (n, 3), from `word_features`.
            right: (n,) whether each word was, by the alignment of the text with what was said: see `edits.right`.

        Raises:
            ShapeError: they do not fit together.

        Source: for the number of cases Peduzzi, Concato, Kemper, Holford and Feinstein (1996), A simulation study of
        the number of events per variable in logistic regression analysis.

        Example:
            >>> Confidence.fit(np.zeros((8, 3)), [True] * 8).apply(np.zeros((1, 3))).tolist()
            [0.9]
        """
        x, y = np.asarray(features, np.float64).reshape(-1, len(FEATURES)), np.asarray(right, bool)
        if y.shape != x.shape[:1]:
            raise ShapeError(f"confidence needs features (n, 3) and right (n,), found {x.shape} and {y.shape}")
        hits, misses = int(y.sum()), int((~y).sum())
        used = min(len(FEATURES), min(hits, misses) // EVENTS)
        if not used:
            return cls(bias=math.log((hits + 1) / (misses + 1)), right=hits, wrong=misses)
        centre, scale = x.mean(0)[:used], x.std(0)[:used]
        scale[scale <= 1e-9 * np.abs(centre)] = np.inf  # one number all along tells nothing
        fitted = fit_linear(Bernoulli(), (x[:, :used] - centre) / scale, y.astype(np.float64), l2=_RIDGE)
        slopes = fitted.weight[:, 0].numpy() / scale
        rest = (0.0,) * (len(FEATURES) - used)
        return cls((*slopes.tolist(), *rest), float(fitted.bias[0]) - float(slopes @ centre), hits, misses)

    def apply(self, features: ArrayLike) -> Floats:
        """Return how probable it is that each word is right, (n,), of its features (n, 3)."""
        x = np.asarray(features, np.float64).reshape(-1, len(FEATURES))
        p: Floats = np.exp(-np.logaddexp(0.0, -(x @ np.array(self.slopes) + self.bias)))
        return p

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the model file holds them."""
        return {**asdict(self), "slopes": dict(zip(FEATURES, self.slopes, strict=True))}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        slopes = tuple(float(values["slopes"][name]) for name in FEATURES)
        return cls(slopes, float(values["bias"]), int(values["right"]), int(values["wrong"]))


def _log_probs(frames: Floats, words: Sequence[Word], labels: NDArray[np.int64]) -> Floats:
    """Return log p of each word given its own frames (n,): those of shorter ones end in certain blanks."""
    longest = max(word.end - word.start for word in words)
    own = np.full((len(words), longest, frames.shape[1]), recursion.NEVER)
    own[..., 0] = 0.0
    for row, word in zip(own, words, strict=True):
        row[: word.end - word.start] = np.maximum(frames[word.start : word.end], recursion.NEVER)
    found: Floats = recursion.log_prob(torch.from_numpy(own), torch.from_numpy(labels)).numpy()
    return found


def _margin(word: Word, hypotheses: Sequence[Hypothesis]) -> float:
    """Return the log odds of a word of the first hypothesis."""
    holding = [any(_same(word, other) for other in hypothesis.words) for hypothesis in hypotheses]
    scores = np.array([hypothesis.score for hypothesis in hypotheses])
    if len(scores) == 1:
        return CERTAIN
    held = np.array(holding)
    against = scores[~held] if not held.all() else scores[-1:]
    return float(np.logaddexp.reduce(scores[held]) - max(np.logaddexp.reduce(against), recursion.NEVER))


def _same(word: Word, other: Word) -> bool:
    """Whether two texts have the same word in some of the same frames."""
    return word.text == other.text and word.start < other.end and other.start < word.end
