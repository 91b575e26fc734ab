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
        raise _unwritable(path, error) from error
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
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def require_writable(path: Path) -> None:
    """Try to make a file where ``path`` will be made, before work is done whose result would have no place.

    What is tried is the folder if it is there, else the nearest one above it; nothing is left behind.

    Args:
        path: a folder.

    Raises:
        OutputError: nothing can be written there.
    """
    try:
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        handle, name = tempfile.mkstemp(prefix=".likeliest.", dir=nearest)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def require_file_name(path: Path) -> None:
    """Check that a file can be written to ``path``, as `require_writable` does.

    Raises:
        OutputError: it is a folder, or nothing can be written there.
    """
    if path.is_dir():
        raise OutputError(f"{path}: expected the name of a file to write, found a folder; add a name to it")
    require_writable(path.parent)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: expected a place that can be written to, found: {error.strerror}; choose another")
