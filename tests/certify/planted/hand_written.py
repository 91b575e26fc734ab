"""Models with a hand-written backward pass, the same for NumPy and torch, in which a bug can be planted at any step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .case import Planted

Array = Any  # a NumPy array or a torch tensor: the passes use what both have
Hook = Callable[[Array, SimpleNamespace], Array]
Bug = Mapping[str, Hook] | Callable[[], Mapping[str, Hook]]


class Net:
    """A model, its data and its θ; a bug maps names of steps of the backward pass to what they do instead.

    ``forward(s)`` reads parameters and data off the namespace ``s``, leaves there what the backward pass needs and
    returns the loss. ``backward(s, at)`` gives the gradient by name; ``at(step, value)`` is where a hook
    ``(value, s) -> value`` may step in. Every part is such a step, and so is "kept": the namespace between the passes.
    """

    def __init__(
        self,
        architecture: str,
        passes: tuple[Callable[..., Array], Callable[..., dict[str, Array]]],
        theta: Mapping[str, Array],
        data: Mapping[str, Any],
        backend: str = "numpy",
        dtype: str = "float64",
        flat: bool = False,
    ):
        self.architecture, self.backend, self.dtype, self.flat = architecture, backend, dtype, flat
        self.forward, self.backward = passes
        self.parts = {n: single(a) for n, a in theta.items()}
        self.data = {n: single(a) if isinstance(a, np.ndarray) else a for n, a in data.items()}

    def state(self, theta: Any) -> SimpleNamespace:
        """Everything that the forward pass at θ computes."""
        parts = self.by_name(theta)
        one = next(iter(parts.values()))
        data = {n: cast(a, one) if isinstance(a, np.ndarray) else a for n, a in self.data.items()}
        s = SimpleNamespace(**parts, **data, xp=torch if isinstance(one, Tensor) else np)
        s.loss = self.forward(s)
        return s

    def value(self, theta: Any) -> float:
        return float(self.state(theta).loss)

    def gradient(self, theta: Any, hooks: Mapping[str, Hook]) -> Any:
        s = self.state(theta)

        def at(step: str, value: Array) -> Array:
            return hooks[step](value, s) if step in hooks else value

        with np.errstate(all="ignore"):  # some bugs overflow
            at("kept", None)
            grads = self.backward(s, at)
            return self.like_theta({n: at(n, grads[n]) for n in self.parts})

    def by_name(self, theta: Any) -> dict[str, Array]:
        if not self.flat:
            return dict(theta)
        parts, start = {}, 0
        for name, a in self.parts.items():
            parts[name] = theta[start : start + a.size].reshape(a.shape)
            start += a.size
        return parts

    def like_theta(self, parts: Mapping[str, Array]) -> Any:
        if not self.flat:
            return dict(parts)
        pieces = [a.reshape(-1) for a in parts.values()]
        return torch.cat(pieces) if isinstance(pieces[0], Tensor) else np.concatenate(pieces)

    def theta(self, moved: float = 0.0, dtype: str | None = None) -> Any:
        """θ, or another one that lies ``moved`` standard normals away."""
        random, parts = np.random.default_rng(99), {}
        for name, a in self.parts.items():
            a = (a + moved * random.normal(size=a.shape)).astype(dtype or self.dtype)
            parts[name] = torch.from_numpy(a) if self.backend == "torch" else a
        return self.like_theta(parts)

    def right(self) -> dict[str, np.ndarray]:
        got = self.gradient(self.theta(dtype="float64"), {})
        return {n: np.asarray(a) for n, a in ({"theta": got} if self.flat else got).items()}

    def case(self, cause: str, where: str, parts: str, bug: Bug, factor: float | None = None) -> Planted:
        """The bug's case; a bug with a memory comes as a function that makes it afresh."""

        def build() -> dict[str, Any]:
            hooks = bug() if callable(bug) else bug
            return {"fun": self.value, "grad": lambda theta: self.gradient(theta, hooks), "theta": self.theta()}

        name = f"hand-{self.backend}-{self.architecture}-{cause}-{where}"
        return Planted(name, self.architecture, cause, frozenset(parts.split()), build, self.right, factor)

    def stale(self, *names: str, moved: float = 1.0) -> dict[str, Hook]:
        """The bug of a backward pass that reads these names as they were at another θ."""
        old = self.state(self.theta(moved))

        def restore(_: Array, s: SimpleNamespace) -> None:
            for name in names:
                setattr(s, name, cast(getattr(old, name), s.loss))

        return {"kept": restore}


def single(a: Array) -> np.ndarray:
    """Rounded to float32, so that a problem is the same in float32 and float64."""
    return np.asarray(a, np.float32).astype(np.float64)


