"""A folder with one sub-folder for each class, or with pictures alone: what lies in it, in natural order of names.

Only names are looked at here, and the first bytes of files whose suffix is not a picture's. Hidden files and the litter
of file managers are passed over. Below a class, no link is followed to a folder that is read already or belongs to
another class: there is no loop, and no picture gets a label that is not its own. A second name of a file that the class
already has is not a second picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from likeliest.data.images.decoding import SUFFIXES, described, looks_like_picture
from likeliest.data.images.reading import Encoded, Found
from likeliest.data.paths import Identity, entries, head, identity, is_file, parts, shown
from likeliest.data.problems import LEFT_OUT, Problem, listed_names
from likeliest.errors import SourceError


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
    for part, test in parts(folder):
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
    return path.suffix.lower() in SUFFIXES or looks_like_picture(head(path))


def _by_class(part: Path, folder: Path, test: bool, found: Found) -> None:
    loose, inside = [], entries(part)
    read = {identity(path) for path in (folder, part, *inside) if path.is_dir()}
    for path in inside:
        if path.is_dir():
            before = len(found.pictures)
            label = unicodedata.normalize("NFC", shown(path, part))
            _walk(path, folder, label, test, found, read - {identity(path)})
            if len(found.pictures) == before:
                found.problems.append(Problem(shown(path, folder), "a folder without pictures", "no class of its own"))
        elif is_file(path) and is_picture(path):
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
        if not is_file(path):
            found.problems.append(_beside(path, folder))
            continue
        first = seen.setdefault(identity(path), name)
        if first != name:
            found.problems.append(Problem(name, "another name of a file that is there already", "counted once"))
        elif is_picture(path):
            found.pictures.append(Encoded.file(path, name, label, test))
        else:
            found.problems.append(_beside(path, folder))


def _files(top: Path, entered: set[Identity], found: Found, folder: Path) -> Iterator[Path]:
    if identity(top) in entered:
        found.problems.append(Problem(shown(top, folder), "a link to a folder that is read already", "not followed"))
        return
    entered.add(identity(top))
    try:
        inside = entries(top)
    except OSError as error:
        found.problems.append(Problem(shown(top, folder), f"a folder that cannot be read ({error.strerror})", LEFT_OUT))
        return
    for path in inside:
        if path.is_dir():
            yield from _files(path, entered, found, folder)
        else:
            yield path


def _beside(path: Path, folder: Path) -> Problem:
    name = shown(path, folder)
    if is_file(path):
        return Problem(name, described(head(path)), "passed over")
    return Problem(name, "a link that leads nowhere" if path.is_symlink() else "no ordinary file", "passed over")
