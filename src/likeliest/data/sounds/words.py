"""Whether recordings are of single words, to be told apart, or of texts, to be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from likeliest.data.catalogue import find_named
from likeliest.data.sounds.source import find_recordings, is_catalogued
from likeliest.data.sounds.texts import TextRules
from likeliest.errors import SourceError

MOST_WORDS = 100
"""Different texts, at most, that are told apart as classes."""
RECORDINGS_EACH = 5
"""Recordings of each, on average, at least."""


def single_words(texts: Iterable[str]) -> bool:
    """Whether texts are few words: at most 100 different ones, none with a blank, each 5 times on average.

    Example:
        >>> single_words(["yes", "no"] * 5), single_words(["yes", "no", "yes no"] * 5), single_words(["yes", "no"])
        (True, False, False)
    """
    count, different = 0, set[str]()
    for text in texts:
        count += 1
        different.add(text)
        if " " in text or len(different) > MOST_WORDS:
            return False
    return count >= RECORDINGS_EACH * len(different) > 0


def says_single_words(source: str | Path, target: str | None = None) -> bool:
    """Whether what is said in a source of recordings are few words; no sound is opened.

    Args:
        source: as `read_recordings` takes it, with texts.
        target: the column of texts where the source is a table; found by its name if ``None``.

    Raises:
        SourceError: there are no recordings; the named set is not installed.
        TableError: a table cannot be read as one.
        TargetError: texts are missing.
    """
    rules = TextRules()
    spelt = (rules.applied(one.text or "")[0] for one in find_recordings(place_of(source), target, True).sounds)
    return single_words(text for text in spelt if text)


def place_of(source: str | Path) -> Path:
    """Where a source lies: the path itself, or the folder of a catalogued set.

    Raises:
        SourceError: the named set is not installed; there is no such file or folder.
    """
    path = Path(source)
    if not path.exists() and is_catalogued(source):
        path = find_named(str(source), "sounds").folder or path
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    return path
