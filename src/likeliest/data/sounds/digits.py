"""The Free Spoken Digit Dataset as it is published: what is said, by whom, stands in the names of its files."""

from __future__ import annotations

import re
from pathlib import Path

from likeliest.data.paths import entries
from likeliest.data.sounds.found import Found, Listed

_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def find_digits(folder: Path) -> Found | None:
    """List recordings named ``{digit}_{speaker}_{take}.wav``, the take as a column; None if a file goes otherwise."""
    files = entries(folder)
    names = [_NAME.fullmatch(path.name) for path in files]
    if not files or not all(names):
        return None
    told = ((path, name.groups()) for path, name in zip(files, names, strict=True) if name)
    listed = [Listed(p.name, p, _WORDS[int(digit)], who, False, {"take": take}) for p, (digit, who, take) in told]
    return Found(str(folder), listed)
