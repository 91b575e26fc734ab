"""The words that a text may hold, as a tree of the labels that spell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import InputError
from likeliest.speech.alphabet import SPACE, Alphabet, normalised


@final
class Lexicon:
    """A prefix tree: node 0 is where a word begins, and each label leads on to the node of a longer beginning.

    In an alphabet of words each word is one label, so that the tree is one level deep and says which words may be used.

    Args:
        words: in any order; those that stand twice count once.
        alphabet: what they are spelt in.

    Raises:
        InputError: there is no word, or one is empty, is several words, or has a character outside the alphabet.

    Example:
        >>> alphabet = Alphabet.learn(["one on"])
        >>> lexicon = Lexicon(["one", "on"], alphabet)
        >>> node = lexicon.step(lexicon.step(0, alphabet.labels("o")[0]), alphabet.labels("n")[0])
        >>> lexicon.is_word(node), alphabet.decode(np.flatnonzero(lexicon.allowed(node)) + 1)
        (True, 'e')
        >>> lexicon.allows("on one"), lexicon.allows("no")
        (True, False)
    """

    def __init__(self, words: Iterable[str], alphabet: Alphabet) -> None:
        self._known = frozenset(map(normalised, words))
        self.words = tuple(sorted(self._known))
        self.alphabet = alphabet
        self._next: list[dict[int, int]] = [{}]
        self._ends: set[int] = set()
        for word in self.words:
            self._add(word)
        if not self.words:
            raise InputError("a lexicon needs at least one word, found none; decode without one")

    @classmethod
    def learn(cls, texts: Iterable[str], alphabet: Alphabet) -> Self:
        """Return the lexicon of all words of some texts.

        Raises:
            InputError: see the class.
        """
        return cls({word for text in texts for word in normalised(text).split()}, alphabet)

    def _add(self, word: str) -> None:
        if not word or SPACE in word:
            raise InputError(f"a lexicon: expected single words, found {word!r}; split it or take it out")
        node = 0
        for label in self.alphabet.labels(word, f"the lexicon's word {word!r}"):
            if label not in self._next[node]:
                self._next[node][label] = len(self._next)
                self._next.append({})
            node = self._next[node][label]
        self._ends.add(node)

    def step(self, node: int, label: int) -> int:
        """Return the node that a label leads to.

        Raises:
            KeyError: it is not among those `allowed` there.
        """
        return self._next[node][label]

    def allowed(self, node: int) -> NDArray[np.bool_]:
        """Return which of the labels 1 … K − 1 go on from a node: (K − 1,)."""
        allowed = np.zeros(len(self.alphabet) - 1, dtype=np.bool_)
        allowed[[label - 1 for label in self._next[node]]] = True
        return allowed

    def is_word(self, node: int) -> bool:
        """Whether a word may end at a node."""
        return node in self._ends

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and normalised(word) in self._known

    def allows(self, text: str) -> bool:
        """Whether all words of a text are among the words."""
        return set(normalised(text).split()) <= self._known

    def to_json(self) -> dict[str, Any]:
        """Return what the model file holds, beside the alphabet."""
        return {"words": list(self.words)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], alphabet: Alphabet) -> Self:
        """Return what `to_json` was called on."""
        return cls(values["words"], alphabet)
