"""The gated recurrent unit, with backpropagation through time written out by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, PartShape, Shape
from likeliest.predictors.layers.frames import Frames


class _Tape(NamedTuple):
    """What a pass leaves, time first and directions second, for D directions of H states.

    Attributes:
        x: (T, D, n, C) in the order in which each direction takes it.
        states: (T + 1, D, n, H), from h[0] = 0.
        gates: (T, D, n, 4H): r, z, g and a = h W_g + b_g.
        order: (n, T) where the second direction finds its frames, or None of one direction.
        frames: those that are there.
    """

    x: Tensor
    states: Tensor
    gates: Tensor
    order: Tensor | None
    frames: Frames


@dataclass(frozen=True)
class GRU(Layer):
    """The gated recurrent unit: a state h of H numbers that each frame of a sequence (T, C) moves on.

        r = σ(x[t] V_r + h U_r + b_r)                 how much of the state the new one sees
        z = σ(x[t] V_z + h U_z + b_z)                 how much of it stays
        g = tanh(x[t] V_g + b_g + r ⊙ (h U_g + c))    what is new
        h ← g + z ⊙ (h − g)

    and y[t] = h, from h = 0. V = (V_r V_z V_g) is ``input_weight`` (D, C, 3H), U is ``state_weight`` (D, H, 3H), b is
    ``bias`` (D, 3H) and c ``state_bias`` (D, H), D = 1; both ways D = 2, where the second state goes from a row's own
    last frame to its first, and y[t] holds both. Frames after a row's end leave its state alone, and y is 0 there.

    Pullback, from the last frame to the first, with v the derivative by h after frame t, to which u[t] is added:

        ∂/∂g = v ⊙ (1 − z),    ∂/∂z = v ⊙ (h − g),    ∂/∂r = ∂/∂ã_g ⊙ (h U_g + c),    v ← v ⊙ z + ∂/∂ã U′

    where ã are the sums inside σ and tanh, whose derivatives are r(1 − r), z(1 − z) and 1 − g². Weights' derivatives
    are one product each over all frames. Gates feed back on themselves, so that they are never coarser than θ.

    Args:
        inputs: C.
        states: H.
        both_ways: whether there are two directions; y has D·H numbers.

    Source: Cho et al. (2014), Learning phrase representations using RNN encoder–decoder, with r applied after the
    product, as its fast implementations have it; Werbos (1990), Backpropagation through time.
    """

    inputs: int
    states: int
    both_ways: bool = False

    kind = "gru"
    lockstep = False
    casts = False

    @property
    def _directions(self) -> int:
        return 2 if self.both_ways else 1

    @property
    def parts(self) -> dict[str, PartShape]:
        """V and U, penalised, and b and c."""
        d, h = self._directions, self.states
        return {
            "input_weight": PartShape((d, self.inputs, 3 * h), penalised=True),
            "state_weight": PartShape((d, h, 3 * h), penalised=True),
            "bias": PartShape((d, 3 * h)),
            "state_bias": PartShape((d, h)),
        }

    def shape_after(self, shape: Shape) -> Shape:
        """(T, D·H)."""
        if len(shape) != 2 or shape[1] != self.inputs:
            raise ShapeError(f"GRU({self.inputs}, {self.states}) takes sequences (T, {self.inputs}), found {shape}")
        return shape[0], self._directions * self.states

    def flops(self, shape: Shape) -> int:
        """6 · H · (C + H) for each frame and direction."""
        return 6 * (self.inputs + self.states) * math.prod(self.shape_after(shape))

    def numbers(self, shape: Shape) -> int:
        """Those of y, and the tape's."""
        return 8 * math.prod(self.shape_after(shape))

    def init(self, views: list[Tensor], stream: np.random.Generator) -> None:
        """Weights are normal with variance 1 / C and 1 / H; a new state starts as half of the old one, for z = ½."""
        for weight in views[:2]:
            drawn = stream.normal(0.0, math.sqrt(1 / weight.shape[1]), tuple(weight.shape))
            weight.copy_(torch.from_numpy(drawn))

    def forward(self, views: list[Tensor], x: Tensor, draw: Draw | None) -> tuple[Tensor, _Tape]:
        """All rows are as long as x."""
        n, longest, _ = x.shape
        return self.along(views, x, draw, Frames(torch.full((n,), longest, device=x.device), longest))

    def along(self, views: list[Tensor], x: Tensor, draw: Draw | None, frames: Frames) -> tuple[Tensor, _Tape]:
        """See the class."""
        order = _backwards(frames) if self.both_ways else None
        spread = _spread(x.to(views[0].dtype), order)
        gates, states = self._walked(views, spread)
        return frames.cut(_joined(states[1:], order)), _Tape(spread, states, gates, order, frames)

    def _walked(self, views: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        """The gates and states of all frames."""
        _, state_weight, _, state_bias = views
        h = self.states
        sums = self._input_sums(views, x)
        gates = sums.new_empty(*sums.shape[:-1], 4 * h)
        states = sums.new_zeros(len(sums) + 1, *sums.shape[1:-1], h)
        for t, given in enumerate(sums):
            before = torch.matmul(states[t], state_weight)
            r, z, g, a = gates[t].split(h, -1)
            torch.sigmoid(given[..., : 2 * h] + before[..., : 2 * h], out=gates[t, ..., : 2 * h])
            torch.add(before[..., 2 * h :], state_bias[:, None], out=a)
            torch.tanh(torch.addcmul(given[..., 2 * h :], r, a), out=g)
            torch.addcmul(g, z, states[t] - g, out=states[t + 1])
        return gates, states

    def _input_sums(self, views: list[Tensor], x: Tensor) -> Tensor:
        """X V + b, (T, D, n, 3H)."""
        return torch.matmul(x, views[0]) + views[2][:, None]

    def pullback(
        self, views: list[Tensor], tape: _Tape, u: Tensor, grads: list[Tensor], further: bool = True
    ) -> Tensor | None:
        """See the class."""
        x, states, gates, order, frames = tape
        input_weight, state_weight = views[:2]
        u = _split(frames.cut(u.to(x.dtype)), order)
        by_sums = self._by_sums(state_weight, states, gates, u)
        by_input_sums, by_a = by_sums.split((3 * self.states, self.states), -1)
        by_state_sums = torch.cat((by_input_sums[..., : 2 * self.states], by_a), -1)
        grads[0].copy_(torch.einsum("tdnc,tdnh->dch", x, by_input_sums))
        grads[1].copy_(torch.einsum("tdnc,tdnh->dch", states[:-1], by_state_sums))
        grads[2].copy_(by_input_sums.sum((0, 2)))
        grads[3].copy_(by_a.sum((0, 2)))
        return _summed(torch.matmul(by_input_sums, input_weight.mT), order) if further else None

    def _by_sums(self, state_weight: Tensor, states: Tensor, gates: Tensor, u: Tensor) -> Tensor:
        """The derivatives by the sums inside of r, z and g, and by a: (T, D, n, 4H)."""
        h = self.states
        found, after = torch.empty_like(gates), torch.zeros_like(states[0])
        for t in range(len(gates) - 1, -1, -1):
            r, z, g, a = gates[t].split(h, -1)
            by_r, by_z, by_g, by_a = found[t].split(h, -1)
            v = after + u[t]
            torch.mul(v * (1 - z), 1 - g * g, out=by_g)
            torch.mul(v * (states[t] - g), z * (1 - z), out=by_z)
            torch.mul(by_g, r, out=by_a)
            torch.mul(by_a * a, 1 - r, out=by_r)
            by_state_sums = torch.cat((found[t, ..., : 2 * h], by_a), -1)
            after = torch.addcmul(torch.matmul(by_state_sums, state_weight.mT), v, z)
        return found

    def pushforward(self, views: list[Tensor], tape: _Tape, directions: list[Tensor], dx: Tensor | None) -> Tensor:
        """The derivative goes along with the state."""
        x, states, gates, order, frames = tape
        h, (input_weight, state_weight, _, _) = self.states, views
        d_sums = self._input_sums(directions, x)
        if dx is not None:
            d_sums = d_sums + torch.matmul(_spread(dx.to(x.dtype), order), input_weight)
        moved = torch.zeros_like(states)
        for t, d_given in enumerate(d_sums):
            r, z, g, a = gates[t].split(h, -1)
            d_before = torch.matmul(moved[t], state_weight) + torch.matmul(states[t], directions[1])
            d_r, d_z = (d_given[..., : 2 * h] + d_before[..., : 2 * h]).split(h, -1)
            d_r, d_z = d_r * r * (1 - r), d_z * z * (1 - z)
            d_a = d_before[..., 2 * h :] + directions[3][:, None]
            d_g = (d_given[..., 2 * h :] + d_r * a + r * d_a) * (1 - g * g)
            moved[t + 1] = d_g * (1 - z) + d_z * (states[t] - g) + z * moved[t]
        return frames.cut(_joined(moved[1:], order))


def _backwards(frames: Frames) -> Tensor:
    """Where each row's frames stand from its last to its first, and then those after its end: its own inverse."""
    at, last = torch.arange(frames.longest, device=frames.lengths.device), frames.lengths[:, None] - 1
    return torch.where(at <= last, last - at, at)


def _ordered(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order[..., None].expand_as(x))


def _by_time(ways: list[Tensor]) -> Tensor:
    """What each direction has, (n, T, ·), as (T, D, n, ·)."""
    return torch.stack(ways, 1).transpose(0, 2).contiguous()


def _by_row(x: Tensor, order: Tensor | None) -> list[Tensor]:
    """And back again, each direction in the order of time."""
    first, *second = x.transpose(0, 2).unbind(1)
    return [first] if order is None else [first, _ordered(second[0], order)]


def _spread(x: Tensor, order: Tensor | None) -> Tensor:
    """The same x (n, T, C) for each direction, in its order: (T, D, n, C)."""
    return _by_time([x] if order is None else [x, _ordered(x, order)])


def _summed(x: Tensor, order: Tensor | None) -> Tensor:
    """The adjoint of `_spread`."""
    return torch.stack(_by_row(x, order)).sum(0)


def _split(y: Tensor, order: Tensor | None) -> Tensor:
    """Each direction's columns of y (n, T, D·H), in its order: (T, D, n, H)."""
    if order is None:
        return _by_time([y])
    first, second = y.chunk(2, -1)
    return _by_time([first, _ordered(second, order)])


def _joined(x: Tensor, order: Tensor | None) -> Tensor:
    """The inverse of `_split`."""
    return torch.cat(_by_row(x, order), -1)
