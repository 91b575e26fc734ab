"""Files and folders as they are found: in natural order, with names that any output takes, without the litter."""

from __future__ import annotations

import os
import re
from pathlib import Path

Identity = tuple[int, int]

_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
LEARN = {"train", "training", "val", "valid", "validation"}
TEST = {"test", "testing"}


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key by which "9.png" comes before "10.png"."""
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in re.split(r"(\d+)", name) if p)


def shown(path: Path, folder: Path) -> str:
    """Return a file's name below the folder, as text that any output takes: what is no UTF-8 is escaped."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode(errors="backslashreplace")


def part_of(name: str) -> str | None:
    """Return "learn" or "test" for a name such as "train", "val" or "test-00000-of-00001.parquet", else None."""
    word = re.match(r"[a-z]*", name.lower())[0]  # type: ignore[index]
    return "learn" if word in LEARN else "test" if word in TEST else None


def parts(folder: Path) -> list[tuple[Path, bool]]:
    """Return the folders that hold class folders, those to learn from first, and whether each is for testing."""
    below = [path for path in entries(folder) if path.is_dir()]
    names = {path.name.lower() for path in below}
    if names & LEARN and names <= LEARN | TEST:
        found = [(path, path.name.lower() in TEST) for path in below]
        return sorted(found, key=lambda part: part[1])
    return [(folder, False)]


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, in natural order, without hidden files and litter."""
    names = (path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in _LITTER)
    return sorted(names, key=lambda path: (natural(path.name), path.name))


def identity(path: Path) -> Identity:
    """Return what is the same for two names of one file or folder."""
    status = path.stat()
    return status.st_dev, status.st_ino


def is_file(path: Path) -> bool:
    """Whether it is a regular file; a pipe or a device would wait for ever, and a broken link is nothing."""
    try:
        return path.is_file()
    except OSError:
        return False


def head(path: Path) -> bytes:
    """Return the first 64 bytes of a file, or none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def located(folder: Path, name: str) -> Path:
    """Return the file of that name, which may be written as on Windows."""
    windows = "\\" in name and not os.path.exists(folder / name)
    return folder / (name.replace("\\", "/") if windows else name)
