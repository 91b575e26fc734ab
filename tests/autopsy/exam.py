"""What `likeliest.fit` says of planted failures, beside what was planted.

    python tests/autopsy/exam.py [--held-out] [name …]

prints one line a case: the hits of layer, phase, rows and cause, whether the θ returned is usable, and what was said.
"""

import argparse
import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import likeliest as lk
from likeliest.randomness import stream


@dataclass(frozen=True)
class Hits:
    """What an autopsy got right of one failure."""

    layer: bool
    phase: bool
    rows: bool
    cause: bool
    usable: bool

    @property
    def all(self) -> bool:
        return self.layer and self.phase and self.rows and self.cause and self.usable


def examined(case) -> tuple[Hits, lk.Fit]:
    """Fit a planted failure and compare what is said of it with the truth."""
    arguments = case.make()
    found = lk.fit(**arguments)
    autopsy = found.autopsy
    usable = is_usable(arguments, found.theta, case.rows or frozenset())
    if autopsy is None:
        return Hits(False, False, False, False, usable), found
    rows = frozenset(autopsy.rows)
    right_rows = not rows if case.rows is None else bool(rows) and rows <= case.rows
    hits = Hits(
        autopsy.layer in case.layers, autopsy.phase in case.phases, right_rows, autopsy.cause == case.cause, usable
    )
    return hits, found


def is_usable(arguments, theta: Tensor, poisoned: frozenset[int]) -> bool:
    """Whether θ is finite, and its value on the rows that are not poisoned finite and not above the start's."""
    objective = arguments["objective"]
    start = arguments.get("theta")
    if start is None:
        start = objective.predictor.init([stream(arguments.get("seed", 0), "init")], objective.dtype)[0]
    rows = torch.tensor([row for row in range(objective.n) if row not in poisoned])
    before, after = value_of(objective, start, rows), value_of(objective, theta, rows)
    if not bool(torch.isfinite(theta).all()) or not torch.isfinite(after):
        return False
    return not bool(torch.isfinite(before)) or bool(after <= before)


def value_of(objective: lk.Objective, theta: Tensor, rows: Tensor) -> Tensor:
    """The mean of −log p in evaluation, weighted, plus the penalty: by hand, for the data may be of no use."""
    with torch.no_grad():
        block = objective.evaluate(theta.clone(), rows, len(rows))
        values = -objective.family.log_prob(block.eta, block.y).double()
    if objective.weight is not None:
        values = values * objective.weight[rows]
    penalty = 0.0 if objective.penalty is None else 0.5 * (theta.double().square() * objective.penalty).sum()
    return values.mean() + penalty


def cases_of(held_out: bool):
    """The failures to develop against, or those that are not run until the end."""
    if held_out:
        return importlib.import_module("autopsy.held_out_cases").CASES
    names = ("parameters", "data", "losses", "modules")
    modules = (importlib.import_module(f"autopsy.planted.{name}") for name in names)
    return tuple(case for module in modules for case in module.CASES)


def main(held_out: bool, names: list[str]) -> None:
    """Print a line a case, then the totals."""
    cases = [case for case in cases_of(held_out) if not names or case.name in names]
    all_hits = []
    print(f"{'case':18} layer phase rows cause usable  seconds  said")
    for case in cases:
        began = time.perf_counter()
        hits, found = examined(case)
        seconds = time.perf_counter() - began
        marks = "".join(f"{'yes' if hit else 'NO':>6}" for hit in (hits.layer, hits.phase, hits.rows, hits.cause))
        print(f"{case.name:18}{marks} {'yes' if hits.usable else 'NO':>5} {seconds:8.2f}  {found.autopsy}", flush=True)
        all_hits.append(hits)
    placed = sum(hits.layer and hits.phase and hits.rows and hits.cause for hits in all_hits)
    usable = sum(hits.usable for hits in all_hits)
    print(f"{placed} of {len(cases)} with the right layer, phase, rows and cause; {usable} usable")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    main(options.held_out, options.names)
