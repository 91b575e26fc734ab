"""Pictures to be predicted, block by block: however many there are, no more than a block is held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from likeliest.data.batch import Batch, sorted_out
from likeliest.data.images.decoding import Decoded
from likeliest.data.images.idx import idx_parts, is_idx
from likeliest.data.images.pictures import LARGEST, Pictures
from likeliest.data.images.reading import Encoded, attempt, in_threads
from likeliest.data.images.source import ARRAYS, find_encoded, is_catalogued, read_pictures
from likeliest.data.problems import also_found
from likeliest.errors import SourceError

BLOCK = 1024


def picture_blocks(source: str | Path, *, largest: int = LARGEST, block: int = BLOCK) -> Iterator[Batch]:
    """Yield the pictures of a source, which need no labels; what cannot be read is named and never stops the rest.

    Args:
        source: as `read_pictures` takes it; arrays and named sets are read whole and then cut.
        largest: pictures whose longer side has more pixels are shrunk to it.
        block: pictures to a block.

    Raises:
        SourceError: there is nothing that could be a picture.
    """
    path = Path(source)
    if _whole(path, source):
        whole = read_pictures(source, labelled=False, largest=largest)
        for start in range(0, len(whole), block):
            part = whole.take(np.arange(start, min(start + block, len(whole))))
            yield Batch(part, len(whole), part.names)
        return
    found = find_encoded(path, None, False)
    if not found.pictures:
        raise SourceError(f"{path}: expected pictures, found none{also_found(found.problems)}")
    for start in range(0, len(found.pictures), block):
        yield _read(found.pictures[start : start + block], largest, len(found.pictures))


def _read(pictures: list[Encoded], largest: int, of: int) -> Batch:
    names = tuple(one.name for one in pictures)
    kept, unreadable = sorted_out(names, list(in_threads(lambda one: attempt(one, largest), pictures)), Decoded)
    sizes = np.array([result.size for _, result in kept], dtype=np.int64).reshape(-1, 2)
    read = Pictures.of(
        [result.pixels for _, result in kept], names=[name for name, _ in kept], sizes=sizes, largest=largest
    )
    return Batch(read, of, names, unreadable)


def _whole(path: Path, source: str | Path) -> bool:
    """Whether a source is read as one: by its name, or as arrays."""
    if not path.exists() and is_catalogued(source):
        return True
    return path.suffix.lower() in ARRAYS or bool(idx_parts(path) if path.is_dir() else is_idx(path))
