"""Pictures written out as a folder of PNGs teach a net the same θ, byte for byte, as the files they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import likeliest as lk
from likeliest.data import ImageEncoder, Pictures, Target, catalogue, read_pictures, split, write_folder
from likeliest.data.images import pictures_of_arrays

ROWS = 6_000


def learnt(pictures: Pictures) -> tuple[bytes, ...]:
    """Return x, y, the split and θ after two passes, as bytes."""
    ordered = pictures.in_canonical_order()
    target = Target.learn(pl.Series("class", ordered.labels))
    y = target.encode(pl.Series(ordered.labels))
    parts = split(len(y), y=y, stratify=True, seed=3)
    encoder = ImageEncoder.learn(ordered, parts.train)
    x = encoder.encode(ordered)
    flat = torch.from_numpy(x[parts.train].reshape(len(parts.train), -1)).float() / 255
    net = lk.MLP((flat.shape[1], 16, 10))
    objective = lk.Objective(lk.family("categorical"), net, flat, torch.from_numpy(y[parts.train]))
    fitted = lk.fit(objective, lk.rule("adam", lr=1e-3), batch_size=128, budget=2, seed=1)
    theta = fitted.theta.numpy().tobytes()
    return x.tobytes(), y.tobytes(), *(rows.tobytes() for rows in parts), repr(encoder).encode(), theta


@pytest.fixture(scope="module")
def idx() -> Pictures:
    entry = catalogue("images")[0]
    if entry.folder is None:
        pytest.skip(f"needs {entry.name}; get it with: {entry.how_to_get}")
    return read_pictures(entry.folder).take(np.arange(ROWS))


def test_a_folder_of_pngs_teaches_the_same_as_idx_files(idx: Pictures, tmp_path: Path) -> None:
    write_folder(idx, tmp_path)
    assert len(list(tmp_path.glob("*/*.png"))) == ROWS
    assert learnt(read_pictures(tmp_path)) == learnt(idx)


def test_another_order_teaches_the_same_and_other_pictures_something_else(idx: Pictures) -> None:
    x, labels = np.array(idx.pixels[:600]), (idx.labels or ())[:600]
    theta = learnt(pictures_of_arrays(x, labels))[-1]
    assert learnt(pictures_of_arrays(x[::-1], labels[::-1]))[-1] == theta
    x[7, 14, 14] ^= 255
    assert learnt(pictures_of_arrays(x, labels))[-1] != theta
