"""A folder with one sub-folder for each word, or with recordings alone; see `likeliest.data.folders`.

Two customs tell the speaker. Below every word there may be one folder for each speaker. Or names of files begin with
the speaker's code and ``_nohash_``, as those of Google's Speech Commands do (Warden 2018, arXiv:1804.03209). A folder
whose name begins with "_", as its ``_background_noise_``, is no word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from likeliest.data.folders import Kind, files_below, labelled_files
from likeliest.data.paths import entries, head, identity, is_file, parts, shown
from likeliest.data.problems import LEFT_OUT, Problem
from likeliest.data.sounds.found import Found, Listed
from likeliest.data.sounds.headers import SUFFIXES, looks_like_sound, what_else

WITHOUT_TEXT = "a file without a transcript"

_GLANCE = 200
_CODE = re.compile(r"(.+)_nohash_\d+")


def is_sound(path: Path) -> bool:
    """Whether a file has the suffix or the first bytes of a sound."""
    return path.suffix.lower() in SUFFIXES or looks_like_sound(head(path))


def mostly_sounds(folder: Path) -> bool:
    """Whether more than half of the first files below a folder have a sound's suffix; none of them is opened."""
    files = [path for path, _ in zip(_glanced(folder), range(_GLANCE), strict=False)]
    return sum(path.suffix.lower() in SUFFIXES for path in files) > len(files) / 2


RECORDINGS = Kind(
    "recordings",
    "word",
    is_sound,
    what_else,
    "move them into folders named by what is said, or add a transcripts.csv with the columns file and text",
    beside=(".csv", ".tsv", ".txt", ".md"),
    no_label="_",
)


def find_sounds(folder: Path, *, labelled: bool) -> Found:
    """List the recordings below a folder.

    Args:
        folder: holds one folder for each word, or ``train`` and ``test`` (and ``val``, which is learnt from) that do.
        labelled: whether each needs a word; without, recordings may lie anywhere.

    Raises:
        SourceError: recordings are wanted by word, and lie beside the folders of words.
    """
    found = Found(str(folder))
    if not labelled:
        below = files_below(folder, folder, RECORDINGS, found.problems)
        found.sounds = [Listed(shown(path, folder), path) for path in below]
        return found
    listed = []
    for part, test in parts(folder):
        for text, path in labelled_files(part, folder, RECORDINGS, found.problems):
            listed.append(Listed(shown(path, folder), path, text, None, test))
    found.sounds = _with_speakers(listed, folder)
    return found


def add_unlisted(found: Found, folder: Path) -> None:
    """Name the recordings below a folder that its table does not list."""
    listed = {identity(one.path) for one in found.sounds if is_file(one.path)}
    left = (path for path in files_below(folder, folder, RECORDINGS, []) if identity(path) not in listed)
    found.problems += [Problem(shown(path, folder), WITHOUT_TEXT, LEFT_OUT) for path in left]


def _with_speakers(sounds: list[Listed], folder: Path) -> list[Listed]:
    """Return the recordings with their speakers, if every one of them tells its own by one of the two customs."""
    codes = [_CODE.fullmatch(one.path.stem) for one in sounds]
    if all(codes):
        return [replace(one, speaker=code[1]) for one, code in zip(sounds, codes, strict=True) if code]
    below = [one.path.relative_to(folder).parts[-3:-1] for one in sounds]
    words: dict[str, set[str]] = {}
    for one, names in zip(sounds, below, strict=True):
        if len(names) < 2 or unicodedata.normalize("NFC", names[0]) != one.text:
            return sounds
        words.setdefault(names[1], set()).add(names[0])
    if min(map(len, words.values()), default=0) < 2:
        return sounds
    return [replace(one, speaker=names[1]) for one, names in zip(sounds, below, strict=True)]


def _glanced(folder: Path) -> Iterator[Path]:
    """Yield files below a folder, those of its first folders first, without links to folders."""
    try:
        inside = entries(folder)
    except OSError:
        return
    yield from (path for path in inside if not path.is_dir() and path.suffix.lower() not in (".csv", ".tsv", ".txt"))
    for path in inside:
        if path.is_dir() and not path.is_symlink():
            yield from _glanced(path)
