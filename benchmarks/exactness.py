"""How far are log p and score from exact, at worst, ours and others'?

    python benchmarks/exactness.py [--chance 300] [--family bernoulli] [--seed 0]

One line for each family, link, precision and contender: the worst error of log p and of the score, in ulps of the exact
value and in units of the bound that tests/exact/judge.py states (1 or less is exact as far as η is known). The judge is
mpmath. All get the same points: ordinary ones, tails, extreme scales and counts, and some by chance, |η| to 10⁴. NaN
counts as inf. scipy has no score and no single precision. Where a value crosses 0, ulps of it say little: the last
digits of η move it further, and the bound says so. Exit code 1 if ours is not exact.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from _densities import Results, of_classes, peers

import likeliest as lk

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.exact.judge import Error, errors, own
from tests.exact.points import Point, points


def whole(family: lk.families.Family, given: list[Point]) -> list[Point]:
    """The points without shares of trials, which not all others take."""
    return [(eta, y) for eta, y in given if family.name != "bernoulli" or y[0] in (0.0, 1.0)]


def results(family: lk.families.Family, given: list[Point], dtype: type) -> dict[str, Results]:
    """What every contender says at the points."""
    said = {"likeliest": own(family, given, dtype)}
    if family.name == "categorical":
        return said | of_classes([eta for eta, _ in given], [int(label) for _, (label,) in given], dtype)
    eta, y = (np.array(part, dtype) for part in zip(*given, strict=True))
    y = y if y.shape[1] > 1 else y[:, 0]
    asked = {name: peer for name, peer in peers(family).items() if dtype == np.float64 or "scipy" not in name}
    return said | {name: peer(eta, y) for name, peer in asked.items()}


def line(found: list[Error]) -> str:
    """The worst of some errors, in ulps and in bounds."""
    if not found:
        return f"{'-':>10}{'-':>10}"
    return "".join(f"{max(getattr(error, unit) for error in found):>10.3g}" for unit in ("ulps", "ratio"))


def main(chance: int, family: str | None, seed: int) -> int:
    """Print the table; return how many of ours are not exact."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    missed = 0
    print(f"{'family, link, precision, points':<40}{'log p, ulp':>10}{'bounds':>10}{'score, ulp':>12}{'bounds':>8}")
    for judged in lk.families():
        if family not in (None, judged.name) or judged.event_dims > 1:
            continue
        for dtype, short in ((np.float64, "f64"), (np.float32, "f32")):
            given = whole(judged, points(judged, dtype, chance, seed))
            print(f"{judged.name}, {judged.link}, {short}, {len(given)}")
            with np.errstate(all="ignore"):
                said = results(judged, given, dtype)
            for name, answers in said.items():
                found = list(errors(judged, given, dtype, answers))
                halves = ([error for error in found if error.what.startswith(what)] for what in ("log_prob", "score"))
                print(f"    {name:<36}" + "".join(map(line, halves)), flush=True)
                missed += name == "likeliest" and not all(error.ratio <= 1 for error in found)
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chance", type=int, default=300)
    parser.add_argument("--family")
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(main(**vars(parser.parse_args())) > 0)
