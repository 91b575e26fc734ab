"""`Local`: a lazy view of the objective at one θ on one batch, and the sums over blocks that it caches.

Each derivative is one short function of a `Block`; every sum over rows goes through `sum_over_blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError
from likeliest.families.base import Entries, Family, lower_triangle, single
from likeliest.interfaces import Draw, Eta, Need, Signal
from likeliest.predictors import Predictor, columns_of
from likeliest.randomness import stream

if TYPE_CHECKING:
    from likeliest.objective import Objective

Places: TypeAlias = "slice | Tensor"
"""Where in θ some parameters lie."""
FORWARD, PULLBACK, PUSHFORWARD = 1 / 3, 2 / 3, 2 / 3
"""Cost per row in row-gradients: a gradient is a forward and a pullback, which costs twice as much."""


class Meter:
    """Counts work in row-gradient evaluations: rows times what was evaluated on them."""

    __slots__ = ("work",)

    def __init__(self) -> None:
        self.work = 0.0


class Block:
    """One block of rows at one θ: the data, η, the tape, and the weight of each row per unit of weight.

    ``event`` is the number of trailing axes of η that belong to one row. The Jacobian is kept once it has been asked
    for: a curvature wants it, and a gradient at the same θ then has it for little.
    """

    __slots__ = ("eta", "event", "jacobian", "rows", "scale", "tape", "theta", "y")

    def __init__(
        self, theta: Tensor, eta: Eta, tape: Any, y: Tensor, scale: float | Tensor, rows: int, event: int = 1
    ) -> None:
        self.theta, self.eta, self.tape, self.y, self.scale, self.rows = theta, eta, tape, y, scale, rows
        self.event = event
        self.jacobian: list[tuple[Tensor, Places]] | None = None

    def weigh(self, u: Eta, sign: float = 1.0) -> Eta:
        """Multiply each row of u, which may be overwritten, by its weight; constant columns are spread over rows."""
        scale = self.scale * sign
        if isinstance(u, tuple):
            return tuple((column * scale).expand(*column.shape[:-1], self.rows) for column in u)
        if isinstance(scale, Tensor):
            for _ in range(self.event):
                scale = scale.unsqueeze(-1)
        return u.mul_(scale)


def sum_over_blocks(blocks: Iterator[Block], term: Callable[[Block], Tensor]) -> Tensor:
    """Σ of a term over blocks, added in order, in double precision: the one pass over the data."""
    total = term(next(blocks)).double().clone()
    for block in blocks:
        total.add_(term(block))
    return total


def nll(family: Family, block: Block) -> Tensor:
    """−Σ w log p(y | η): (…)."""
    return weighted_nll(family.log_prob(block.eta, block.y), block)


def weighted_nll(log_prob: Tensor, block: Block) -> Tensor:
    """−Σ w log p: (…)."""
    return -(log_prob.double() * block.scale).sum(-1)


def fisher_times(family: Family, block: Block, v: Eta) -> Eta:
    """F v of each row: the Fisher information of one trial as often as the row has trials."""
    product, trials = family.fisher_times(block.eta, v), family.trials(block.y)
    return product if trials is None else single(product) * trials.unsqueeze(-1)


def fisher(family: Family, block: Block) -> Entries:
    """F of each row, entry by entry."""
    entries, trials = family.fisher_entries(block.eta), family.trials(block.y)
    return entries if trials is None else {at: entry * trials for at, entry in entries.items()}


def pulled_back(predictor: Predictor, block: Block, u: Eta, out: Tensor) -> Tensor:
    """Jᵀu for a weighted u: (…, P); by the Jacobian itself where the block has it."""
    if block.jacobian is None:
        predictor.pullback(block.theta, block.tape, u, out)
        return out
    out.zero_()
    for column, (matrix, at) in zip(columns_of(u), block.jacobian, strict=True):
        out[..., at] += _weighted_sum(column, matrix).squeeze(-2)
    return out


def curvature_gram(predictor: Predictor, block: Block, curvature: Entries) -> Tensor:
    """Σ w Jᵀ C J for a curvature C in η, given entry by entry: (…, P, P)."""
    if block.jacobian is None:
        found = predictor.jacobian(block.theta, block.tape)
        block.jacobian = [(matrix, _places(index)) for matrix, index in found]
    lead = block.theta.shape[:-1]
    total = block.theta.new_zeros(*lead, predictor.size, predictor.size)
    for (i, k), entry in curvature.items():
        (left, at), (right, to) = block.jacobian[i], block.jacobian[k]
        gram = _weighted_product(left, entry * block.scale, right, block.rows)
        _add(total, at, to, gram)
        if i != k:
            _add(total, to, at, gram.mT)
    return total


def _places(index: Tensor) -> Places:
    """The same places (q,) as a slice where they lie at equal steps, for a slice is a view and takes no copy."""
    places = index.tolist()
    first, second = (*places, 0, 1)[:2]
    step = max(second - first, 1) if len(places) > 1 else 1
    evenly = slice(first, first + step * len(places), step)
    return evenly if places == list(range(evenly.start, evenly.stop, step)) else index


def _add(total: Tensor, at: Places, to: Places, gram: Tensor) -> None:
    """Add to the rows and columns of a matrix (…, P, P)."""
    if isinstance(at, Tensor) and isinstance(to, Tensor):
        at = at[:, None]
    total[..., at, to] += gram


def _weighted_product(left: Tensor, weight: Tensor, right: Tensor, rows: int) -> Tensor:
    """Σ w leftᵀ right over rows; each of them (…, n, q), or (…, 1, q) where all rows have the same, and w likewise."""
    if left.shape[-2] == 1 and right.shape[-2] == 1:
        total = weight.sum(-1) if weight.shape[-1] == rows else weight[..., 0] * rows
        return left.mT * total[..., None, None] * right
    if left.shape[-2] == 1:
        return left.mT * _weighted_sum(weight, right)
    if right.shape[-2] == 1:
        return _weighted_sum(weight, left).mT * right
    if weight.shape[-1] == 1:
        return torch.matmul(left.mT, right) * weight[..., None]
    return torch.matmul((left * weight[..., None]).mT, right)


def _weighted_sum(weight: Tensor, values: Tensor) -> Tensor:
    """Σ w v over rows, (…, 1, q); one of the two may be the same in all rows and stand once."""
    if weight.shape[-1] == 1:
        return values.sum(-2, keepdim=True) * weight[..., None]
    if values.shape[-2] == 1:
        return weight.sum(-1)[..., None, None] * values
    return torch.matmul(weight[..., None, :], values)


def gram_cost(widths: Sequence[int]) -> float:
    """Cost per row, in row-gradients, of Σ Jᵀ C J when column k of η depends on widths[k] parameters.

    The products of two columns take 2 q_i q_k operations a row; a gradient takes 4 Σ q_k.
    """
    total = sum(widths)
    squares = sum(q * q for q in widths)
    return (total * total + squares) / (4 * total)


class Local:
    """A lazy view of the objective at one θ on one batch; see `likeliest.interfaces.Local` for the contract.

    ``grad`` lives in a buffer that the objective's next view overwrites: a rule that keeps it clones it.
    """

    __slots__ = (
        *("_block", "_draw", "_fisher", "_grad", "_meter", "_needs", "_score", "_value"),
        *("family", "objective", "rows", "theta"),
    )

    def __init__(
        self,
        objective: Objective,
        theta: Tensor,
        rows: Tensor | None,
        needs: frozenset[Need],
        meter: Meter | None,
        draw: Draw | None = None,
        block: Block | None = None,
    ) -> None:
        self.objective, self.rows, self._draw = objective, rows, draw
        self.theta = theta.detach() if theta.requires_grad else theta
        self.family = objective.family
        self._needs, self._meter = needs, meter
        self._block = block
        self._value: Tensor | None = None
        self._grad: Tensor | None = None
        self._score: Eta | None = None
        self._fisher: Tensor | None = None

    @property
    def n(self) -> int:
        """Number of rows in the batch."""
        return self.objective.n if self.rows is None else self.rows.shape[0]

    def _sum(self, cost: float, term: Callable[[Block], Tensor]) -> Tensor:
        """Σ of a term over the batch; a batch of one block keeps it for the next sum."""
        objective, n, block = self.objective, self.n, self._block
        if self._meter is not None:
            self._meter.work += n * (cost + (0.0 if block is not None else FORWARD))
        if block is not None:
            return term(block)
        theta = self.theta if self.theta.dtype == objective.dtype else self.theta.to(objective.dtype)
        if n > objective.at_once(self._draw):
            return sum_over_blocks(objective.blocks(theta, self.rows, self._draw), term)
        self._block = objective.evaluate(theta, slice(None) if self.rows is None else self.rows, n, self._draw)
        return term(self._block)

    def _penalised(self, out: Tensor, v: Tensor) -> Tensor:
        penalty = self.objective.penalty
        return out if penalty is None else out.addcmul_(v, penalty.to(out.dtype))

    @property
    def value(self) -> Tensor:
        """Mean NLL + penalty, in double precision: (…)."""
        if self._value is None:
            self._value = self._sum(0.0, self._nll) + self._penalty_value()
        return self._value

    def _nll(self, b: Block) -> Tensor:
        """−Σ w log p of a block; where a gradient will be wanted too, the score, which shares most of it, is kept."""
        if b is not self._block or not self._needs >= {Need.VALUE, Need.GRAD}:
            return nll(self.family, b)
        log_prob, self._score = self.family.log_prob_and_score(b.eta, b.y)
        return weighted_nll(log_prob, b)

    def _penalty_value(self) -> Tensor | float:
        penalty = self.objective.penalty
        return 0.0 if penalty is None else 0.5 * (self.theta.double().square() * penalty).sum(-1)

    @property
    def grad(self) -> Tensor:
        """−Jᵀ(score) + penalty′: (…, P), valid until the next view of this objective writes its own."""
        if self._grad is None:
            both = Need.VALUE in self._needs and self._value is None
            self._grad = self._value_and_grad() if both else self._grad_alone()
        return self._grad

    def _grad_alone(self) -> Tensor:
        total = self._sum(PULLBACK, lambda b: self._pulled_score(b, self._score_of(b)))
        return self._penalised(total.to(self.theta.dtype), self.theta)

    def _score_of(self, b: Block) -> Eta:
        """The score of a block, which the caller may overwrite: the one that the value left, if it did."""
        kept, self._score = self._score, None
        return self.family.score(b.eta, b.y) if kept is None else kept

    def _pulled_score(self, b: Block, score: Eta) -> Tensor:
        return pulled_back(self.objective.predictor, b, b.weigh(score, -1.0), self.objective.gradient_buffer(b.theta))

    def _value_and_grad(self) -> Tensor:
        """The gradient, and the value with it: in one pass over the blocks, where there are several."""
        if self.n <= self.objective.at_once(self._draw):
            self._value = self.value
            return self._grad_alone()

        def term(b: Block) -> Tensor:
            log_prob, score = self.family.log_prob_and_score(b.eta, b.y)
            return torch.cat((weighted_nll(log_prob, b)[..., None], self._pulled_score(b, score).double()), -1)

        both = self._sum(PULLBACK, term)
        self._value = both[..., 0] + self._penalty_value()
        grad = self.objective.gradient_buffer(self.theta).copy_(both[..., 1:])
        return self._penalised(grad, self.theta)

    def pullback(self, signal: Signal) -> Tensor:
        """Weighted mean over rows of Jᵀ signal(η, y): (…, P). A function and not a tensor: the rows come in blocks."""
        predictor = self.objective.predictor

        def term(b: Block) -> Tensor:
            return pulled_back(predictor, b, b.weigh(signal(b.eta, b.y)), torch.empty_like(b.theta))

        return self._sum(PULLBACK, term).to(self.theta.dtype)

    def _curvature_product(self, v: Tensor, times: Callable[[Block, Eta], Eta]) -> Tensor:
        predictor = self.objective.predictor

        def term(b: Block) -> Tensor:
            pushed = predictor.pushforward(b.theta, b.tape, v.to(b.theta.dtype))
            return pulled_back(predictor, b, b.weigh(times(b, pushed)), torch.empty_like(b.theta))

        return self._penalised(self._sum(PULLBACK + PUSHFORWARD, term).to(v.dtype), v)

    def fisher(self, v: Tensor) -> Tensor:
        """Jᵀ F J v + penalty″ v, F the family's Fisher information in η: (…, P)."""
        return self._curvature_product(v, lambda b, pushed: fisher_times(self.family, b, pushed))

    def hessian(self, v: Tensor) -> Tensor:
        """The exact Hessian times v: (…, P)."""
        self._require(Need.HESSIAN)
        return self._curvature_product(v, lambda b, pushed: self.family.observed_times(b.eta, b.y, pushed))

    def fisher_matrix(self) -> Tensor:
        """Jᵀ F J + penalty″ as a matrix (…, P, P), for few parameters; a gradient asked for later takes its J."""
        if self._fisher is None:
            self._fisher = self._curvature_matrix(lambda b: fisher(self.family, b))
        return self._fisher

    def hessian_matrix(self) -> Tensor:
        """The exact Hessian as a matrix (…, P, P), for few parameters."""
        self._require(Need.HESSIAN)
        return self._curvature_matrix(lambda b: lower_triangle(self.family.observed(b.eta, b.y)))

    def _curvature_matrix(self, curvature: Callable[[Block], Entries]) -> Tensor:
        predictor, penalty = self.objective.predictor, self.objective.penalty
        total = self._sum(gram_cost(predictor.jacobian_widths), lambda b: curvature_gram(predictor, b, curvature(b)))
        if penalty is not None:
            total.diagonal(dim1=-2, dim2=-1).add_(penalty)
        return total.to(self.theta.dtype)

    def _require(self, need: Need) -> None:
        if need not in self.objective.offers:
            name = type(self.objective.predictor).__name__
            raise NotOnOfferError(f"no exact {need} for {name}, which is not linear in θ; use the Fisher information")

    @property
    def gauge(self) -> Tensor | None:
        """See `Objective.gauge`."""
        gauge = self.objective.gauge
        return None if gauge is None else gauge.to(self.theta)

    def moved(self, theta: Tensor) -> Local:
        """The same batch at another θ."""
        return Local(self.objective, theta, self.rows, self._needs, self._meter, self._draw)

    def sampled(self, m: int, seed: int = 0) -> Local:
        """The same θ on m of the objective's rows, drawn without replacement."""
        rows = stream(seed, "sample").choice(self.objective.n, size=min(m, self.objective.n), replace=False)
        return Local(
            self.objective, self.theta, torch.from_numpy(np.sort(rows)).to(self.theta.device), self._needs, self._meter
        )
