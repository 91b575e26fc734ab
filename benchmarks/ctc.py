"""How long log p and score of CTC take, beside torch's loss, forward and backward, from its log-softmax.

    python benchmarks/ctc.py [--frames 200] [--labels 20] [--columns 32] [--batch 64] [--rounds 15]

All have two threads, run in turn, and give −Σ log p and its gradient in η; the table has medians, and the largest
difference of a gradient from the exact one, which is that of our recursion in double precision. The family is to take
at most 1.05 of the time of torch's loss. The exit code is 1 where it takes more, or where answers differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from _common import in_turn, print_ratios
from torch import Tensor

from likeliest.families.ctc import CTC, kernel, recursion

GOAL = 1.05
EQUAL = {torch.float32: 5e-3, torch.float64: 1e-9}
"""How far gradients may differ: in single precision log p itself, about −700, is known to 1e-4."""

Contender = Callable[[], tuple[Tensor, Tensor]]


def contenders(eta: Tensor, y: Tensor) -> dict[str, Contender]:
    """Each gives log p (n,) and the score, like η."""
    frames, labels = torch.full((len(y),), eta.shape[1]), torch.full((len(y),), y.shape[1])

    def loss() -> tuple[Tensor, Tensor]:
        leaf = eta.detach().requires_grad_()
        log_probs = leaf.log_softmax(-1).transpose(0, 1)
        each = torch.nn.functional.ctc_loss(log_probs, y, frames, labels, reduction="none")
        each.sum().backward()
        assert leaf.grad is not None
        return -each.detach(), -leaf.grad

    def own() -> tuple[Tensor, Tensor]:
        lp = kernel.log_probs(eta.double())
        log_prob, posteriors = recursion.log_prob_and_posteriors(lp, y)
        return log_prob, posteriors.sub_(lp.exp())

    return {"ctc family": lambda: CTC().log_prob_and_score(eta, y), "torch CTCLoss": loss, "our recursion, f64": own}


def main(frames: int, labels: int, columns: int, batch: int, rounds: int) -> int:
    """Print a table for each precision; return how often the goal was missed."""
    print(f"T = {frames}, U = {labels}, K = {columns}, batch {batch}, {torch.get_num_threads()} threads\n")
    missed = 0
    for dtype in (torch.float32, torch.float64):
        numbers = torch.Generator().manual_seed(0)
        eta = torch.randn(batch, frames, columns, generator=numbers, dtype=dtype)
        y = torch.randint(1, columns, (batch, labels), generator=numbers)
        all_of_them = contenders(eta, y)
        exact = all_of_them["our recursion, f64"]()[1]

        def timed(ask: Contender, exact: Tensor = exact) -> Callable[[], float]:
            return lambda: float((ask()[1] - exact).abs().max())

        print(str(dtype).removeprefix("torch."))
        seconds, off = in_turn({name: timed(ask) for name, ask in all_of_them.items()}, rounds)
        print_ratios(seconds, off, "ctc family", "worst difference")
        print()
        missed += seconds["ctc family"] > GOAL * seconds["torch CTCLoss"] or max(off.values()) > EQUAL[dtype]
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("frames", 200), ("labels", 20), ("columns", 32), ("batch", 64), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sys.exit(main(**vars(parser.parse_args())))
