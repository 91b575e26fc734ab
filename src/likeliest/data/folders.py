"""Files by the folder that they lie in, whose name is their label: what lies there, in natural order of names.

Only names are looked at here, and the first bytes of files whose suffix does not say what they are. Hidden files and
the litter of file managers are passed over. Below a label, no link is followed to a folder that is read already or
belongs to another label: there is no loop, and no file gets a label that is not its own. A second name of a file that
the label already has is not a second file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from likeliest.data.paths import Identity, entries, head, identity, is_file, shown
from likeliest.data.problems import LEFT_OUT, Problem, listed_names
from likeliest.errors import SourceError

PASSED_OVER = "passed over"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of files.

    Attributes:
        files: what they are called.
        label: what their folder's name is.
        wanted: whether a file is one.
        described: what a file is that is none, by its first bytes.
        remedy: what to do with files that lie in no folder of their own.
        beside: suffixes of files that may lie beside them, of which nothing is said.
        no_label: the first character of the names of folders that are no label.
    """

    files: str
    label: str
    wanted: Callable[[Path], bool]
    described: Callable[[bytes], str]
    remedy: str
    beside: tuple[str, ...] = ()
    no_label: str | None = None


def labelled_files(part: Path, folder: Path, kind: Kind, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    """Yield the labels and paths of the files below ``part``, which holds one folder for each label.

    Args:
        part: the folder, or one of the parts that it is divided in.
        folder: what names in messages begin below.
        kind: what is wanted.
        problems: where is told what is not as expected.

    Raises:
        SourceError: files of the kind lie beside the folders of labels.
    """
    loose, inside = [], entries(part)
    read = {identity(path) for path in (folder, part, *inside) if path.is_dir()}
    for path in inside:
        name = shown(path, folder)
        if path.is_dir() and kind.no_label and path.name.startswith(kind.no_label):
            problems.append(Problem(name, f"a folder whose name begins with {kind.no_label}", PASSED_OVER))
        elif path.is_dir():
            below = list(files_below(path, folder, kind, problems, read - {identity(path)}))
            label = unicodedata.normalize("NFC", shown(path, part))
            yield from ((label, file) for file in below)
            if not below:
                problems.append(Problem(name, f"a folder without {kind.files}", f"no {kind.label} of its own"))
        elif is_file(path) and kind.wanted(path):
            loose.append(name)
        else:
            problems.append(_other(path, folder, kind))
    if loose:
        raise SourceError(
            f"{part}: expected {kind.files} in one folder for each {kind.label}, found {len(loose)} in no {kind.label} "
            f"({listed_names(loose)}); {kind.remedy}"
        )


def files_below(
    top: Path, folder: Path, kind: Kind, problems: list[Problem], entered: set[Identity] | None = None
) -> Iterator[Path]:
    """Yield the files below ``top``; folders that are ``entered`` already are not, whatever link leads to them."""
    seen: dict[Identity, Path] = {}
    for path in _below(top, folder, problems, set() if entered is None else entered):
        if is_file(path) and seen.setdefault(identity(path), path) != path:
            problems.append(
                Problem(shown(path, folder), "another name of a file that is there already", "counted once")
            )
        elif is_file(path) and kind.wanted(path):
            yield path
        elif path.suffix.lower() not in kind.beside:
            problems.append(_other(path, folder, kind))


def _below(top: Path, folder: Path, problems: list[Problem], entered: set[Identity]) -> Iterator[Path]:
    if identity(top) in entered:
        problems.append(Problem(shown(top, folder), "a link to a folder that is read already", "not followed"))
        return
    entered.add(identity(top))
    try:
        inside = entries(top)
    except OSError as error:
        problems.append(Problem(shown(top, folder), f"a folder that cannot be read ({error.strerror})", LEFT_OUT))
        return
    for path in inside:
        if path.is_dir():
            yield from _below(path, folder, problems, entered)
        else:
            yield path


def _other(path: Path, folder: Path, kind: Kind) -> Problem:
    name = shown(path, folder)
    if is_file(path):
        return Problem(name, kind.described(head(path)), PASSED_OVER)
    return Problem(name, "a link that leads nowhere" if path.is_symlink() else "no ordinary file", PASSED_OVER)
