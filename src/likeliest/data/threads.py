"""Many files, several threads: the results come in the order of the files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Progress = Callable[[int, int], None]
"""Told how many items are done, of how many."""

_BLOCK = 64
_MOST_THREADS = 8
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_threads(
    work: Callable[[_In], _Out], items: Sequence[_In], progress: Progress | None = None, *, block: int = _BLOCK
) -> Iterator[_Out]:
    """Apply ``work`` to every item, in blocks and by several threads; the results come in the order of the items.

    Example:
        >>> list(in_threads(len, ["one", "three"]))
        [3, 5]
    """
    blocks = [items[start : start + block] for start in range(0, len(items), block)]
    done = 0
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as pool:
        try:
            for results in pool.map(lambda some: [work(item) for item in some], blocks):
                done += len(results)
                if progress is not None:
                    progress(done, len(items))
                yield from results
        finally:
            pool.shutdown(cancel_futures=True)  # an interruption does not wait for the blocks that have not begun
