"""Small pictures that are quickly told apart: crosses, discs and squares in noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHAPES = ("cross", "disc", "square")


def shape(name: str, draws: np.random.Generator, side: int = 12) -> NDArray[np.uint8]:
    """One grey picture (side, side)."""
    down, across = np.mgrid[:side, :side] - draws.uniform(side / 3, 2 * side / 3, (2, 1, 1))
    reach = draws.uniform(0.18, 0.28) * side
    inside = {
        "cross": (np.minimum(abs(down), abs(across)) < 0.9) & (np.maximum(abs(down), abs(across)) < reach),
        "disc": down**2 + across**2 < reach**2,
        "square": np.maximum(abs(down), abs(across)) < 0.85 * reach,
    }[name]
    return np.clip(40 + 150 * inside + draws.normal(0, 20, inside.shape), 0, 255).astype(np.uint8)


def write_shapes(folder: Path, count: int, seed: int = 0, side: int = 12) -> None:
    """Write so many pictures of each shape as PNG files, a folder each."""
    draws = np.random.default_rng(seed)
    for name in SHAPES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.fromarray(shape(name, draws, side)).save(folder / name / f"{i:03}.png")
