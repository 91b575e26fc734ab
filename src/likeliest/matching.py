"""Predictor and family brought together: the columns of η that both know, rows that share one η, and offsets."""

from __future__ import annotations

from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.families.base import Family
from likeliest.interfaces import Eta
from likeliest.predictors import Columns, Predictor, columns_of


def matched(family: Family, predictor: Predictor) -> Predictor:
    """Check the predictor's columns against the family's; one tensor is what η then is, or several named columns.

    Raises:
        ShapeError: there are others, or in another order.
    """
    columns = family.columns
    if columns is None or len(columns) == 1:
        if isinstance(predictor, Columns):
            return matched(family, _only(family, predictor))
        if columns is not None and predictor.outputs != 1:
            raise ShapeError(f"{family.name} has one column of η; the predictor gives {predictor.outputs}")
        return predictor
    if not isinstance(predictor, Columns):
        predictor = Columns(predictor)
    if predictor.outputs != len(columns):
        example = ", ".join(f"{c}={'Linear(p)' if i == 0 else 'Constant()'}" for i, c in enumerate(columns))
        raise ShapeError(
            f"{family.name} has the columns {', '.join(columns)}; the predictor gives {predictor.outputs} of them. "
            f"Write Columns({example})"
        )
    for given, wanted in zip(predictor.names, columns, strict=True):
        if given not in (None, wanted):
            raise ShapeError(
                f"column {given!r} stands where {family.name} has {wanted!r}; its order is {', '.join(columns)}"
            )
    return predictor


def _only(family: Family, columns: Columns) -> Predictor:
    """The predictor inside Columns of one, for a family whose η is a single tensor."""
    wanted = "one column" if family.columns else "unnamed columns"
    if len(columns.components) > 1:
        raise ShapeError(f"{family.name} has {wanted}; pass the predictor itself, without Columns")
    if unknown := set(columns.names) - {None, *(family.columns or ())}:
        raise ShapeError(f"{family.name} has {wanted}, none of them {unknown.pop()!r}; pass the predictor itself")
    return next(iter(columns.components.values()))


def spread(eta: Tensor, n: int, family: Family) -> Tensor:
    """The η of one row, spread over the n rows that share it.

    Raises:
        ShapeError: η is of neither one row nor n.
    """
    axis = -1 - family.event_dims
    if eta.ndim < -axis or eta.shape[axis] != 1:
        wanted = "(…, n, K)" if family.event_dims == 1 else "(…, n, T, K)"
        raise ShapeError(f"{family.name} takes η {wanted}; for {n} rows the predictor gives {tuple(eta.shape)}")
    return eta.expand(*eta.shape[:axis], n, *eta.shape[axis + 1 :])


def shifted(eta: Eta, offset: Tensor | dict[int, Tensor], rows: slice | Tensor) -> Eta:
    """η with the offset of some rows added to it, or to those of its columns that have one.

    Raises:
        ShapeError: one tensor of offsets, and several named columns.
    """
    if isinstance(offset, dict):
        return tuple(c + offset[k][rows] if k in offset else c for k, c in enumerate(columns_of(eta)))
    if isinstance(eta, tuple):
        raise ShapeError("an offset for several named columns needs their names")
    return eta + offset[rows]
