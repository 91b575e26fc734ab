"""The first chapter of a report on pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Split
from likeliest.data.images import ImageEncoder, NearDuplicates, Pictures, near_duplicates
from likeliest.data.images.neighbours import ALIKE
from likeliest.randomness import stream
from likeliest.tasks.base import Examples
from likeliest.tasks.shots import png, strip, tail

if TYPE_CHECKING:
    from likeliest.report.schema import ClassCount, Data, NearPair, PictureData, ProblemCount, Shot

_SIZES = 8
_CLASSES = 20
_SAMPLES = 12
_NAMES = 3
_PAIRS = 6


def glance(examples: Examples, split: Split, encoder: ImageEncoder) -> Data:
    """The pictures, their classes, the split, and copies across it."""
    pictures: Pictures = examples.raw
    x = encoder.encode(pictures)
    near = near_duplicates(x, split)
    exact = [(int(a), int(b)) for a, b in zip(near.rows[near.identical], near.twins[near.identical], strict=True)]
    dealt = "class by class; the test pictures are those that the source sets aside" if len(examples.aside) else ""
    left_out = sum(found.done == "left out" for found in pictures.problems)
    return {
        "name": examples.name,
        "source": examples.source,
        "rows": len(examples) + left_out,
        "rows_dropped": left_out,
        "columns": [],
        "left_out": [],
        "inputs": int(np.prod(encoder.shape)),
        "target": {
            "name": examples.target.name,
            "kind": "classes",
            "explanation": examples.target.explanation,
            "classes": _classes(examples, split),
            "histogram": None,
        },
        "split": {
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            "method": dealt or "at random, class by class",
        },
        "duplicates": {"count": len(exact), "examples": [[a + 1, b + 1] for a, b in exact[:5]]},
        "pictures": _pictures(examples, split, encoder, x, near),
        "notes": [],
    }


def _classes(examples: Examples, split: Split) -> list[ClassCount]:
    names = examples.target.classes or ()
    train, validation, test = (np.bincount(examples.y[rows], minlength=len(names)).tolist() for rows in split)
    return [
        {"name": str(name), "train": train[k], "validation": validation[k], "test": test[k]}
        for k, name in enumerate(names)
    ]


def _pictures(
    examples: Examples, split: Split, encoder: ImageEncoder, x: NDArray[np.uint8], near: NearDuplicates
) -> PictureData:
    pictures: Pictures = examples.raw
    counts = Counter(f"{width} × {height}" for height, width in pictures.sizes.tolist()).most_common()
    return {
        "height": encoder.height,
        "width": encoder.width,
        "channels": encoder.channels,
        "sizes": [{"size": size, "count": count} for size, count in counts[:_SIZES]],
        "other_sizes": sum(count for _, count in counts[_SIZES:]),
        "problems": _problems(pictures),
        "samples": _samples(examples, split, x),
        "near": _near(near, x, examples),
        "near_count": len(near),
        "near_limit": ALIKE,
    }


def _problems(pictures: Pictures) -> list[ProblemCount]:
    kinds: dict[tuple[str, str], list[str]] = {}
    for problem in pictures.problems:
        kinds.setdefault((problem.reason, problem.done), []).append(problem.name)
    return [
        {"reason": reason, "done": done, "count": len(names), "names": names[:_NAMES]}
        for (reason, done), names in kinds.items()
    ]


def _samples(examples: Examples, split: Split, x: NDArray[np.uint8]) -> list[Shot]:
    """A strip of training pictures for each class, drawn at random."""
    shots: list[Shot] = []
    for k, name in enumerate((examples.target.classes or ())[:_CLASSES]):
        rows = split.train[examples.y[split.train] == k]
        if len(rows):
            drawn = stream(0, "samples", k).permutation(rows)[:_SAMPLES]
            shots.append({"png": png(strip(list(x[drawn]))), "lines": [str(name)]})
    return shots


def _near(found: NearDuplicates, x: NDArray[np.uint8], examples: Examples) -> list[NearPair]:
    """The likest pairs whose bytes are not all equal first, then equal ones."""
    order = np.lexsort((found.rows, -found.likeness, found.identical))[:_PAIRS]

    def shot(row: int) -> Shot:
        name = str((examples.target.classes or ())[int(examples.y[row])])
        return {"png": png(x[row]), "lines": [name, tail(examples.raw.names[row])]}

    return [
        {
            "held_out": shot(int(found.rows[i])),
            "earlier": shot(int(found.twins[i])),
            "likeness": float(found.likeness[i]),
        }
        for i in order
    ]
