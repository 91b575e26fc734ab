"""Many encoded pictures to `Pictures`, by several threads and in order; what cannot be read is left out and told."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from likeliest.data import threads
from likeliest.data.images.decoding import Decoded, UnreadableError, decode
from likeliest.data.images.pictures import Pictures
from likeliest.data.problems import LEFT_OUT, Problem, also_found, shortened
from likeliest.data.threads import Progress
from likeliest.errors import SourceError

Opener = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens an encoded picture at its beginning."""

MOST_UNREADABLE = 0.5
"""If a larger share of pictures cannot be read, or all of one class, the source is refused."""

MOST_STRETCHED = 8

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture still to be read: its name for messages, its label, whether it is set aside for testing, its bytes."""

    name: str
    label: str | None
    test: bool
    open: Opener

    @classmethod
    def file(cls, path: Path, name: str, label: str | None = None, test: bool = False) -> Self:
        """Return the picture in a file."""
        return cls(name, label, test, lambda: _open_file(path))


@dataclass(slots=True)
class Found:
    """What a source holds: pictures in its own order, and what was not as expected before any was opened."""

    place: str
    pictures: list[Encoded] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_all(found: Found, largest: int, progress: Progress | None = None) -> Pictures:
    """Decode all pictures of a source and shrink each at once, so that no more than a block is ever held in full.

    Raises:
        SourceError: there is no picture, or more than `MOST_UNREADABLE` of all, or all of one class, cannot be read.
    """
    if not found.pictures:
        raise SourceError(f"{found.place}: expected pictures, found none{also_found(found.problems)}")
    results = list(in_threads(lambda one: attempt(one, largest), found.pictures, progress))
    problems, kept = list(found.problems), []
    for one, result in zip(found.pictures, results, strict=True):
        if isinstance(result, Decoded):
            kept.append((one, result))
            problems += [Problem(one.name, reason, done) for reason, done in result.remarks]
        else:
            problems.append(Problem(one.name, result, LEFT_OUT))
    bad = [one for one, result in zip(found.pictures, results, strict=True) if not isinstance(result, Decoded)]
    _refuse_hopeless(found, bad, problems)
    problems += _strips([one.name for one, _ in kept], np.array([result.size for _, result in kept]))
    return Pictures.of(
        [result.pixels for _, result in kept],
        names=[one.name for one, _ in kept],
        labels=[one.label for one, _ in kept if one.label is not None] or None,
        sizes=np.array([result.size for _, result in kept], dtype=np.int64),
        test=[row for row, (one, _) in enumerate(kept) if one.test],
        problems=problems,
        largest=largest,
    )


def in_threads(work: Callable[[_In], _Out], items: Sequence[_In], progress: Progress | None = None) -> Iterator[_Out]:
    """Apply ``work`` to every item by several threads, in order, while Pillow keeps its warnings to itself."""
    with _quiet_pillow():
        yield from threads.in_threads(work, items, progress)


def _open_file(path: Path) -> IO[bytes]:
    if path.exists() and not path.is_file():
        raise UnreadableError("no ordinary file")  # a pipe would wait for ever
    return path.open("rb")


def attempt(one: Encoded, largest: int) -> Decoded | str:
    """Return the decoded picture, or the reason why there is none."""
    try:
        with one.open() as file:
            return decode(file, largest)
    except UnreadableError as error:
        return str(error)
    except PermissionError:
        return "no permission to read it"
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be opened ({error.strerror})"


def _strips(names: Sequence[str], sizes: NDArray[np.int64]) -> list[Problem]:
    """Name the pictures whose proportions are far from what is usual here: little of them is left in a common size."""
    ratio = np.log(sizes[:, 1] / sizes[:, 0])
    far = np.abs(ratio - np.median(ratio)) > np.log(MOST_STRETCHED)
    reason = f"over {MOST_STRETCHED} times longer or narrower than the others"
    return [Problem(names[int(row)], reason, "kept, as a strip") for row in np.flatnonzero(far)]


def _refuse_hopeless(found: Found, bad: Sequence[Encoded], problems: Sequence[Problem]) -> None:
    total, lost = Counter(one.label for one in found.pictures), Counter(one.label for one in bad)
    gone = [label for label, count in lost.items() if count == total[label]]
    if not gone and len(bad) <= MOST_UNREADABLE * len(found.pictures):
        return
    first = {one.name for one in bad if not gone or one.label == gone[0]}
    told = [problem for problem in problems if problem.name in first and problem.done == LEFT_OUT]
    reasons = "; ".join(f"{shortened(problem.name)}: {problem.reason}" for problem in told[:3])
    what = f"none of class {gone[0]!r}" if gone and gone[0] is not None else f"only {sum((total - lost).values()):,}"
    raise SourceError(
        f"{found.place}: expected pictures that can be read, found that {what} of {len(found.pictures):,} can "
        f"({reasons}); copy or export them again"
    )


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keep what Pillow warns of to ourselves: it is either refused here or harmless, such as odd EXIF."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
