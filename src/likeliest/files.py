"""Files that are either written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from likeliest.errors import OutputError


def atomic_write(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` through a temporary name beside it, so that no reader ever sees half a file.

    Raises:
        OutputError: the folder cannot be made or written; what stood at ``path`` is as it was.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files: all to temporary names first, so that a full disk leaves every old file in place.

    Raises:
        OutputError: a folder cannot be made or a file not written; no old file has been touched before all new ones lay
            ready.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            staged[path] = _stage(path, content)
        for path, temporary in staged.items():
            temporary.replace(path)
    except OSError as error:
        place = error.filename or next(iter(contents))
        message = (
            f"{place}: expected a folder that can be written, found: {error.strerror}; choose another output folder"
        )
        raise OutputError(message) from error
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _stage(path: Path, content: bytes) -> Path:
    """Write content to a temporary file in the folder of path, with the permissions of an ordinary new file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def require_writable(folder: Path) -> None:
    """Make the folder and try to write in it, before work is done whose result would have no place.

    Raises:
        OutputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".likeliest.", dir=folder)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise OutputError(
            f"{folder}: expected a folder that can be written, found: {error.strerror}; choose another output folder"
        ) from error
