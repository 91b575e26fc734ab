"""All that turns the frames of a model into words with their times, and how sure each is: a value of the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from likeliest.calibration import Calibrator, Identity
from likeliest.calibration import from_json as calibrator_from_json
from likeliest.speech.alphabet import Alphabet
from likeliest.speech.decoding import Hypothesis, Word, beam_search
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.ngrams import Floats

WIDTH = 16
"""Beginnings that a beam keeps."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word, when it was said, and how probable it is that it was.

    Attributes:
        text: the word.
        start: seconds from the recording's beginning.
        end: likewise.
        p: calibrated.
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
            replace(word, start=word.start + start, end=word.end + start)
            for piece, start in zip(pieces, starts, strict=True)
            for word in piece.words
        )
        sure = [word.p for word in words] or [piece.confidence for piece in pieces] or [1.0]
        return cls(" ".join(word.text for word in words), float(np.mean(sure)), words)


@dataclass(frozen=True)
class Transcriber:
    """Frames → `Transcript`: a beam search, under a lexicon and a language model if there are any.

    How probable a word is, before it is calibrated, is the share that texts with this word at this time have of all
    texts in the last beam, each weighed by e^score.

    Attributes:
        alphabet: what the columns of η stand for.
        seconds: from one frame of η to the next.
        lexicon: the only words that texts hold, if there is one.
        language_model: asked for each word after those before it, if there is one.
        weight: of its log-probabilities.
        bonus: of each word, in nats.
        width: beginnings kept at each frame.
        calibrator: what shares go through, two columns: that the word is wrong, and right.

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
    calibrator: Calibrator = field(default_factory=Identity)

    def transcribe(self, log_p: ArrayLike) -> Transcript:
        """Return what the frames of one recording say.

        Args:
            log_p: (T, K) log-probabilities of each frame.

        Raises:
            ShapeError: the frames have another number of columns than the alphabet.
            SpecificationError: the frames are no log-probabilities.
        """
        best, *others = beam_search(
            log_p,
            self.alphabet,
            width=self.width,
            lexicon=self.lexicon,
            language_model=self.language_model,
            weight=self.weight,
            bonus=self.bonus,
        )
        share = _shares([best, *others])
        if not best.words:
            return Transcript("", float(share[0]), ())
        raw = [float(share[_holding(word, (best, *others))].sum()) for word in best.words]
        words = tuple(
            SpokenWord(word.text, word.start * self.seconds, word.end * self.seconds, p)
            for word, p in zip(best.words, self._calibrated(raw), strict=True)
        )
        return Transcript(best.text, float(np.mean([word.p for word in words])), words)

    def _calibrated(self, raw: Sequence[float]) -> list[float]:
        right = np.minimum(np.array(raw), 1.0)  # shares add up to 1 but for rounding
        if isinstance(self.calibrator, Identity):
            return list(map(float, right))
        return list(map(float, self.calibrator.apply(np.column_stack((1 - right, right)))[:, 1]))

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
            "calibrator": None if isinstance(self.calibrator, Identity) else self.calibrator.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        alphabet = Alphabet.from_json(values["alphabet"])
        lexicon, model, calibrator = (values[name] for name in ("lexicon", "language_model", "calibrator"))
        return cls(
            alphabet,
            float(values["seconds"]),
            None if lexicon is None else Lexicon.from_json(lexicon, alphabet),
            None if model is None else NGram.from_json(model),
            float(values["weight"]),
            float(values["bonus"]),
            int(values["width"]),
            Identity() if calibrator is None else calibrator_from_json(calibrator),
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
