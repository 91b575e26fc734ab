"""Any composition of layers as a predictor on one flat θ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from likeliest import sequences
from likeliest.errors import NotOnOfferError, ShapeError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Kept, Predictor
from likeliest.predictors.compute import DTYPES, Compute
from likeliest.predictors.layers import Dense, Frames, Layer, Sequential, from_json

_NUMBERS = 2**23
"""A piece of an evaluation on pictures or sequences makes no more numbers: they stay near the processor."""


class Tape(NamedTuple):
    """The views that a forward pass used, the layers' tapes, and which cast of θ the views are of."""

    views: Any
    layers: Any
    cast: int


class Pieces(tuple[Tensor, ...]):
    """The tape of many pictures or sequences: x in pieces, whose forward pass is made once more when asked for."""


class Layered(Predictor):
    """η = f_L(… f_1(x)), each f a layer with its parts on θ.

    Penalised parts come first on θ, then the other learnt ones, then those that are not learnt. Backpropagation is
    each layer's own pullback, from the last to the first; no autograd graph is built.

    Rows of two axes or of a free length are sequences, time first, and may end before their tensor does, in
    `sequences.END`: the layers are told how many frames there are (`Layer.along`), so that η of a row is the same
    whatever stands beside it.

    Args:
        shape: of a row of x: (p,), (H, W, C) for pictures, (T, C) for sequences; a T of None is any length.
        layers: name → layer, in the order of the forward pass; the last gives rows of K numbers, or (T, K).
        nominal: the T for which ``flops`` are reckoned where it is None.
        compute: "bfloat16" lets products of training batches, those under a draw, take weights and activations
            rounded to it and sum in float32; θ, gradients and evaluation stay in θ's own precision. None does not.

    Raises:
        ShapeError: two layers do not fit together, or the last does not give a row or a sequence of numbers.
        UnknownNameError: another ``compute``.

    Example:
        >>> import likeliest as lk
        >>> from likeliest.predictors import layers
        >>> net = lk.Layered((4,), {"dense": layers.Dense(4, 8), "tanh": layers.Activation("tanh"),
        ...                         "head": layers.Dense(8, 3)})
        >>> tuple(net.parts), net.flops
        (('dense.weight', 'head.weight', 'dense.bias', 'head.bias'), 112)
    """

    def __init__(
        self, shape: Sequence[int | None], layers: Mapping[str, Layer], *, nominal: int = 1, compute: Compute = None
    ) -> None:
        if compute is not None and compute not in DTYPES:
            raise UnknownNameError(f"no compute precision {compute!r}; there are {', '.join(DTYPES)} and None")
        self.shape, self.nominal, self.compute = tuple(shape), nominal, compute
        self._row = tuple(nominal if side is None else side for side in self.shape)
        self.layers = Sequential(layers).placed("", False)
        walked = self.layers.walked(self._row)
        if len(walked[-1]) > 2:
            raise ShapeError(
                "the last layer needs to give rows of K numbers, or sequences (T, K), found the shape "
                f"{walked[-1]}; flatten or pool"
            )
        self.outputs = walked[-1][-1]
        self.inputs = self.shape[0] if len(self.shape) == 1 else None
        self._in_time = len(self.shape) == 2 or None in self.shape
        self._leaves = tuple(self.layers.leaves(""))
        self._lockstep = not self._in_time and all(leaf.lockstep for _, leaf in self._leaves)
        named = {f"{path}.{name}": part for path, leaf in self._leaves for name, part in leaf.parts.items()}
        order = sorted(named, key=lambda name: (not named[name].penalised, not named[name].learnt))
        self._lay_out({name: named[name] for name in order})
        self._learnt = sum(part.size for part in self.parts.values() if part.learnt)
        self._order = [list(self.parts).index(name) for name in named]
        self._nested = Kept(lambda flat: self._arranged(self.views(flat)))
        self._rows = Kept(lambda flat: list(flat.unbind(0)))
        self._rooms: dict[tuple[Any, ...], Tensor] = {}
        self._mixed = Kept(self._mixed_views)
        self._wide = max(map(len, walked)) > 1
        self._casts = self._cast = 0  # how many there were, and whose numbers the room holds

    # Views, by layer.

    def _arranged(self, views: list[Tensor]) -> Any:
        """Views in the order of the parts, as the layers take them."""
        return self.layers.nested(iter([views[i] for i in self._order]))

    def _room(self, what: str, like: Tensor) -> Tensor:
        """Memory for a flat tensor in the precision that is computed in, the same for all of a shape and device."""
        key = (what, like.shape, like.device)
        if key not in self._rooms:
            self._rooms[key] = torch.empty_like(like, dtype=DTYPES[str(self.compute)])
        return self._rooms[key]

    def _renew(self, theta: Tensor, tape: Tape) -> None:
        """Cast θ once more if another has been cast since the tape was made."""
        if tape.cast and tape.cast != self._cast:
            self._room("theta", theta).copy_(theta)
            self._cast = tape.cast

    def _mixed_views(self, theta: Tensor) -> Any:
        """Views of the cast for the layers that compute in it, and of θ for the others."""
        casts = [leaf.casts for _, leaf in self._leaves for _ in leaf.parts]
        own, cast = self.views(theta), self.views(self._room("theta", theta))
        chosen = list(own)
        for i, wanted in zip(self._order, casts, strict=True):
            chosen[i] = cast[i] if wanted else own[i]
        return self._arranged(chosen)

    def _views_for(self, theta: Tensor, draw: Draw | None) -> tuple[Any, int]:
        if draw is None or self.compute is None or theta.dtype != torch.float32:
            return self._nested.of(theta), 0
        self._room("theta", theta).copy_(theta)
        self._casts += 1
        self._cast = self._casts
        return self._mixed.of(theta), self._cast

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        theta = torch.zeros(self.size, dtype=torch.float64)
        self.layers.init(self._arranged(self.views(theta)), stream)
        return theta

    def check_inputs(self, x: Tensor) -> None:
        """Raise `ShapeError` unless the rows of x have the shape that the first layer takes."""
        if self.inputs is not None:
            super().check_inputs(x)
        elif x.ndim != len(self.shape) + 1 or any(
            own not in (None, found) for own, found in zip(self.shape, x.shape[1:], strict=True)
        ):
            free = ", None being any length" if None in self.shape else ""
            raise ShapeError(
                f"{type(self).__name__} takes rows of shape {self.shape}{free}, found x of shape {tuple(x.shape)}"
            )

    # The three passes. Layers that cannot take runs on a leading axis get them one by one.

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, Any]:
        """Return η (…, n, K), in θ's precision.

        Under a draw, parts that are not learnt are brought up to date in place on this θ.
        """
        if theta.ndim > 1 and not self._lockstep:
            shared = x.ndim == len(self.shape) + 1
            runs = [self.forward(t, x if shared else x[r], draw) for r, t in enumerate(self._rows.of(theta))]
            return torch.stack([eta for eta, _ in runs]), [tape for _, tape in runs]
        if draw is None and self._wide and len(x) > (at_once := self._at_once(x)):
            pieces = Pieces(x.split(at_once))
            return torch.cat([self.forward(theta, piece)[0] for piece in pieces]), pieces
        views, cast = self._views_for(theta, draw)
        own = x if x.dtype == theta.dtype else x.to(theta.dtype)
        frames = self.frames(x)
        if frames is None:
            eta, tapes = self.layers.forward(views, own, draw)
        else:
            eta, tapes = self.layers.along(views, own, draw, frames)
        return (eta if eta.dtype == theta.dtype else eta.to(theta.dtype)), Tape(views, tapes, cast)

    def _at_once(self, x: Tensor) -> int:
        """How many rows of x are evaluated at once."""
        return max(1, _NUMBERS // self.layers.numbers(tuple(x.shape[1:])))

    def frames(self, x: Tensor) -> Frames | None:
        """How long the rows of x are, where they are sequences."""
        if not self._in_time:
            return None
        return Frames(sequences.lengths(x if x.ndim == 2 else x[..., 0]), x.shape[1])

    def pullback(self, theta: Tensor, tape: Any, u: Any, out: Tensor) -> None:
        """Backpropagation, layer by layer; 0 for what is not learnt."""
        self._pulled_back(theta, tape, u, out, False)

    def _pulled_back(self, theta: Tensor, tape: Any, u: Any, out: Tensor, further: bool) -> Tensor | None:
        if isinstance(tape, list):
            rows = zip(self._rows.of(theta), tape, u, self._rows.of(out), strict=True)
            back = [self._pulled_back(*row, further) for row in rows]
            return torch.stack([b for b in back if b is not None]) if further else None
        if isinstance(tape, Pieces):
            return self._pulled_back_piece_by_piece(theta, tape, u, out, further)
        self._renew(theta, tape)
        x_back = self.layers.pullback(tape.views, tape.layers, u, self._nested.of(out), further)
        if self._learnt < self.size:
            out[..., self._learnt :].zero_()
        return x_back

    def _pulled_back_piece_by_piece(
        self, theta: Tensor, pieces: Pieces, u: Any, out: Tensor, further: bool
    ) -> Tensor | None:
        own, back = torch.empty_like(out), []
        out.zero_()
        for x, u_own in zip(pieces, u.split(len(pieces[0])), strict=True):
            back.append(self._pulled_back(theta, self.forward(theta, x)[1], u_own, own, further))
            out.add_(own)
        return torch.cat([b for b in back if b is not None]) if further else None

    def pullback_to_inputs(self, theta: Tensor, tape: Any, u: Tensor) -> Tensor:
        """Return (∂η/∂x)ᵀu, shaped like x (…, n, *shape): what each number of each row does to η."""
        back = self._pulled_back(theta, tape, u, torch.empty_like(theta), True)
        assert back is not None
        return back

    def pushforward(self, theta: Tensor, tape: Any, v: Tensor) -> Tensor:
        """The chain rule forwards; parts that are not learnt stay, whatever v says of them."""
        if isinstance(tape, list):
            rows = zip(self._rows.of(theta), tape, self._rows.of(v), strict=True)
            return torch.stack([self.pushforward(*row) for row in rows])
        if isinstance(tape, Pieces):
            return torch.cat([self.pushforward(theta, self.forward(theta, x)[1], v) for x in tape])
        moved = self.layers.pushforward(tape.views, tape.layers, self._nested.of(v), None)
        assert moved is not None
        return moved if moved.dtype == theta.dtype else moved.to(theta.dtype)

    def probe(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield (a layer's name, its output) in the order of the forward pass, and η last; θ stays as it is."""
        if theta.ndim > 1 and not self._lockstep:
            raise NotOnOfferError(f"{type(self).__name__} is probed at one θ (P,) at a time")
        theta = theta.clone()
        views, _ = self._views_for(theta, draw)
        eta = yield from self.layers.probe(views, x.to(theta.dtype), draw, "", self.frames(x))
        yield "eta", eta.to(theta.dtype)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that have parts, in the order of the forward pass."""
        return tuple(path for path, leaf in self._leaves if leaf.parts)

    @property
    def flops(self) -> int:
        """Twice the multiply-adds of the forward pass of one row, of the nominal length where that is free."""
        return self.layers.flops(self._row)

    # What a first or last dense layer makes possible.

    def _dense_parts(self, name: str, flat: Tensor) -> list[Tensor]:
        """The weight and the bias of that layer as views of a flat (…, P) tensor."""
        return [
            flat[..., p.slice].unflatten(-1, p.shape)
            for p in (self.parts[f"{name}.weight"], self.parts[f"{name}.bias"])
        ]

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """The first layer's W₁ / scale, and b₁ − centre · (W₁ / scale); the layers above see no difference."""
        if not self.has_intercepts:
            return super().reexpress(theta, centre, scale)
        moved = theta.clone()
        weight, bias = self._dense_parts(next(iter(self.layers.layers)), moved)
        weight /= scale.unsqueeze(-1)
        bias -= torch.matmul(centre, weight)
        return moved

    @property
    def has_intercepts(self) -> bool:
        """Whether the first layer is dense."""
        return isinstance(next(iter(self.layers.layers.values())), Dense)

    def affine_output(self, theta: Tensor, scale: float, shift: float) -> Tensor:
        """The last layer's W · scale, b · scale + shift."""
        name, layer = list(self.layers.layers.items())[-1]
        if not isinstance(layer, Dense):
            return super().affine_output(theta, scale, shift)
        moved = theta.clone()
        weight, bias = self._dense_parts(name, moved)
        weight *= scale
        bias.mul_(scale).add_(shift)
        return moved

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        free = {"nominal": self.nominal} if None in self.shape else {}
        return {"kind": "layered", "shape": list(self.shape), **self.layers.to_json(), **free, "compute": self.compute}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        layers = {name: from_json(layer) for name, layer in values["layers"]}
        return cls(values["shape"], layers, nominal=values.get("nominal", 1), compute=values["compute"])
