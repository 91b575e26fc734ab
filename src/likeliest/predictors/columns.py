"""Several predictors side by side, each filling its columns of η and owning its slice of θ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Kept, Natural, Predictor, columns_of


class Columns(Predictor):
    """One predictor per column of η, or one for several: distributional regression in one line.

    Args:
        *leading: predictors that fill the first columns, as many as they have outputs.
        **named: predictors of the columns after those, by the family's names for them, in the family's order.

    Example:
        >>> import likeliest as lk
        >>> constant_scale = lk.Columns(mean=lk.Linear(4), log_scale=lk.Constant())
        >>> heteroscedastic = lk.Columns(mean=lk.Linear(4), log_scale=lk.Linear(4))
        >>> tuple(constant_scale.parts)
        ('mean.weight', 'mean.bias', 'log_scale.value')
    """

    def __init__(self, *leading: Predictor, **named: Predictor) -> None:
        components = {str(i): p for i, p in enumerate(leading)} | named
        if not components:
            raise SpecificationError("Columns needs at least one predictor")
        if wide := [n for n, p in named.items() if p.outputs != 1]:
            raise SpecificationError(
                f"column {wide[0]!r} is one column; give a predictor of several without a name, first"
            )
        if unknown := [n for n, p in components.items() if not p.outputs]:
            raise SpecificationError(f"column {unknown[0]!r}: say how many columns it fills, as Module(…, outputs=1)")
        self.components = components
        self.names = (None,) * sum(p.outputs for p in leading) + tuple(named)
        self.outputs = len(self.names)
        self.inputs = next((p.inputs for p in components.values() if p.inputs is not None), None)
        self.linear = all(p.linear for p in components.values())
        self.smooth = all(p.smooth for p in components.values())
        self.unit = "series" if any(p.unit == "series" for p in components.values()) else "row"
        self._lay_out(
            {
                f"{n}.{part}": (q.shape, q.penalised, q.learnt)
                for n, p in components.items()
                for part, q in p.parts.items()
            }
        )
        ends = np.cumsum([p.size for p in components.values()]).tolist()
        self._slices = [slice(end - p.size, end) for p, end in zip(components.values(), ends, strict=True)]
        owners = list(zip(components.values(), self._slices, strict=True))
        self._splits = Kept(lambda flat: [(p, flat[..., s]) for p, s in owners])

    def split(self, flat: Tensor) -> list[tuple[Predictor, Tensor]]:
        """Each component with its slice of a flat (…, P) tensor."""
        return self._splits.of(flat)

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        return torch.cat([p._init_one(stream) for p in self.components.values()])

    def check_inputs(self, x: Tensor) -> None:
        """Every component checks for itself."""
        for p in self.components.values():
            p.check_inputs(x)

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[tuple[Tensor, ...], list[Any]]:
        """Return η as a tuple of columns (…, n) or (…, 1); the tape is the components' tapes."""
        etas, tapes = zip(*[p.forward(t, x, draw) for p, t in self.split(theta)], strict=True)
        return tuple(column for eta in etas for column in columns_of(eta)), list(tapes)

    def pullback(self, theta: Tensor, tape: list[Any], u: Any, out: Tensor) -> None:
        """Each component pulls its own columns of u back to its own slice of θ."""
        at = 0
        for (p, t), (_, o), own in zip(self.split(theta), self.split(out), tape, strict=True):
            columns = tuple(u[at : at + p.outputs])
            p.pullback(t, own, columns if isinstance(p, Columns) else torch.stack(columns, -1), o)
            at += p.outputs

    def pushforward(self, theta: Tensor, tape: list[Any], v: Tensor) -> tuple[Tensor, ...]:
        """The components' derivatives, side by side."""
        pushed = zip(self.split(theta), self.split(v), tape, strict=True)
        return tuple(c for (p, t), (_, d), own in pushed for c in columns_of(p.pushforward(t, own, d)))

    def probe(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> Iterator[tuple[str, Tensor]]:
        """What the layers of each component give, their names below the component's; see `Predictor.probe`."""
        columns: list[Tensor] = []
        for (p, t), name in zip(self.split(theta.clone()), self.components, strict=True):
            for layer, output in p.probe(t, x, draw):
                if layer == "eta":
                    columns += columns_of(output)
                else:
                    yield f"{name}.{layer}", output
        yield "eta", torch.stack(torch.broadcast_tensors(*columns), -1)

    def probe_back(
        self, theta: Tensor, x: Tensor, u: Any, draw: Draw | None = None
    ) -> Iterator[tuple[str, Tensor, bool]]:
        """Component by component; see `Predictor.probe_back`."""
        at = 0
        for (p, t), name in zip(self.split(theta.clone()), self.components, strict=True):
            own = tuple(u[at : at + p.outputs])
            at += p.outputs
            for layer, derivative, by_row in p.probe_back(
                t, x, own if isinstance(p, Columns) else torch.stack(own, -1), draw
            ):
                yield (f"{name}.{layer}" if layer else name), derivative, by_row

    def jacobian(self, theta: Tensor, tape: list[Any]) -> list[tuple[Tensor, Tensor]]:
        """The components' Jacobians, with their indices moved to where the component lies."""
        return [
            (matrix, index + s.start)
            for (p, t), s, own in zip(self.split(theta), self._slices, tape, strict=True)
            for matrix, index in p.jacobian(t, own)
        ]

    def natural(self, theta: Tensor) -> Natural:
        """The components' own, below their names where these are columns'."""
        names: list[str] = []
        at_bound: list[str] = []
        values, blocks = [], []
        for (p, t), name in zip(self.split(theta), self.components, strict=True):
            found = p.natural(t)
            renamed = {own: own if name.isdigit() else name if p.size == 1 else f"{name}.{own}" for own in found.names}
            names += renamed.values()
            at_bound += [renamed.get(own, own) for own in found.at_bound]
            values.append(found.values)
            blocks.append(found.jacobian)
        return Natural(tuple(names), torch.cat(values), torch.block_diag(*blocks), tuple(at_bound))

    @property
    def jacobian_widths(self) -> tuple[int, ...]:
        """The components' widths."""
        return tuple(width for p in self.components.values() for width in p.jacobian_widths)

    @property
    def flops(self) -> int:
        """The components' sum."""
        return sum(p.flops for p in self.components.values())

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """Component by component."""
        return torch.cat([p.reexpress(t, centre, scale) for p, t in self.split(theta)], -1)

    @property
    def has_intercepts(self) -> bool:
        """Whether all components have them."""
        return all(p.has_intercepts for p in self.components.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`. Pairs keep the order of the columns, which JSON's objects need not."""
        leading = [p.to_json() for n, p in self.components.items() if n.isdigit()]
        named = [[n, p.to_json()] for n, p in self.components.items() if not n.isdigit()]
        return {"kind": "columns", "leading": leading, "named": named}
