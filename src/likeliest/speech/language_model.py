"""How likely a word is after others: interpolated n-grams with modified Kneser–Ney discounts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from likeliest.errors import InputError, SourceError, SpecificationError
from likeliest.speech.alphabet import normalised
from likeliest.speech.arpa import read_arpa, write_arpa
from likeliest.speech.kneser_ney import counted, smoothed
from likeliest.speech.ngrams import BEGIN, END, MARKS, Level

Sentence = str | Iterable[str]


@dataclass(frozen=True, slots=True, eq=False)
class NGram:
    """log p(word | the order − 1 words before it), of words and of sentences, in nats.

    A sentence is <s> w₁ … w_m </s>: its probability is that of w₁ … w_m and </s>. <s> is never predicted. What is not
    among the words is <unk>, one more word: so perplexities of models with other words do not compare.

    It is kept as a back-off model: p(w | h) stands in a table where h w was seen, and is b(h) p(w | h′) elsewhere,
    where h′ is h without its first word. Interpolated models have that form exactly (`kneser_ney`).

    Args:
        words: <unk>, <s>, </s> and the others; a word's id is its place.
        levels: for each order from 1 on the n-grams that have a probability of their own.

    Example:
        >>> model = NGram.learn(["one two", "one two three", "two three"], order=2)
        >>> round(math.exp(model.log_prob_next("one", "two")), 3)
        0.633
        >>> round(model.log_prob("one two"), 3), round(model.perplexity(["three two"]), 1)
        (-2.516, 6.5)
    """

    words: tuple[str, ...]
    levels: tuple[Level, ...]
    _ids: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: i for i, word in enumerate(self.words)})

    @classmethod
    def learn(cls, sentences: Iterable[Sentence], order: int = 3) -> Self:
        """Learn from sentences: texts, whose words white space separates, or iterables of words.

        An order beyond the longest sentence and its two marks says no more, and is cut to that.

        Raises:
            SpecificationError: the order is not at least 1.
            InputError: there is no sentence, or a word is empty, is several or is one of `MARKS`; its place is said.
        """
        if order < 1:
            raise SpecificationError(f"a language model's order is at least 1, found {order}")
        split = [_words(sentence, f"sentence {i}") for i, sentence in enumerate(sentences, 1)]
        if not split:
            raise InputError("a language model is learnt from at least one sentence, found none")
        words = (*MARKS, *sorted({word for sentence in split for word in sentence}))
        ids = {word: i for i, word in enumerate(words)}
        marked = [[ids[word] for word in (BEGIN, *sentence, END)] for sentence in split]
        return cls(words, smoothed(counted(marked, len(words), order), ids[BEGIN]))

    @classmethod
    def learn_file(cls, path: str | Path, order: int = 3) -> Self:
        """Learn from a UTF-8 text file with a sentence a line; empty lines are skipped.

        Raises:
            SourceError: the file cannot be read, or is no UTF-8.
            InputError: see `learn`; the line is said.
        """
        return cls.learn([_words(line, f"{path} line {i}") for i, line in read_sentences(path).items()], order)

    @property
    def order(self) -> int:
        """The longest n-gram's words."""
        return len(self.levels)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words that sentences are made of, without `MARKS`."""
        return tuple(word for word in self.words if word not in MARKS)

    def __len__(self) -> int:
        """How many n-grams have a probability of their own."""
        return sum(map(len, self.levels))

    def id(self, word: str) -> int:
        """Return a word's id, that of <unk> where it is not among the words."""
        return self._ids.get(word, 0)

    def log_prob_next(self, context: Sentence, word: str) -> float:
        """Return log p(word | context): −inf for <s>, and for <unk> in a model read from a file that has none.

        Args:
            context: the words before, of which the last order − 1 matter; "<s>" is the first where a sentence begins.
            word: "</s>" asks whether the sentence ends.
        """
        return self.log_prob_of(self.context(context), self.id(word))

    def log_prob(self, sentence: Sentence) -> float:
        """Return log p(w₁ … w_m </s> | <s>)."""
        context, total = self.context([BEGIN]), 0.0
        for word in [*_split(sentence), END]:
            total += self.log_prob_of(context, self.id(word))
            context = self.after(context, self.id(word))
        return total

    def perplexity(self, sentences: Iterable[Sentence]) -> float:
        """Return exp(−Σ log p / Σ (m + 1)), over all words and ends of some sentences.

        Raises:
            InputError: there is no sentence.
        """
        split = [_split(sentence) for sentence in sentences]
        if not split:
            raise InputError("a perplexity is that of at least one sentence, found none")
        return math.exp(-sum(map(self.log_prob, split)) / sum(len(sentence) + 1 for sentence in split))

    # By ids: what decoders ask, over and over.

    def context(self, words: Sentence) -> tuple[int, ...]:
        """Return the ids of the words that matter to the next."""
        ids = tuple(map(self.id, _split(words)))
        return ids[max(len(ids) - self.order + 1, 0) :]

    def after(self, context: tuple[int, ...], word: int) -> tuple[int, ...]:
        """Return the context of what follows the word."""
        longer = (*context, word)
        return longer[max(len(longer) - self.order + 1, 0) :]

    def log_prob_of(self, context: tuple[int, ...], word: int) -> float:
        """Return log p(word | context), both as ids."""
        back_off = 0.0
        for start in range(len(context) + 1):
            row = self._row(context[start:])
            if row is None:
                continue
            depth = len(context) - start
            found = self._find(depth, row, word)
            if found is not None:
                return back_off + float(self.levels[depth].log_p[found])
            if depth:
                back_off += float(self.levels[depth - 1].log_back_off[row])
        return -math.inf

    def _row(self, ngram: tuple[int, ...]) -> int | None:
        """Return the row of an n-gram in the table of its order, if it is there; the empty one has row 0."""
        row: int | None = 0
        for depth, word in enumerate(ngram):
            row = self._find(depth, cast(int, row), word)
            if row is None:
                return None
        return row

    def _find(self, depth: int, row: int, word: int) -> int | None:
        """Return the row of the n-gram that adds a word to the one of so many words in that row."""
        return self.levels[depth].find(row * len(self.words) + word)

    def to_arpa(self, path: str | Path) -> None:
        """Write an ARPA file, in full precision.

        Raises:
            OutputError: it cannot be written.
        """
        write_arpa(Path(path), self.words, self.levels)

    @classmethod
    def from_arpa(cls, path: str | Path) -> Self:
        """Read an ARPA file, whoever wrote it.

        Raises:
            SourceError: see `read_arpa`.
        """
        return cls(*read_arpa(Path(path)))

    def to_json(self) -> dict[str, Any]:
        """Return what the model file holds; numbers come back to the last bit, −inf as null."""
        return {"words": list(self.words), "levels": [level.to_json() for level in self.levels]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        return cls(tuple(values["words"]), tuple(map(Level.from_json, values["levels"])))


def _split(sentence: Sentence) -> list[str]:
    return normalised(sentence).split() if isinstance(sentence, str) else list(sentence)


def read_sentences(path: str | Path) -> dict[int, str]:
    """Return the lines of a UTF-8 text file by their numbers, from 1; empty ones are skipped.

    Raises:
        SourceError: the file cannot be read, or is no UTF-8.
        InputError: all lines are empty.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected a text in UTF-8, a sentence a line ({error})") from error
    sentences = {i: line for i, line in enumerate(lines, 1) if line.strip()}
    if not sentences:
        raise InputError(f"{path}: expected at least one sentence, found only empty lines")
    return sentences


def _words(sentence: Sentence, place: str) -> list[str]:
    """Return the words of a sentence that is learnt from."""
    words = _split(sentence)
    for position, word in enumerate(words, 1):
        if word in MARKS or word.split() != [word]:
            why = "the model's own mark" if word in MARKS else "empty, or more than one word"
            raise InputError(f"{place}: expected words, found {word!r} ({why}) at word {position}; take it out")
    return words
