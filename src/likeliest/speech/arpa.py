r"""ARPA files: the text in which back-off language models travel between programs.

::

    \data\
    ngram 1=4
    ngram 2=3

    \1-grams:
    -0.9031	one	-0.30103         log10 p(one), the word, log10 b(one)
    …
    \2-grams:
    -0.1249	one two              the highest order has no back-off weights
    …
    \end\

What has no probability, like <s>, is written as -99 and read so from -99 down. Fields are read whether tabs or spaces
separate them, and <UNK> is read as <unk>.

Source: the format of the ARPA back-off models of Doug Paul, as the manual page ngram-format(5) of SRILM describes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from likeliest.errors import SourceError
from likeliest.files import atomic_write
from likeliest.speech.ngrams import END, MARKS, UNKNOWN, Floats, Level

_IMPOSSIBLE = -99.0
_LN_10 = math.log(10)


def write_arpa(path: Path, words: Sequence[str], levels: Sequence[Level]) -> None:
    """Write n-grams in full precision: shortest decimals that come back to the same log10.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = ["\\data\\", *(f"ngram {n}={len(level)}" for n, level in enumerate(levels, 1)), ""]
    above = [""]
    for n, level in enumerate(levels, 1):
        rows, ids = np.divmod(level.keys, len(words))
        texts = [f"{above[row]} {words[i]}".lstrip(" ") for row, i in zip(rows.tolist(), ids.tolist(), strict=True)]
        lines.append(f"\\{n}-grams:")
        columns = [_tens(level.log_p), texts] + [_tens(level.log_back_off)] * (n < len(levels))
        lines += map("\t".join, zip(*columns, strict=True))
        lines.append("")
        above = texts
    atomic_write(path, "\n".join([*lines, "\\end\\", ""]).encode())


def _tens(logs: Floats) -> list[str]:
    """Return natural logarithms as decimal ones, written out."""
    return ["-99" if value == -math.inf else repr(value / _LN_10 or 0.0) for value in logs.tolist()]


def read_arpa(path: Path) -> tuple[tuple[str, ...], tuple[Level, ...]]:
    """Return the words, `MARKS` first, and the n-grams of a file.

    A file without <unk> gives words that are not in it no probability.

    Raises:
        SourceError: the file cannot be read, is cut short, or breaks the format; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected a language model in ARPA format, in UTF-8 ({error})") from error
    return _Reader(path, text).read()


class _Reader:
    """The lines of a file, read one after the other; a fault is told with the number of the line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._at = 0
        self._lines = self._stripped(text)
        self._ids = {word: i for i, word in enumerate(MARKS)}
        self._rows: list[dict[int, int]] = []  # key → row of each level that has been read

    def _stripped(self, text: str) -> Iterator[str]:
        """Yield the lines that are not empty, and keep count."""
        for self._at, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield line.strip()

    def _fail(self, expected: str, found: str) -> NoReturn:
        place = f"{self._path} line {self._at}"
        raise SourceError(f"{place}: expected {expected}, found {found}; write the model again in ARPA format")

    def _next(self, expected: str) -> str:
        line = next(self._lines, None)
        return self._fail(expected, "the end of the file") if line is None else line

    def read(self) -> tuple[tuple[str, ...], tuple[Level, ...]]:
        """Return words and levels."""
        while self._next("\\data\\") != "\\data\\":
            pass
        sizes, line = self._sizes()
        levels = []
        for n, size in enumerate(sizes, 1):
            if line != f"\\{n}-grams:":
                self._fail(f"\\{n}-grams:", repr(line))
            level, line = self._level(n, size)
            levels.append(level)
        if line != "\\end\\":
            self._fail("\\end\\", repr(line))
        return tuple(self._ids), tuple(levels)

    def _sizes(self) -> tuple[list[int], str]:
        """Return how many n-grams of each order there are to be, and the line after."""
        sizes: list[int] = []
        while (line := self._next("\\1-grams:")).startswith("ngram "):
            order, _, size = line.removeprefix("ngram ").replace(" ", "").partition("=")
            if order != str(len(sizes) + 1) or not size.isdecimal():
                self._fail(f"ngram {len(sizes) + 1}=, and how many", repr(line))
            sizes.append(int(size))
        if not sizes:
            self._fail("ngram 1=, and how many", repr(line))
        return sizes, line

    def _level(self, n: int, size: int) -> tuple[Level, str]:
        """Return the n-grams of one order, and the line after."""
        found: dict[int, tuple[float, float]] = {}
        while not (line := self._next("\\end\\")).startswith("\\"):
            key, logs = self._entry(line, n)
            if key in found:
                self._fail("each n-gram once", f"{line!r} again")
            found[key] = logs
        if len(found) != size:
            self._fail(f"{size:,} {n}-grams before this line", f"{len(found):,}")
        if n == 1:
            self._settle(found)
        keys = sorted(found)
        self._rows.append({key: row for row, key in enumerate(keys)})
        log_p, log_back_off = np.array([found[key] for key in keys], dtype=np.float64).reshape(-1, 2).T.copy()
        return Level(np.array(keys, dtype=np.int64), log_p, log_back_off), line

    def _settle(self, found: dict[int, tuple[float, float]]) -> None:
        """Give each mark a row: <s> is never predicted, and what is not in the file has no probability."""
        unknown, begin, end = (self._ids[mark] for mark in MARKS)
        if end not in found:
            self._fail(f"{END} among the 1-grams, for sentences end", "none")
        found.setdefault(unknown, (-math.inf, 0.0))
        found[begin] = (-math.inf, found[begin][1] if begin in found else 0.0)

    def _entry(self, line: str, n: int) -> tuple[int, tuple[float, float]]:
        """Return the key of an n-gram, log p and log b."""
        fields = [field for field in line.replace("\t", " ").split(" ") if field]
        if len(fields) not in (n + 1, n + 2):
            self._fail(f"log10 p, {n} {'word' if n == 1 else 'words'}, and log10 b perhaps", repr(line))
        log_p, log_back_off = self._log(fields[0]), self._log(fields[n + 1]) if len(fields) == n + 2 else 0.0
        if log_p > 0:
            self._fail("log10 of a probability, at most 0", fields[0])
        return self._key(fields[1 : n + 1]), (log_p, log_back_off)

    def _log(self, field: str) -> float:
        try:
            value = float(field)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf:
            self._fail("a number", repr(field))
        return value * _LN_10 if value > _IMPOSSIBLE else -math.inf

    def _key(self, words: list[str]) -> int:
        words = [UNKNOWN if word == "<UNK>" else word for word in words]
        if len(words) == 1:
            return self._ids.setdefault(words[0], len(self._ids))
        key, row = 0, 0
        for depth, word in enumerate(words):
            if word not in self._ids:
                self._fail("words of the 1-grams", repr(word))
            key = row * len(self._ids) + self._ids[word]
            if depth < len(words) - 1:
                if key not in self._rows[depth]:
                    self._fail("n-grams whose first words are n-grams too", repr(" ".join(words)))
                row = self._rows[depth][key]
        return key
