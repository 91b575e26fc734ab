"""The first chapter of a report on pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from likeliest.data import Split
from likeliest.data.images import ImageEncoder, Pictures
from likeliest.randomness import stream
from likeliest.tasks.base import Examples
from likeliest.tasks.shots import png, strip

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
    exact = _copies(pictures, split)
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
        "pictures": _pictures(examples, split, encoder),
        "notes": [],
    }


def _classes(examples: Examples, split: Split) -> list[ClassCount]:
    names = examples.target.classes or ()
    train, validation, test = (np.bincount(examples.y[rows], minlength=len(names)).tolist() for rows in split)
    return [
        {"name": str(name), "train": train[k], "validation": validation[k], "test": test[k]}
        for k, name in enumerate(names)
    ]


def _pictures(examples: Examples, split: Split, encoder: ImageEncoder) -> PictureData:
    pictures: Pictures = examples.raw
    counts = Counter(f"{width} × {height}" for height, width in pictures.sizes.tolist()).most_common()
    near, compared = _near(examples, split, encoder)
    return {
        "height": encoder.height,
        "width": encoder.width,
        "channels": encoder.channels,
        "sizes": [{"size": size, "count": count} for size, count in counts[:_SIZES]],
        "other_sizes": sum(count for _, count in counts[_SIZES:]),
        "problems": _problems(pictures),
        "samples": _samples(examples, split, encoder),
        "near": near,
        "near_count": compared,
        "near_limit": 0.0,
    }


def _problems(pictures: Pictures) -> list[ProblemCount]:
    kinds: dict[tuple[str, str], list[str]] = {}
    for problem in pictures.problems:
        kinds.setdefault((problem.reason, problem.done), []).append(problem.name)
    return [
        {"reason": reason, "done": done, "count": len(names), "names": names[:_NAMES]}
        for (reason, done), names in kinds.items()
    ]


def _samples(examples: Examples, split: Split, encoder: ImageEncoder) -> list[Shot]:
    """A strip of training pictures for each class, drawn at random."""
    shots: list[Shot] = []
    for k, name in enumerate((examples.target.classes or ())[:_CLASSES]):
        rows = split.train[examples.y[split.train] == k]
        if len(rows):
            drawn = stream(0, "samples", k).permutation(rows)[:_SAMPLES]
            shots.append({"png": png(strip(list(encoder.encode(examples.raw.take(drawn))))), "lines": [str(name)]})
    return shots


def _copies(pictures: Pictures, split: Split) -> list[tuple[int, int]]:
    """Pairs of a held-out row and the first earlier one with the very same pixels."""
    digests, part = pictures.digests(), split.part_of_rows()
    first: dict[bytes, int] = {}
    pairs = []
    for row in np.concatenate(list(split)).tolist():
        earlier = first.setdefault(digests[row], row)
        if part[earlier] < part[row]:
            pairs.append((row, earlier))
    return pairs


def _near(examples: Examples, split: Split, encoder: ImageEncoder) -> tuple[list[NearPair], int]:
    return [], 0
