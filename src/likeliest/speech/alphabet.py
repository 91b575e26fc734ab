"""The symbols that texts are written in: characters or words, and the blank that is neither."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.errors import InputError, SpecificationError

Unit = Literal["character", "word"]
BLANK = 0
SPACE = " "

# Marks that are neither heard nor seen: the byte order mark, the soft hyphen, and what sets the direction of writing.
_UNSEEN = dict.fromkeys([0xFEFF, 0x00AD, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def normalised(text: str) -> str:
    """Return a text as it is learnt and scored: composed (NFC), one space between words, none at either end.

    The byte order mark, soft hyphens and the marks that only set the direction of writing are left out. Case and
    punctuation stay: whether they are to be told apart is not for an alphabet to say.

    Example:
        >>> normalised("  one   two ")
        'one two'
    """
    return SPACE.join(unicodedata.normalize("NFC", text.translate(_UNSEEN)).split())


@dataclass(frozen=True)
class Alphabet:
    """K columns of η: the blank, column 0, and a label 1 … K − 1 for each symbol.

    A symbol is a word, or a character: one code point of the composed text (`normalised`), in the order in which it is
    stored, which for scripts written from right to left is the order in which it is spoken. An accent that has no
    composed form, and each part of an emoji that is joined of several, is a symbol of its own: fewer symbols, each seen
    more often, and decoding puts the parts together again as they were.

    Args:
        symbols: K − 1 of them, each once; the space is one where texts of characters have several words.
        unit: "character" or "word".

    Raises:
        SpecificationError: a symbol stands twice, is empty or is not one unit; there is none; or the unit is unknown.

    Example:
        >>> alphabet = Alphabet.learn(["no", "oh no"])
        >>> alphabet.symbols, len(alphabet)
        ((' ', 'h', 'n', 'o'), 5)
        >>> alphabet.encode(["on", "no no"])
        array([[4, 3, 0, 0, 0],
               [3, 4, 1, 3, 4]])
        >>> alphabet.decode([3, 4, 1, 3, 4, 0])
        'no no'
    """

    symbols: tuple[str, ...]
    unit: Unit = "character"
    _labels: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.unit not in ("character", "word"):
            raise SpecificationError(f"an alphabet is of the unit 'character' or 'word', found {self.unit!r}")
        object.__setattr__(self, "symbols", tuple(self.symbols))
        object.__setattr__(self, "_labels", {symbol: label for label, symbol in enumerate(self.symbols, 1)})
        if not self.symbols or len(self._labels) < len(self.symbols):
            raise SpecificationError(f"an alphabet has one or more symbols, each once, found {list(self.symbols)}")
        for symbol in self.symbols:
            if not self._is_unit(symbol):
                raise SpecificationError(f"a symbol is one {self.unit} of composed text (NFC), found {symbol!r}")

    def _is_unit(self, symbol: str) -> bool:
        if self.unit == "character" and symbol == SPACE:
            return True
        return normalised(symbol) == symbol and self.split(symbol) == [symbol]

    @classmethod
    def learn(cls, texts: Iterable[str], unit: Unit = "character") -> Self:
        """Learn the symbols of some texts, in the order of their code points.

        Raises:
            InputError: the texts hold no symbol at all.
        """
        units = str.split if unit == "word" else list
        symbols = sorted({symbol for text in texts for symbol in units(normalised(text))})
        if not symbols:
            raise InputError(f"the texts: expected at least one {unit}, found none; give the words that are spoken")
        return cls(tuple(symbols), unit)

    def __len__(self) -> int:
        """K, the blank counted."""
        return len(self.symbols) + 1

    @property
    def space(self) -> int | None:
        """The label that ends a word, if there is one: words of a word alphabet end by themselves."""
        return self._labels.get(SPACE)

    def split(self, text: str) -> list[str]:
        """Return a text's characters or words, normalised."""
        text = normalised(text)
        return text.split() if self.unit == "word" else list(text)

    def unknown(self, text: str) -> list[tuple[int, str]]:
        """Return the (position, unit) pairs of a text that have no label; positions count units from 1."""
        return [(position, unit) for position, unit in enumerate(self.split(text), 1) if unit not in self._labels]

    def labels(self, text: str, name: str | None = None) -> list[int]:
        """Return the labels of one text, which is called by its name in a message.

        Raises:
            InputError: a character or word is not in the alphabet; it is named with its position.
        """
        for position, unit in self.unknown(text):
            raise InputError(
                f"{name or repr(text)}: expected {self.unit}s of the alphabet, found {_described(unit)} at {self.unit} "
                f"{position}; correct the text, leave it out, or learn the alphabet with it"
            )
        return [self._labels[unit] for unit in self.split(text)]

    def encode(self, texts: Sequence[str], names: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Return labels, int64 (n, U): U is the longest text's, and the others are filled up with 0.

        Args:
            texts: n of them.
            names: what to call each in a message: its file, say.

        Raises:
            InputError: see `labels`.
        """
        rows = [self.labels(text, None if names is None else names[i]) for i, text in enumerate(texts)]
        encoded = np.full((len(rows), max(map(len, rows), default=0)), BLANK, dtype=np.int64)
        for row, labels in zip(encoded, rows, strict=True):
            row[: len(labels)] = labels
        return encoded

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of labels; blanks are skipped.

        Raises:
            SpecificationError: a label lies outside the alphabet.
        """
        joint = SPACE if self.unit == "word" else ""
        return joint.join(self._symbol(label) for label in map(int, labels) if label != BLANK)

    def _symbol(self, label: int) -> str:
        if not 0 < label < len(self):
            raise SpecificationError(f"expected labels from 1 to {len(self) - 1}, found {label}")
        return self.symbols[label - 1]

    def to_json(self) -> dict[str, Any]:
        """Return what the model file holds."""
        return {"unit": self.unit, "symbols": list(self.symbols)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        return cls(tuple(values["symbols"]), values["unit"])


def _described(unit: str) -> str:
    if len(unit) > 1:
        return repr(unit)
    return f"{unit!r} (U+{ord(unit):04X}, {unicodedata.name(unit, 'without a name')})"
