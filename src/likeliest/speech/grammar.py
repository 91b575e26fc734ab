"""What may follow the beginning of a text, and what that gains: spaces, a lexicon, a language model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from likeliest.errors import SpecificationError
from likeliest.speech.alphabet import SPACE, Alphabet
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.ngrams import BEGIN, END, Floats


@dataclass(frozen=True, slots=True)
class State:
    """All that matters of the beginning of a text.

    Attributes:
        node: where its last word stands in the lexicon's tree.
        word: the last word as far as it goes, "" where none has begun.
        context: what the language model knows of the words before.
        words: how many words are complete.
        log_p: of these words by the language model, in nats.
    """

    node: int
    word: str
    context: tuple[int, ...]
    words: int
    log_p: float


class Grammar:
    """Which label may follow a beginning of a text, and the gain weight · log p(word | words before) + bonus of a word.

    The gain of a word comes with the label that completes it: with the space after it, or at the text's end; in an
    alphabet of words with its own label. The text's end gains weight · log p(</s> | words before).

    A space stands between words: never first, never last, never beside another. So each text has one spelling.

    Raises:
        SpecificationError: the weight is negative or not finite, the bonus is not finite, or the lexicon is spelt in
            another alphabet.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        lexicon: Lexicon | None = None,
        language_model: NGram | None = None,
        weight: float = 1.0,
        bonus: float = 0.0,
    ) -> None:
        if not (0 <= weight < math.inf and math.isfinite(bonus)):
            raise SpecificationError(f"expected weight ≥ 0 and a finite bonus, found {weight} and {bonus}")
        if lexicon is not None and lexicon.alphabet != alphabet:
            raise SpecificationError("the lexicon is spelt in another alphabet than the frames; make it with theirs")
        self.alphabet, self._lexicon, self._weight, self._bonus = alphabet, lexicon, weight, bonus
        self._space = alphabet.space
        self._model = language_model if weight else None
        self._gains_of_words = cache(self._ask_all)
        self._looked_up = cache(self._look_up)
        self.start = State(0, "", () if self._model is None else self._model.context([BEGIN]), 0, 0.0)

    def gain(self, state: State) -> float:
        """What the complete words of a text have gained."""
        return self._weight * state.log_p + self._bonus * state.words

    def gains(self, state: State) -> Floats:
        """Return what each label 1 … K − 1 gains after a beginning, −∞ where it may not follow: (K − 1,)."""
        if self.alphabet.unit == "word":
            return self._gains_of_words(state.context)
        gains = self._allowed(state.node)
        if self._space is not None:
            ends = self._is_word(state)
            gains[self._space - 1] = self._word_gain(state.context, state.word) if ends else -math.inf
        return gains

    def after(self, state: State, label: int) -> State:
        """Return the state after a label that may follow."""
        symbol = self.alphabet.symbols[label - 1]
        if self.alphabet.unit == "word":
            return self._complete(state, symbol)
        if symbol == SPACE:
            return self._complete(state, state.word)
        node = 0 if self._lexicon is None else self._lexicon.step(state.node, label)
        return State(node, state.word + symbol, state.context, state.words, state.log_p)

    def along(self, labels: tuple[int, ...]) -> State | None:
        """Return the state after some labels from the beginning, ``None`` if one of them may not follow."""
        state = self.start
        for label in labels:
            if self.gains(state)[label - 1] == -math.inf:
                return None
            state = self.after(state, label)
        return state

    def end(self, state: State) -> State | None:
        """Return the state with the last word and </s> counted, ``None`` if no text ends there."""
        if state.word:
            if not self._is_word(state):
                return None
            state = self._complete(state, state.word)
        elif self._space is not None and state.words:
            return None  # a space is not last
        log_p = state.log_p + self._log_p(state.context, END)
        return None if log_p == -math.inf else State(0, "", state.context, state.words, log_p)

    def _is_word(self, state: State) -> bool:
        return bool(state.word) and (self._lexicon is None or self._lexicon.is_word(state.node))

    def _complete(self, state: State, word: str) -> State:
        if self._model is None:
            return State(0, "", (), state.words + 1, 0.0)
        log_p = state.log_p + self._log_p(state.context, word)
        return State(0, "", self._model.after(state.context, self._model.id(word)), state.words + 1, log_p)

    def _allowed(self, node: int) -> Floats:
        gains = np.zeros(len(self.alphabet) - 1)
        if self._lexicon is not None:
            gains[~self._lexicon.allowed(node)] = -math.inf
        return gains

    def _word_gain(self, context: tuple[int, ...], word: str) -> float:
        return self._weight * self._log_p(context, word) + self._bonus

    def _log_p(self, context: tuple[int, ...], word: str) -> float:
        return 0.0 if self._model is None else self._looked_up(context, self._model.id(word))

    def _look_up(self, context: tuple[int, ...], word: int) -> float:
        return 0.0 if self._model is None else self._model.log_prob_of(context, word)

    def _ask_all(self, context: tuple[int, ...]) -> Floats:
        return self._allowed(0) + [self._word_gain(context, word) for word in self.alphabet.symbols]
