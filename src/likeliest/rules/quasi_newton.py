"""L-BFGS: Newton's method with the curvature read off the last few gradients.

    s = θ′ − θ,  y = g′ − g,  ρ = 1 / ⟨s, y⟩             what a step taught about the curvature
    d = −H g  by the two-loop recursion over the last pairs   (H y = s for the latest of them)
    θ ← θ + t d,  t by a strong Wolfe line search             (so that ⟨s, y⟩ > 0 and H stays positive definite)

Runs in lockstep share every evaluation: each trial moves all of them at once, each to the step length that its own
search asks for.

Source: Nocedal & Wright (2006), Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5; Liu & Nocedal (1989), On
the limited memory BFGS method for large scale optimization.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from likeliest.interfaces import Local, Need, Predictor, State
from likeliest.rules.base import Rule, dot
from likeliest.rules.hyperparameters import check_count
from likeliest.rules.line_search import Found, Search, strong_wolfe


class Pair(NamedTuple):
    """One step s, the change y of the gradient over it, and ρ = 1/⟨s, y⟩; ρ = 0 switches the pair off for a run."""

    s: Tensor
    y: Tensor
    rho: Tensor


@dataclass(frozen=True)
class LBFGS(Rule):
    """θ ← θ − t H g, with H from the last ``memory`` steps and t by a strong Wolfe line search.

    Args:
        memory: number of pairs kept; each costs two vectors like θ.

    Raises:
        SpecificationError: memory is no whole number of at least 1.

    Source: Liu & Nocedal (1989); Nocedal & Wright (2006), algorithm 7.5.

    Example:
        >>> LBFGS(memory=10).needs == {Need.VALUE, Need.GRAD}
        True
    """

    memory: int = 20

    name = "lbfgs"
    needs = frozenset({Need.VALUE, Need.GRAD})
    full_batch = True
    formula = "θ ← θ − t·H·g,  H from the last m pairs (θ′ − θ, g′ − g),  t by strong Wolfe"
    source = "Liu & Nocedal (1989); Nocedal & Wright (2006), algorithm 7.5"

    def __post_init__(self) -> None:
        check_count(self.name, "memory", self.memory)

    def init(self, theta: Tensor, predictor: Predictor) -> State:
        """Return a state without pairs; ``scale`` is ⟨s, y⟩/⟨y, y⟩ of the latest pair, 0 for a run that has none."""
        scale = theta.new_zeros(*theta.shape[:-1], 1)
        return State(memory={"pairs": deque(maxlen=self.memory), "scale": scale, "theta": None, "grad": None})

    def step(self, local: Local, state: State) -> Tensor:
        """Return θ + t d; a run whose search finds nothing stays, and starts from steepest descent next time."""
        memory, grad = state.memory, local.grad.clone()
        if memory["theta"] is not None:
            _learn(memory, local.theta - memory["theta"], grad - memory["grad"])
        memory["theta"], memory["grad"] = local.theta.clone(), grad
        direction, slope = _downhill(grad, memory["pairs"], memory["scale"])
        found, state.arrived = _search(local, direction, slope)
        _judge(found, memory, state)
        if state.arrived is not None:
            return state.arrived.theta
        return local.theta + _per_run([end.t for end in found], slope) * direction


def _learn(memory: dict[str, Any], s: Tensor, y: Tensor) -> None:
    """Keep the pair (s, y), switched off for runs where ⟨s, y⟩ is not safely positive: H would lose definiteness."""
    sy, yy = dot(s, y), dot(y, y)
    valid = sy > torch.finfo(s.dtype).eps * (dot(s, s) * yy).sqrt()
    memory["pairs"].append(Pair(s, y, torch.where(valid, 1 / sy, 0.0)))
    memory["scale"] = torch.where(valid, sy / yy, memory["scale"])


def _downhill(grad: Tensor, pairs: Sequence[Pair], scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return d = −H g by the two loops, and its slope ⟨g, d⟩; d = 0 for a run where that is not negative.

    Without pairs H = 1/‖g‖: the first trial has length one.
    """
    d, alphas = -grad, []
    for s, y, rho in reversed(pairs):
        alphas.append(rho * dot(s, d))
        d = d - alphas[-1] * y
    d = d * torch.where(scale > 0, scale, 1 / torch.linalg.vector_norm(grad, dim=-1, keepdim=True))
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        d = d + s * (alpha - rho * dot(y, d))
    slope = dot(grad, d)
    return torch.where(slope < 0, d, 0.0), slope


def _search(local: Local, direction: Tensor, slope: Tensor) -> tuple[list[Found], Local | None]:
    """Search all runs at once; also return the view at θ + t d, where the last trial was there."""
    eps = torch.finfo(direction.dtype).eps
    starts = zip(local.value.reshape(-1).tolist(), slope.reshape(-1).tolist(), strict=True)
    searches = [strong_wolfe(value, m, noise=4 * eps * (1 + abs(value))) for value, m in starts]
    asked = [_advance(search, None) for search in searches]
    view, lengths = local, [0.0] * len(asked)
    while any(isinstance(ask, float) for ask in asked):
        lengths = [ask if isinstance(ask, float) else ask.t for ask in asked]
        view = local.moved(local.theta + _per_run(lengths, slope) * direction)
        # The gradient first: it brings the value along in the same pass.
        slopes = dot(view.grad, direction).reshape(-1).tolist()
        answers = zip(view.value.reshape(-1).tolist(), slopes, strict=True)
        asked = [
            _advance(search, answer) if isinstance(ask, float) else ask
            for search, ask, answer in zip(searches, asked, answers, strict=True)
        ]
    found = [ask for ask in asked if isinstance(ask, Found)]
    return found, view if lengths == [end.t for end in found] else None


def _advance(search: Search, answer: tuple[float, float] | None) -> float | Found:
    """The next step length that a search asks for, or what it found."""
    try:
        return search.send(answer) if answer is not None else next(search)
    except StopIteration as end:
        found: Found = end.value
        return found


def _judge(found: Sequence[Found], memory: dict[str, Any], state: State) -> None:
    """Make runs that stayed forget their pairs; report where every run that is not stationary stayed without any."""
    stayed = _per_run([end.t for end in found], memory["scale"]) == 0
    fresh, stationary = memory["scale"] == 0, (memory["grad"] == 0).all(-1, keepdim=True)
    if bool((stayed & (fresh | stationary)).all()) and not bool(stationary.all()):
        state.outcome = f"line search failed: {next(end.failure for end in found if end.failure)}"
    stale = stayed & ~fresh
    if bool(stale.any()):
        for _ in range(len(memory["pairs"])):
            s, y, rho = memory["pairs"].popleft()
            memory["pairs"].append(Pair(s, y, torch.where(stale, 0.0, rho)))
        memory["scale"] = torch.where(stale, 0.0, memory["scale"])


def _per_run(numbers: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).reshape(like.shape)