def cast(a: Any, like: Array) -> Any:
    """``a``, a list of arrays included, as the kind and dtype of another array."""
    if isinstance(a, list):
        return [cast(item, like) for item in a]
    return torch.as_tensor(a).to(like.dtype) if isinstance(like, Tensor) else np.asarray(a, like.dtype)


def weights(random: np.random.Generator, *shape: int, gain: float = 1.2) -> np.ndarray:
    return gain * random.normal(size=shape) / np.sqrt(shape[0] if len(shape) == 2 else np.prod(shape[1:]) or 1)


# What people write into a backward pass, as hooks


def times(factor: float) -> Hook:
    return lambda g, s: factor * g


def nothing(g: Array, s: SimpleNamespace) -> Array:
    return 0 * g


def zero_at(*index: Any) -> Hook:
    """Zeros at one place, as ``zero_at(slice(None), 2)`` for column 2."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        g = s.xp.asarray(g) * 1
        g[index] = 0
        return g

    return hook


def transpose(g: Array, s: SimpleNamespace) -> Array:
    return g.T.reshape(g.shape)


def take(axis: int, order: list[int]) -> Hook:
    return lambda g, s: g[(slice(None),) * axis + (order,)]


def roll(axis: int, by: int = 1) -> Hook:
    return lambda g, s: s.xp.roll(g, by, axis)


def delay(axis: int, by: int = 1) -> Hook:
    """Off by ``by`` along an axis, zeros moving in."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        g = s.xp.roll(g, by, axis)
        g[(slice(None),) * axis + (slice(None, by) if by > 0 else slice(by, None),)] = 0
        return g

    return hook


def spread(axis: int | tuple[int, ...], mean: bool = True) -> Hook:
    """Averaged or summed over an axis, and broadcast back."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        total = g.mean(axis, keepdims=True) if mean else g.sum(axis, keepdims=True)
        return 0 * g + total

    return hook


def left_out(g: Array, s: SimpleNamespace) -> Array:
    """An activation's derivative left out."""
    return 0 * g + 1


def coarse(kind: str) -> Hook:
    """Stored in "float16" or "bfloat16"."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        return cast(torch.as_tensor(g).to(getattr(torch, kind)).to(torch.float64), g)

    return hook


def noise(size: float, seed: int | None = None) -> Callable[[], Hook]:
    """Noise of ``size`` · rms(g): the same at each call, or another one with ``seed=None``."""

    def fresh() -> Hook:
        own = np.random.default_rng(5)

        def hook(g: Array, s: SimpleNamespace) -> Array:
            random = own if seed is None else np.random.default_rng(seed)
            rms = float((g**2).mean()) ** 0.5
            return g + cast(size * rms * random.normal(size=tuple(g.shape)), g)

        return hook

    return fresh


def accumulated() -> Hook:
    """A buffer that nobody empties between two calls."""
    total = 0

    def hook(g: Array, s: SimpleNamespace) -> Array:
        nonlocal total
        total = total + g
        return total

    return hook


def dropped(rate: float = 0.5) -> Hook:
    """A mask drawn anew at each call."""
    random = np.random.default_rng(3)
    return lambda g, s: g * cast(random.random(tuple(g.shape)) > rate, g)


def first_call(*names: str) -> dict[str, Hook]:
    """The forward pass of the first call is kept and never refreshed."""
    kept: dict[str, Any] = {}

    def keep(_: Array, s: SimpleNamespace) -> None:
        for name in names:
            setattr(s, name, cast(kept.setdefault(name, getattr(s, name)), s.loss))

    return {"kept": keep}


def where_zero(of: str, value: float) -> Hook:
    """Another derivative where what ``of`` names is exactly 0."""
    return lambda g, s: s.xp.where(read(s, of) == 0, value + 0 * g, g)


def read(s: SimpleNamespace, path: str) -> Array:
    """What a path names: "W1", "z.1" for one of a list, "z.t" for the one that a loop over time is at."""
    name, _, index = path.partition(".")
    value = getattr(s, name)
    return value if not index else value[s.t + 1 if index == "t" else int(index)]


def absurd_differences(net: Net, part: str, step: float) -> dict[str, Hook]:
    """(f(θ + h) - f(θ)) / h with an h that is of the size of θ's round-off."""

    def hook(g: Array, s: SimpleNamespace) -> Array:
        theta = {name: getattr(s, name) for name in net.parts}
        g, base = 0 * g, net.value(theta)
        for index in np.ndindex(tuple(g.shape)):
            moved = theta[part] * 1
            moved[index] += step
            g[index] = (net.value(theta | {part: moved}) - base) / step
        return g

    return {part: hook}
