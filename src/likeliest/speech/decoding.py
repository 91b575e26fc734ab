"""From the log-probabilities of frames to texts: the best path, and the best of all texts that a beam finds.

A text is as probable as all alignments that spell it together. The best path takes one of them, frame by frame the most
probable label. A prefix beam search adds up the alignments of each beginning of a text, and keeps the ``width`` best
beginnings frame by frame; what a language model knows joins in as words are completed.

Source: Graves (2012), Supervised sequence labelling with recurrent neural networks, section 7.5; Hannun, Maas, Jurafsky
and Ng (2014), First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from likeliest.errors import ShapeError, SpecificationError
from likeliest.speech.alphabet import BLANK, Alphabet
from likeliest.speech.beam import Labels, search
from likeliest.speech.grammar import Grammar, State
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.ngrams import Floats
from likeliest.speech.timing import log_probs, spans

_NORMALISED = 1e-3


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its frames by the best alignment: from ``start`` up to ``end``, which is the first after it."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text that may have been said.

    Attributes:
        text: normalised.
        labels: what spells it.
        score: acoustic + weight · language + bonus · number of words: what hypotheses are ranked by.
        acoustic: log p(text | frames), over all alignments.
        language: log p(text) by the language model, 0 without one.
        words: in their order.
    """

    text: str
    labels: tuple[int, ...]
    score: float
    acoustic: float
    language: float
    words: tuple[Word, ...]


def greedy(log_p: ArrayLike, alphabet: Alphabet) -> Hypothesis:
    """Return the text of the most probable label of each frame: repeats merged, blanks dropped, spaces tidied.

    Args:
        log_p: (T, K) log-probabilities of each frame, as log_softmax gives them.
        alphabet: its K.

    Raises:
        ShapeError: the frames have another number of columns.
        SpecificationError: the frames are no log-probabilities.

    Example:
        >>> log_p = np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2], [0.2, 0.5, 0.3]])
        >>> greedy(log_p, Alphabet(("a", "b"))).text
        'aa'
    """
    frames = _checked(log_p, alphabet)
    grammar = Grammar(alphabet)
    return _scored(frames, _allowed(_best_path(frames, alphabet), grammar), grammar)[0]


def beam_search(
    log_p: ArrayLike,
    alphabet: Alphabet,
    *,
    width: int = 50,
    lexicon: Lexicon | None = None,
    language_model: NGram | None = None,
    weight: float = 1.0,
    bonus: float = 0.0,
) -> list[Hypothesis]:
    """Return up to ``width`` + 1 texts, at least one, the best first; ties go in the order of the texts.

    A beam's sums leave out the alignments of beginnings that were dropped on the way, so the texts that are left are
    scored once more, exactly. The best path's text is one of them if the lexicon allows it: no beam does worse than it.
    A text that ends within a word of the lexicon is cut after the word before. Where no text is possible, the empty one
    is returned with a score of −∞.

    Args:
        log_p: (T, K) log-probabilities of each frame, as log_softmax gives them.
        alphabet: its K.
        width: beginnings kept at each frame.
        lexicon: if given, the only words that texts hold.
        language_model: if given, asked for each word after those before it, and for the text's end.
        weight: of the language model's log-probabilities, 0 or more.
        bonus: added for each word, in nats: a language model alone favours few words.

    Raises:
        ShapeError: the frames have another number of columns.
        SpecificationError: the frames are no log-probabilities, the width is below 1, or see `Grammar`.

    Example:
        >>> log_p = np.log([[0.4, 0.3, 0.3], [0.4, 0.35, 0.25]])
        >>> alphabet = Alphabet(("a", "b"))
        >>> greedy(log_p, alphabet).text, beam_search(log_p, alphabet)[0].text
        ('', 'a')
    """
    if width < 1:
        raise SpecificationError(f"a beam's width is at least 1, found {width}")
    frames = _checked(log_p, alphabet)
    grammar = Grammar(alphabet, lexicon, language_model, weight, bonus)
    found = search(_until_the_end(frames), grammar, width)
    return _scored(frames, found | _allowed(_best_path(frames, alphabet), grammar), grammar)


def _checked(log_p: ArrayLike, alphabet: Alphabet) -> Floats:
    """Return frames in double precision."""
    frames = np.asarray(log_p, dtype=np.float64)
    if frames.ndim != 2 or frames.shape[1] != len(alphabet):
        needed = f"the blank and {len(alphabet) - 1} symbols"
        raise ShapeError(f"expected frames (T, {len(alphabet)}), for {needed}, found {frames.shape}")
    with np.errstate(over="ignore"):
        total = np.exp(frames).sum(1)
    for t in np.flatnonzero(~(np.abs(total - 1) < _NORMALISED)).tolist():
        raise SpecificationError(
            f"frame {t}: expected log-probabilities, found a sum of p of {total[t]:.4g}; take log_softmax of η"
        )
    return frames


def _until_the_end(frames: Floats) -> Floats:
    """Leave out the certain blanks after a sound's end, which change nothing."""
    goes_on = np.flatnonzero((frames[:, 1:] > -np.inf).any(1))
    return frames[: goes_on[-1] + 1] if len(goes_on) else frames[:0]


def _best_path(frames: Floats, alphabet: Alphabet) -> Labels:
    """Return the labels of each frame's best column, with spaces between words only."""
    path = frames.argmax(1)
    changed = np.flatnonzero(np.diff(path, prepend=BLANK))
    labels: list[int] = []
    for label in path[changed].tolist():
        spaced = label == alphabet.space and (not labels or labels[-1] == label)
        if label != BLANK and not spaced:
            labels.append(label)
    return tuple(labels[:-1] if labels and labels[-1] == alphabet.space else labels)


def _allowed(labels: Labels, grammar: Grammar) -> dict[Labels, State]:
    """Return the text with its state at the end, as `search` does, or nothing if it is not allowed."""
    state = grammar.along(labels)
    end = None if state is None else grammar.end(state)
    return {} if end is None else {labels: end}


def _scored(frames: Floats, ends: Mapping[Labels, State], grammar: Grammar) -> list[Hypothesis]:
    """Return hypotheses of texts and their states at the end, best first; an impossible one where there is none."""
    if not ends:
        return [Hypothesis("", (), -math.inf, -math.inf, -math.inf, ())]
    texts, made = list(ends), []
    for labels, log_p, frames_of in zip(texts, log_probs(frames, texts).tolist(), spans(frames, texts), strict=True):
        text, end = grammar.alphabet.decode(labels), ends[labels]
        words = _words(labels, frames_of, grammar.alphabet)
        made.append(Hypothesis(text, labels, log_p + grammar.gain(end), log_p, end.log_p, words))
    made.sort(key=lambda hypothesis: (-hypothesis.score, hypothesis.text))
    return made


def _words(labels: Labels, frames_of: Sequence[tuple[int, int]], alphabet: Alphabet) -> tuple[Word, ...]:
    """Return a text's words, from the first frame of their first label to the last of their last."""
    space = alphabet.space
    spelt: list[list[int]] = [[]]
    for i, label in enumerate(labels):
        if label == space or alphabet.unit == "word":
            spelt.append([])
        if label != space:
            spelt[-1].append(i)
    return tuple(
        Word(alphabet.decode(labels[i] for i in word), frames_of[word[0]][0], frames_of[word[-1]][1])
        for word in spelt
        if word
    )
