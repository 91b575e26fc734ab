"""A folder with one sub-folder for each class, or with pictures alone: what lies in it, in natural order of names.

Only names are looked at here, and the first bytes of files whose suffix is not a picture's. Hidden files and the litter
of file managers are passed over. Below a class, no link is followed to a folder that is read already or belongs to
another class: there is no loop, and no picture gets a label that is not its own. A second name of a file that the class
already has is not a second picture.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from likeliest.data.images.decoding import SUFFIXES, described, looks_like_picture
from likeliest.data.images.pictures import Problem, listed_names
from likeliest.data.images.reading import LEFT_OUT, Encoded, Found
from likeliest.errors import SourceError

Identity = tuple[int, int]

_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
_LEARN = {"train", "training", "val", "valid", "validation"}
_TEST = {"test", "testing"}


def find_pictures(folder: Path, *, labelled: bool) -> Found:
    """List the pictures below a folder.

    Args:
        folder: holds one folder for each class (however deep its pictures lie), or ``train`` and ``test`` (and
            ``val``, which is learnt from) that do.
        labelled: whether each needs a class; without, pictures may lie anywhere.

    Raises:
        SourceError: pictures are wanted by class and lie beside the class folders or in one class alone.
    """
    found = Found(str(folder))
    if not labelled:
        _walk(folder, folder, None, False, found, set())
        return found
    for part, test in _parts(folder):
        _by_class(part, folder, test, found)
    classes = {one.label for one in found.pictures}
    if len(classes) == 1:
        raise SourceError(
            f"{folder}: expected at least two folders of pictures, one for each class, found only "
            f"{classes.pop()!r}; name the folder that holds the classes"
        )
    return found


def is_picture(path: Path) -> bool:
    """Whether a file has the suffix or the first bytes of a picture."""
    return path.suffix.lower() in SUFFIXES or looks_like_picture(_head(path))


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key by which "9.png" comes before "10.png"."""
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in re.split(r"(\d+)", name) if p)


def shown(path: Path, folder: Path) -> str:
    """Return a file's name below the folder, as text that any output takes: what is no UTF-8 is escaped."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode(errors="backslashreplace")


def part_of(name: str) -> str | None:
    """Return "learn" or "test" for a name such as "train", "val" or "test-00000-of-00001.parquet", else None."""
    word = re.match(r"[a-z]*", name.lower())[0]  # type: ignore[index]
    return "learn" if word in _LEARN else "test" if word in _TEST else None


def _parts(folder: Path) -> list[tuple[Path, bool]]:
    """Return the folders that hold class folders, those to learn from first, and whether each is for testing."""
    below = [path for path in _entries(folder) if path.is_dir()]
    names = {path.name.lower() for path in below}
    if names & _LEARN and names <= _LEARN | _TEST:
        parts = [(path, path.name.lower() in _TEST) for path in below]
        return sorted(parts, key=lambda part: part[1])
    return [(folder, False)]


def _by_class(part: Path, folder: Path, test: bool, found: Found) -> None:
    loose, entries = [], _entries(part)
    read = {_identity(path) for path in (folder, part, *entries) if path.is_dir()}
    for path in entries:
        if path.is_dir():
            before = len(found.pictures)
            label = unicodedata.normalize("NFC", shown(path, part))
            _walk(path, folder, label, test, found, read - {_identity(path)})
            if len(found.pictures) == before:
                found.problems.append(Problem(shown(path, folder), "a folder without pictures", "no class of its own"))
        elif _is_file(path) and is_picture(path):
            loose.append(shown(path, folder))
        else:
            found.problems.append(_beside(path, folder))
    if loose:
        raise SourceError(
            f"{part}: expected pictures in one folder for each class, found {len(loose)} in no class "
            f"({listed_names(loose)}); move them into class folders, or give a CSV with the columns file and label"
        )


def _walk(top: Path, folder: Path, label: str | None, test: bool, found: Found, entered: set[Identity]) -> None:
    """Add the pictures below ``top``; folders that are ``entered`` already are not, whatever link leads to them."""
    seen: dict[Identity, str] = {}
    for path in _files(top, entered, found, folder):
        name = shown(path, folder)
        if not _is_file(path):
            found.problems.append(_beside(path, folder))
            continue
        first = seen.setdefault(_identity(path), name)
        if first != name:
            found.problems.append(Problem(name, "another name of a file that is there already", "counted once"))
        elif is_picture(path):
            found.pictures.append(Encoded.file(path, name, label, test))
        else:
            found.problems.append(_beside(path, folder))


def _files(top: Path, entered: set[Identity], found: Found, folder: Path) -> Iterator[Path]:
    if _identity(top) in entered:
        found.problems.append(Problem(shown(top, folder), "a link to a folder that is read already", "not followed"))
        return
    entered.add(_identity(top))
    try:
        entries = _entries(top)
    except OSError as error:
        found.problems.append(Problem(shown(top, folder), f"a folder that cannot be read ({error.strerror})", LEFT_OUT))
        return
    for path in entries:
        if path.is_dir():
            yield from _files(path, entered, found, folder)
        else:
            yield path


def _identity(path: Path) -> Identity:
    """Return what is the same for two names of one file or folder."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, in natural order, without hidden files and litter."""
    names = (path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in _LITTER)
    return sorted(names, key=lambda path: (natural(path.name), path.name))


def _is_file(path: Path) -> bool:
    """Whether it is a regular file; a pipe or a device would wait for ever, and a broken link is nothing."""
    try:
        return path.is_file()
    except OSError:
        return False


def _beside(path: Path, folder: Path) -> Problem:
    name = shown(path, folder)
    if _is_file(path):
        return Problem(name, described(_head(path)), "passed over")
    return Problem(name, "a link that leads nowhere" if path.is_symlink() else "no ordinary file", "passed over")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""
