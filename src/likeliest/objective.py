"""The objective: family × predictor × penalty over data, evaluated block by block.

    value(θ) = Σ_i w_i · nll_i(θ) / W  +  ½ Σ_j l2_j θ_j² / W,        W = Σ w

Everything is per unit of weight, so that a learning rate means the same for any n. On a mini-batch B the divisor is the
fixed W·|B|/n and not the batch's own Σw, which would bias the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.families.base import Family
from likeliest.interfaces import Draw, Need, Transform
from likeliest.local import Block, Local, Meter
from likeliest.matching import matched, shifted, spread
from likeliest.predictors import Predictor
from likeliest.sequences import Ragged, rows_of

BLOCK = 16_384
"""Rows to a block: few enough to stay in a core's cache, many enough to keep its products busy."""
LONG, NUMBERS = 2**12, 2**21
"""A row of more numbers than `LONG` is a recording, or as large as one; a block of such rows has so many numbers."""
COMPACT = (torch.uint8, torch.int16)
"""Bytes of pictures and samples of sound: they are kept as they are, and cast batch by batch."""


class Objective:
    """The penalised negative log-likelihood of a family on a predictor, over data.

    Args:
        family: p(y | η).
        predictor: η = f(x; θ). A family of several named columns takes `Columns`, or a predictor with as many outputs.
        x: rows (n, …), a tensor, an array or a table of numbers, or the rows of unequal length of a `Ragged`. Its dtype
            is the one that is computed in; bytes, as pictures have them, and samples of 16 bits are kept as they are
            and cast batch by batch to torch's default dtype. A predictor of series takes one, (n, columns), or one for
            each of R runs, (R, n, columns); y and weight are then (R, n).
        y: targets (n,), or (n, K) probabilities for a categorical family, or (n, U) labels for one of sequences.
        weight: (n,), ≥ 0; None is all ones.
        offset: added to η: (n,) to the first column, (n, K) to unnamed ones, or a mapping from column names to (n,).
            A family of sequences takes none.
        l2: the penalty ½ Σ l2 θ² on penalised parts, in the same units as the sum of NLLs: a number, or one a parameter
            (P,).
        names: names of the columns of x, for verdicts; a table brings its own.
        block: rows to a block. Where a row has more than 4,096 numbers, as recordings have, an evaluation takes fewer:
            as many as hold 2²¹ numbers. A training batch, which layers may look at as a whole, is cut by rows alone.
        transform: what happens to a training batch, under a `Draw` and before it is cast: augmentation, mixing, label
            smoothing. Evaluation sees the rows as they are.
        device: where to compute, such as "cuda"; all data are moved there. None is where x is.

    Raises:
        ShapeError: x, y, weight, offset, columns or l2 do not fit together.
        SupportError: a y lies outside the family's support.
        SpecificationError: a negative weight or penalty, or an offset to sequences.

    Example:
        >>> import likeliest as lk, torch
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0.0, 1.0, 1.0])
        >>> objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y)
        >>> round(float(objective.at(torch.zeros(2)).value), 4)
        0.6931
    """

    def __init__(
        self,
        family: Family,
        predictor: Predictor,
        x: Any,
        y: Any,
        weight: Any = None,
        offset: Any = None,
        l2: float | Tensor = 0.0,
        *,
        names: Sequence[str] | None = None,
        block: int = BLOCK,
        transform: Transform | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        self.family = family
        rows: Any = x if isinstance(x, Ragged) else as_numbers(x, "x")
        self.x: Tensor = rows.to(device)  # a Ragged stands for the tensor that its rows would be
        self.dtype = self.x.dtype if self.x.is_floating_point() else torch.get_default_dtype()
        if self.x.dtype not in COMPACT:
            self.x = self.x.to(self.dtype)
        self.transform = transform
        predictor.check_inputs(self.x)
        self.predictor = matched(family, predictor)
        whole = self.predictor.unit == "series"
        self._lead = self.x.shape[:-2] if whole else self.x.shape[:0]
        self.n = self.x.shape[len(self._lead)]
        self.y = self._checked_y(y)
        self.weight = self._checked_weight(weight)
        self.offset = self._checked_offset(offset)
        summed = self.n if self.weight is None else float(self.weight.sum(dtype=torch.float64))
        self.total_weight = float(summed if self.weight is None else summed / (self.weight.numel() // self.n))
        self.penalty = self._penalty(l2)
        self.names = _names(self.x, names if names is not None else getattr(x, "columns", None))
        self.block = self.n if whole else block
        self._evaluated = self.n if whole else _evaluated_at_once(self.x, self.block)
        self._gauge = self._penalty_free_gauge()
        self._buffer: Tensor | None = None

    def _checked_y(self, given: Any) -> Tensor:
        y = as_numbers(given, "y").to(self.device)
        if y.shape[: len(self._lead) + 1] != (*self._lead, self.n):
            each = f" of each of {self._lead[0]} series" if self._lead else ""
            found = tuple(y.shape) if self._lead else len(y)
            raise ShapeError(f"x has {self.n} rows{each} and y has {found}; both need one row an example")
        if self.n == 0:
            raise ShapeError("x and y have no rows; an objective needs at least one")
        is_index = self.family.columns is None and not y.is_floating_point()
        y = y.long() if is_index else y.to(self.dtype)
        self.family.check_support(y, self.outputs)
        return y

    def _checked_weight(self, given: Any) -> Tensor | None:
        if given is None:
            return None
        weight = self._beside_x(given)
        if weight.shape not in ((self.n,), (*self._lead, self.n)):
            raise ShapeError(f"weight needs one number a row, ({self.n},); found {tuple(weight.shape)}")
        bad = ~(torch.isfinite(weight) & (weight >= 0))
        if bad.any() or weight.sum() <= 0:
            raise SpecificationError(
                "weights must be finite, at least 0, and not all 0; remove the rows that have others"
            )
        return weight

    def _checked_offset(self, given: Any) -> Tensor | dict[int, Tensor] | None:
        if given is None:
            return None
        if self.family.event_dims > 1:
            raise SpecificationError(
                f"η of {self.family.name} is a sequence, to which no offset is added; leave it out"
            )
        columns = self.family.columns or ()
        named = given if isinstance(given, Mapping) else {columns[0]: given} if len(columns) > 1 else None
        if named is not None:
            if unknown := set(named) - set(columns):
                raise ShapeError(f"offset for {sorted(unknown)}; {self.family.name} has the columns {columns}")
            by_index = {columns.index(c): self._beside_x(o) for c, o in named.items()}
            if len(columns) > 1 or not by_index:
                return by_index or None
            given = by_index[0]
        offset = self._beside_x(given)
        offset = offset.unsqueeze(-1) if offset.ndim == 1 and columns else offset
        if offset.ndim != 2 or len(offset) != self.n:
            raise ShapeError(f"offset needs one number a row, or one a row and column; found {tuple(offset.shape)}")
        return offset

    def _beside_x(self, given: Any) -> Tensor:
        """Numbers in the precision of x and where it is."""
        moved: Tensor = torch.as_tensor(given, dtype=self.dtype, device=self.device)
        return moved

    def _penalty(self, l2: float | Tensor) -> Tensor | None:
        """One number a parameter, per unit of weight; None where there is no penalty at all."""
        penalty = torch.zeros(self.predictor.size, dtype=torch.float64)
        if isinstance(l2, Tensor):
            if l2.shape != penalty.shape:
                raise ShapeError(f"l2 needs one number, or one a parameter ({len(penalty)},); found {tuple(l2.shape)}")
            penalty.copy_(l2)
        else:
            for part in self.predictor.parts.values():
                if part.penalised:
                    penalty[part.slice] = l2
        if not bool((penalty >= 0).all()):
            raise SpecificationError(f"l2 must be at least 0, found {l2}")
        return self._beside_x(penalty / self.total_weight) if bool(penalty.any()) else None

    def _penalty_free_gauge(self) -> Tensor | None:
        gauge = self.predictor.gauge() if self.family.gauge is not None else None
        if gauge is not None and self.penalty is not None:
            gauge = gauge[:, (gauge.abs() * self.penalty[:, None].double().cpu()).sum(0) == 0]
        return gauge.to(self.device) if gauge is not None and gauge.shape[1] else None

    @property
    def device(self) -> torch.device:
        """Where x is, and with it all else."""
        return self.x.device

    @property
    def runs(self) -> int | None:
        """How many runs have a series of their own; None where all runs share the data."""
        return self._lead[0] if self._lead else None

    @property
    def outputs(self) -> int | None:
        """The number of η's columns, where the predictor knows it."""
        return self.predictor.outputs or None

    @property
    def named_offset(self) -> Tensor | dict[str, Tensor] | None:
        """The offset as the constructor takes it: several named columns by their names."""
        if isinstance(self.offset, dict):
            columns = self.family.columns or ()
            return {columns[k]: values for k, values in self.offset.items()}
        return self.offset

    @cached_property
    def recession_cone(self) -> Tensor | None:
        """The family's cone for each row; see `Family.recession_cone`."""
        return self.family.recession_cone(self.y, self.outputs)

    @property
    def l2(self) -> Tensor | None:
        """The penalty of each parameter (P,), in the units of the sum of NLLs; None where there is none."""
        return None if self.penalty is None else self.penalty.double() * self.total_weight

    @property
    def gauge(self) -> Tensor | None:
        """Orthonormal basis (P, q) of the directions of θ along which the objective never changes, if there are any."""
        return self._gauge

    @property
    def offers(self) -> frozenset[Need]:
        """What a rule may ask for.

        A Hessian is on offer where the predictor is linear, for it is then Jᵀ O J; the Fisher information where the
        family knows it; neither of them where η is a sequence. Decisions are where the family has classes.
        """
        offers = {Need.VALUE, Need.GRAD, Need.PULLBACK}
        one_each = self.family.event_dims == 1
        if one_each and self.family.has_fisher:
            offers.add(Need.FISHER)
        if one_each and self.predictor.linear:
            offers.add(Need.HESSIAN)
        if type(self.family).decision_error is not Family.decision_error:
            offers.add(Need.DECISION)
        return frozenset(offers)

    def at(
        self,
        theta: Tensor,
        rows: Tensor | None = None,
        needs: frozenset[Need] = frozenset(),
        meter: Meter | None = None,
        draw: Draw | None = None,
    ) -> Local:
        """Return a view at θ (P,) or (R, P) on some rows, or on all; nothing is computed until it is read.

        Under a ``draw``, whose rows are these, the batch is transformed and layers are in training.
        """
        return Local(self, theta, rows, needs, meter, draw)

    def held_out(self, x: Any, y: Any, weight: Any = None, offset: Any = None) -> Objective:
        """Return the unpenalised objective of the same family and predictor on other data, on the same device."""
        kept: dict[str, Any] = {"names": self.names, "block": self.block, "device": self.device}
        return Objective(self.family, self.predictor, x, y, weight, offset, **kept)

    def subset(self, rows: Tensor | np.ndarray) -> Objective:
        """Return the same objective on some of its rows.

        Raises:
            NotOnOfferError: they are a series, which means nothing in parts.
        """
        if self.predictor.unit == "series":
            raise NotOnOfferError("the rows are one series, which is not cut; make an objective of the days wanted")
        r = torch.as_tensor(rows, device=self.device)
        offset = self.named_offset
        if isinstance(offset, dict):
            offset = {column: o[r] for column, o in offset.items()}
        elif offset is not None:
            offset = offset[r]
        weight = None if self.weight is None else self.weight[r]
        l2 = 0.0 if self.l2 is None else self.l2
        return Objective(
            self.family,
            self.predictor,
            rows_of(self.x, r),
            self.y[r],
            weight,
            offset,
            l2,
            names=self.names,
            block=self.block,
            transform=self.transform,
        )

    def until(self, n: int) -> Objective:
        """Return the same objective on its first n rows: days, where these are a series."""
        x, y = self.x[..., :n, :], self.y[..., :n]
        weight = None if self.weight is None else self.weight[..., :n]
        l2 = 0.0 if self.l2 is None else self.l2
        return Objective(self.family, self.predictor, x, y, weight, None, l2, names=self.names)

    def replaced(
        self, *, x: Any = None, l2: float | Tensor | None = None, device: str | torch.device | None = None
    ) -> Objective:
        """Return the same objective on other inputs for the same rows, with another penalty, or on another device."""
        kept = 0.0 if self.l2 is None else self.l2
        return Objective(
            self.family,
            self.predictor,
            self.x if x is None else x,
            self.y,
            self.weight,
            self.named_offset,
            kept if l2 is None else l2,
            names=self.names,
            block=self.block,
            transform=self.transform,
            device=device,
        )

    def at_once(self, draw: Draw | None = None) -> int:
        """Rows to a block: fewer of long ones in an evaluation, where nothing looks at the batch as a whole."""
        return self._evaluated if draw is None else self.block

    def blocks(self, theta: Tensor, rows: Tensor | None, draw: Draw | None = None) -> Iterator[Block]:
        """Evaluate the predictor block by block, in a fixed order; `rows` None is all of them."""
        at_once = self.at_once(draw)
        if rows is None:
            for start in range(0, self.n, at_once):
                yield self.evaluate(theta, slice(start, start + at_once), self.n)
        else:
            for part in rows.split(at_once):
                yield self.evaluate(theta, part, rows.shape[0], draw and replace(draw, rows=part))

    def batch(self, rows: slice | Tensor, draw: Draw | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """x, y and weight of some rows as predictor and family meet them: transformed under a draw, and cast."""
        if self.predictor.unit == "series":
            return self.x, self.y, self.weight
        if isinstance(rows, slice):
            x, y = self.x[rows], self.y[rows]
        else:
            x, y = self.x.index_select(0, rows), self.y.index_select(0, rows)
        weight = None if self.weight is None else self.weight[rows]
        if draw is not None and self.transform is not None:
            x, y, weight = self.transform(x, y, weight, draw)
        return (x if x.dtype == self.dtype else x.to(self.dtype)), y, weight

    def evaluate(self, theta: Tensor, rows: slice | Tensor, batch: int, draw: Draw | None = None) -> Block:
        """Evaluate the predictor on some rows of a batch of so many."""
        return self.block_of(theta, self.batch(rows, draw), rows, batch, draw)

    def block_of(
        self,
        theta: Tensor,
        given: tuple[Tensor, Tensor, Tensor | None],
        rows: slice | Tensor,
        batch: int,
        draw: Draw | None = None,
    ) -> Block:
        """Evaluate the predictor on what `batch` gave of some rows."""
        x, y, weight = given
        eta, tape = self.predictor.forward(theta, x, draw)
        if self.offset is not None:
            eta = shifted(eta, self.offset, rows)
        n, event = y.shape[len(self._lead)], self.family.event_dims
        if isinstance(eta, Tensor) and (eta.ndim <= event or eta.shape[-1 - event] != n):
            eta = spread(eta, n, self.family)
        scale = self.n / (self.total_weight * batch)
        return Block(theta, eta, tape, y, scale if weight is None else weight * scale, n, event)

    def gradient_buffer(self, theta: Tensor) -> Tensor:
        """The one gradient that all views of this objective write to; valid until the next view writes."""
        if self._buffer is None or self._buffer.shape != theta.shape or self._buffer.dtype != theta.dtype:
            self._buffer = torch.empty_like(theta)
        return self._buffer


def as_numbers(values: Any, what: str) -> Tensor:
    """A tensor of what came as a tensor, an array, a list or a pandas or polars table.

    Raises:
        ShapeError: the values are no numbers, or their rows differ in length.
    """
    if isinstance(values, Tensor):
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{what} needs rows of one length: {error}") from None
    if array.dtype.kind not in "biuf":
        raise ShapeError(f"{what} needs numbers, found {array.dtype}; encode texts, categories and dates first")
    # torch shares memory with arrays, which it wants writable: those of tables are not.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _names(x: Tensor | Ragged, given: Any) -> tuple[str, ...]:
    """Names of the columns of x: those given, those of the table that x came as, or x0 to x(p − 1).

    Where rows differ in length there are no columns, and no names.
    """
    if given is not None:
        return tuple(str(name) for name in given)
    return () if isinstance(x, Ragged) else tuple(f"x{j}" for j in range(x.shape[-1]))


def _evaluated_at_once(x: Tensor | Ragged, block: int) -> int:
    """Rows that are evaluated at once: a block of them, or fewer where they are long."""
    row = math.prod(x.shape[1:])
    return block if row <= LONG else min(block, max(1, NUMBERS // row))
