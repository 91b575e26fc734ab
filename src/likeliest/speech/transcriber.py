"""All that turns the frames of a model into words with their times, and how sure each is: a value of the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from likeliest.speech.alphabet import Alphabet
from likeliest.speech.confidence import Confidence, word_features
from likeliest.speech.decoding import Hypothesis, Word, beam_search
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.ngrams import Floats

WIDTH = 16
"""Beginnings that a beam keeps."""
_DIGITS = 6
"""Of times, in seconds: a frame is some hundredths."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word, when it was said, and how probable it is that it was.

    Attributes:
        text: the word.
        start: seconds from the recording's beginning.
        end: likewise.
        p: as `Confidence` has it, which is learnt from held-out words.
    """

    text: str
    start: float
    end: float
    p: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Attributes:
        text: normalised.
        confidence: the mean of its words' p, which is the share of them that is right in expectation; of no words, how
            probable it is that there are none.
        words: in their order.
    """

    text: str
    confidence: float
    words: tuple[SpokenWord, ...]

    @classmethod
    def of_pieces(cls, pieces: Sequence[Transcript], starts: Sequence[float]) -> Self:
        """Return the transcript of a recording from those of its pieces, each of which starts at so many seconds.

        Example:
            >>> one = Transcript("one", 0.9, (SpokenWord("one", 0.1, 0.5, 0.9),))
            >>> Transcript.of_pieces([one, one], [0.0, 2.0]).words[1].start
            2.1
        """
        words = tuple(
            replace(word, start=round(word.start + start, _DIGITS), end=round(word.end + start, _DIGITS))
            for piece, start in zip(pieces, starts, strict=True)
            for word in piece.words
        )
        sure = [word.p for word in words] or [piece.confidence for piece in pieces] or [1.0]
        return cls(" ".join(word.text for word in words), float(np.mean(sure)), words)


@dataclass(frozen=True)
class Transcriber:
    """Frames → `Transcript`: a beam search, under a lexicon and a language model if there are any.

    Where no confidence was learnt, how probable a word is is the share that texts with this word at this time have of
    all texts in the last beam, each weighed by e^score.

    Attributes:
        alphabet: what the columns of η stand for.
        seconds: from one frame of η to the next.
        lexicon: the only words that texts hold, if there is one.
        language_model: asked for each word after those before it, if there is one.
        weight: of its log-probabilities.
        bonus: of each word, in nats.
        width: beginnings kept at each frame.
        confidence: how probable it is that a word is right, if that was learnt.

    Source: for the shares Wessel, Schlüter, Macherey and Ney (2001), Confidence measures for large vocabulary
    continuous speech recognition.

    Example:
        >>> log_p = np.log([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
        >>> said = Transcriber(Alphabet(("no", "yes"), "word"), seconds=0.5).transcribe(log_p)
        >>> said.text, [(word.text, word.start, word.end) for word in said.words]
        ('no yes', [('no', 0.0, 0.5), ('yes', 1.0, 1.5)])
    """

    alphabet: Alphabet
    seconds: float
    lexicon: Lexicon | None = None
    language_model: NGram | None = None
    weight: float = 1.0
    bonus: float = 0.0
    width: int = WIDTH
    confidence: Confidence | None = None

    def hypotheses(self, log_p: ArrayLike) -> list[Hypothesis]:
        """Return the texts in the last beam, the best first; see `beam_search`."""
        return beam_search(
            log_p,
            self.alphabet,
            width=self.width,
            lexicon=self.lexicon,
            language_model=self.language_model,
            weight=self.weight,
            bonus=self.bonus,
        )

    def transcribe(self, log_p: ArrayLike) -> Transcript:
        """Return what the frames of one recording say.

        Args:
            log_p: (T, K) log-probabilities of each frame.

        Raises:
            ShapeError: the frames have another number of columns than the alphabet.
            SpecificationError: the frames are no log-probabilities.
        """
        texts = self.hypotheses(log_p)
        best, share = texts[0], _shares(texts)
        if not best.words:
            return Transcript("", float(share[0]), ())
        if self.confidence is None:
            sure = [min(float(share[_holding(word, texts)].sum()), 1.0) for word in best.words]
        else:
            sure = self.confidence.apply(word_features(log_p, texts, self.alphabet)).tolist()
        words = tuple(
            SpokenWord(word.text, round(word.start * self.seconds, _DIGITS), round(word.end * self.seconds, _DIGITS), p)
            for word, p in zip(best.words, sure, strict=True)
        )
        return Transcript(best.text, float(np.mean(sure)), words)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the model file; numbers come back to the last bit."""
        model, lexicon = self.language_model, self.lexicon
        return {
            "alphabet": self.alphabet.to_json(),
            "seconds": self.seconds,
            "lexicon": None if lexicon is None else lexicon.to_json(),
            "language_model": None if model is None else model.to_json(),
            "weight": self.weight,
            "bonus": self.bonus,
            "width": self.width,
            "confidence": None if self.confidence is None else self.confidence.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        alphabet = Alphabet.from_json(values["alphabet"])
        lexicon, model, confidence = (values[name] for name in ("lexicon", "language_model", "confidence"))
        return cls(
            alphabet,
            float(values["seconds"]),
            None if lexicon is None else Lexicon.from_json(lexicon, alphabet),
            None if model is None else NGram.from_json(model),
            float(values["weight"]),
            float(values["bonus"]),
            int(values["width"]),
            None if confidence is None else Confidence.from_json(confidence),
        )


def _shares(texts: Sequence[Hypothesis]) -> Floats:
    """Return each text's share of all; of a single impossible one it is 1."""
    scores = np.array([text.score for text in texts])
    weights = np.exp(scores - scores[0]) if scores[0] > -np.inf else np.ones(len(texts))
    share: Floats = weights / weights.sum()
    return share


def _holding(word: Word, texts: Sequence[Hypothesis]) -> list[int]:
    """Return which texts hold a word at some of the same frames."""
    return [
        i
        for i, text in enumerate(texts)
        if any(w.text == word.text and w.start < word.end and word.start < w.end for w in text.words)
    ]
