"""Tables of n-grams: a tree of words, level by level, with a probability and a back-off weight at each node."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
MARKS = (UNKNOWN, BEGIN, END)
"""The words that no sentence holds, with the ids 0, 1 and 2."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The m n-grams of one order, as a level of a tree: each adds a word to an n-gram one word shorter.

    Attributes:
        keys: (m,) ascending: the shorter one's row at the level above × number of words + id of the word.
        log_p: (m,) log p(the last word | those before).
        log_back_off: (m,) log b(the n-gram), 0 where nothing longer begins with it.
    """

    keys: Ints
    log_p: Floats
    log_back_off: Floats

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, key: int) -> int | None:
        """Return the row of a key, if it is there."""
        row = bisect_left(cast(Sequence[int], self.keys), key)
        return row if row < len(self.keys) and self.keys[row] == key else None

    def to_json(self) -> dict[str, Any]:
        """Return lists; −inf is null."""
        return {
            "keys": self.keys.tolist(),
            "log_p": [None if value == -np.inf else value for value in self.log_p.tolist()],
            "log_back_off": [None if value == -np.inf else value for value in self.log_back_off.tolist()],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        log_p, log_back_off = (
            np.array([-np.inf if value is None else value for value in values[name]], dtype=np.float64)
            for name in ("log_p", "log_back_off")
        )
        return cls(np.array(values["keys"], dtype=np.int64), log_p, log_back_off)
