"""What several pipelines are made of; each piece by itself uses no later row than it is given."""

from __future__ import annotations

import numpy as np
import polars as pl

from .cases import Floats

HORIZONS = (1, 5, 20)


def column(table: pl.DataFrame, name: str) -> Floats:
    """A column as floats, with NaN for null."""
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()


def change(values: Floats, days: int = 1) -> Floats:
    """Returns log x_t − log x_{t − days}, with NaN for the first days."""
    out = np.full(len(values), np.nan)
    out[days:] = np.log(values[days:] / values[:-days])
    return out


def forward(values: Floats, days: int = 1) -> Floats:
    """The label of row t, log x_{t + days} − log x_t, which is known at the close of t + days."""
    out = np.full(len(values), np.nan)
    out[:-days] = np.log(values[days:] / values[:-days])
    return out


def momenta(table: pl.DataFrame) -> Floats:
    """The log-returns over the last 1, 5 and 20 days, as (n, 3)."""
    close = column(table, "close")
    return np.column_stack([change(close, days) for days in HORIZONS])


def walk_forward(X: Floats, y: Floats, gap: int, first: int = 120, every: int = 10) -> Floats:
    """Ridge predictions for the rows from ``first`` on; the refit at row t is trained on the rows before t − gap."""
    out = np.full(len(X), np.nan)
    for start in range(first, len(X), every):
        known = slice(0, start - gap)
        rows = np.flatnonzero(np.isfinite(y[known]) & np.isfinite(X[known]).all(axis=1))
        middle = X[rows].mean(axis=0)
        A, b = X[rows] - middle, y[rows] - y[rows].mean()
        weights = np.linalg.solve(A.T @ A + 1e-3 * np.eye(X.shape[1]), A.T @ b)
        for row in range(start, min(start + every, len(X))):  # one by one: a product of many rows rounds otherwise
            out[row] = (X[row] - middle) @ weights + y[rows].mean()
    return out
