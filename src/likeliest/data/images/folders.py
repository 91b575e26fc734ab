"""A folder with one sub-folder for each class, or with pictures alone; see `likeliest.data.folders`."""

from __future__ import annotations

from pathlib import Path

from likeliest.data.folders import Kind, files_below, labelled_files
from likeliest.data.images.decoding import SUFFIXES, described, looks_like_picture
from likeliest.data.images.reading import Encoded, Found
from likeliest.data.paths import head, parts, shown
from likeliest.errors import SourceError


def is_picture(path: Path) -> bool:
    """Whether a file has the suffix or the first bytes of a picture."""
    return path.suffix.lower() in SUFFIXES or looks_like_picture(head(path))


PICTURES = Kind(
    "pictures",
    "class",
    is_picture,
    described,
    "move them into class folders, or give a CSV with the columns file and label",
)


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
        below = files_below(folder, folder, PICTURES, found.problems)
        found.pictures = [Encoded.file(path, shown(path, folder)) for path in below]
        return found
    for part, test in parts(folder):
        for label, path in labelled_files(part, folder, PICTURES, found.problems):
            found.pictures.append(Encoded.file(path, shown(path, folder), label, test))
    classes = {one.label for one in found.pictures}
    if len(classes) == 1:
        raise SourceError(
            f"{folder}: expected at least two folders of pictures, one for each class, found only "
            f"{classes.pop()!r}; name the folder that holds the classes"
        )
    return found
