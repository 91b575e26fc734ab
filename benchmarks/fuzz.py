"""Does NaN come out of any family where none went in?

    python benchmarks/fuzz.py [--cases 1000000] [--family gamma] [--seed 0]

Every family and link answers all that is on offer (log p, score, mean, curvatures, quantiles, …) at random cases. Each
number of η is ±inf, another end, of any magnitude down to subnormals, or moderate; y is anywhere in the support. The
table has the NaN of each question, in double and in single precision, and the first case. Exit code 1 if there are any.
Distribution functions and quantiles, some of which are found by search, are asked at the first 10,000 cases alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import likeliest as lk

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.exact.ends import by_chance, undefined

BATCH = 10_000
"""Cases at a time; all questions are asked of the first batch, all but the searches of the others."""
SEARCHES = ("cdf", "quantile")


def main(cases: int, family: str | None, seed: int) -> int:
    """Print the table; return how many answers were NaN."""
    torch.set_num_threads(1)
    total = 0
    print(f"{'family':<20}{'link':<10}{'dtype':<9}{'cases':>9}{'NaN':>9}{'seconds':>9}  where")
    for judged in lk.families():
        if family not in (None, judged.name):
            continue
        for dtype in (np.float64, np.float32):
            began, found, first = time.perf_counter(), Counter[str](), ""
            rng = np.random.default_rng(seed)
            for start in range(0, cases, BATCH):
                eta, y = by_chance(judged, min(BATCH, cases - start), rng)
                for question, count, case in undefined(judged, eta, y, dtype, SEARCHES if start else ()):
                    found[question] += count
                    first = first or f"; first {case}"
            total += found.total()
            where = ", ".join(f"{question} {count}" for question, count in found.items()) + first
            taken = time.perf_counter() - began
            name = f"{judged.name:<20}{judged.link:<10}{dtype.__name__:<9}"
            print(f"{name}{cases:>9}{found.total():>9}{taken:>9.1f}  {where or '-'}", flush=True)
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--family")
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(main(**vars(parser.parse_args())) > 0)
