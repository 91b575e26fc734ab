"""The steps of a fit in mini-batches; on CUDA the operations of one are captured, and launched together after that.

A small net's step is a few dozen kernels, each of which takes longer to launch than to run. A CUDA graph holds them
with the memory that they read and write, and plays them back in one launch. So whatever changes from step to step has
to stand in memory: θ and the rule's memory, which are moved in place; the rows, which are copied to a tensor of the
graph's own, or the batch where rows are transformed, which happens outside as ever; and the learning rate, which is
written to the device.

Whether that is all that changes is seen on one step that is watched. Dropout asks its draw for the epoch, a rule of
one's own may read the number of the step, a family may wait for a number from the device: such steps are taken one by
one. Either way they are the same kernels on the same numbers, and θ has the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from likeliest.interfaces import Draw, State
from likeliest.local import FORWARD, Block, Local, Meter
from likeliest.objective import Objective
from likeliest.rules import Rule
from likeliest.rules.base import LR
from likeliest.rules.schedules import Schedule

WARM = 8
"""Steps that are taken one by one before one is watched: in the first, libraries make room for themselves."""
WORTH = 128
"""Steps that have to be ahead for a capture, which takes as long as some tens of them."""

Batch = tuple[Tensor, Tensor, Tensor | None]


class Steps:
    """Takes the steps of a fit, from one point on.

    Args:
        objective: what is minimised.
        rule: what moves θ.
        theta: where the fit is, on the objective's device.
        state: the rule's.
        meter: counts the work.

    Attributes:
        theta: where the fit has come to.
    """

    def __init__(self, objective: Objective, rule: Rule, theta: Tensor, state: State, meter: Meter) -> None:
        self.objective, self.rule, self.theta, self.state, self.meter = objective, rule, theta, state, meter
        ahead = (state.steps or 0) - state.step
        self._on_device = theta.is_cuda
        self._watch_after = WARM if theta.is_cuda and ahead >= WORTH else None
        self._taken = self._whole = 0
        self._playback: _Playback | None = None

    def take(self, draw: Draw) -> Local:
        """Step on the rows of a draw, and return the view from which θ was moved."""
        if not self._on_device:
            return self._one(draw)
        keep_rate(self.rule, self.theta, self.state)
        n = len(draw.rows)
        self._whole, self._taken = max(self._whole, n), self._taken + 1
        if n == self._whole <= self.objective.block:
            if self._playback is not None and (local := self._playback.step(draw)) is not None:
                return local
            if self._watch_after is not None and self._taken > self._watch_after:
                return self._watched(draw)
        return self._one(draw)

    def _one(self, draw: Draw) -> Local:
        local = self.objective.at(self.theta, draw.rows, self.rule.needs, self.meter, draw)
        self.theta = self.rule.step(local, self.state)
        return local

    def _watched(self, draw: Draw) -> Local:
        """Take a step and see what it reads; capture those that follow, if they can do nothing else."""
        self._watch_after = None
        theta, state, rows, needs = self.theta, self.state, draw.rows, self.rule.needs
        batch = None if self.objective.transform is None else self.objective.batch(rows, draw)
        memory, meter = dict(state.memory), Meter()
        seen = tuple(map(_Seen, (self.objective, draw, state)))
        objective, own_draw, own_state = cast("tuple[Objective, Draw, State]", seen)
        with _waiting() as waits:
            block = _block(self.objective, theta, rows, batch, own_draw)
            local = Local(objective, theta, rows, needs, meter, own_draw, block)
            self.theta = self.rule.step(local, own_state)
        work = len(rows) * FORWARD + meter.work
        self.meter.work += work
        reads = seen[0].read & {"evaluate", "blocks"} | seen[1].read | seen[2].read & {"step", "steps"}
        in_place = self.theta is theta and _same_tensors(memory, state.memory, theta.device)
        if in_place and not reads and not waits:
            self._playback = _Playback.of(self.objective, self.rule, theta, state, batch, draw, self.meter, work)
        return Local(self.objective, theta, rows, needs, None, draw, block)


class _Playback:
    """A step that was captured: the rows that it takes, or the batch made of them, and the block that it evaluates."""

    def __init__(
        self,
        objective: Objective,
        rule: Rule,
        theta: Tensor,
        state: State,
        batch: Batch | None,
        draw: Draw,
        meter: Meter,
        work: float,
    ) -> None:
        self._objective, self._theta, self._needs, self._meter, self._work = objective, theta, rule.needs, meter, work
        self._rows = draw.rows.clone()
        self._batch = None if batch is None else tuple(None if own is None else own.clone() for own in batch)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._block = _block(objective, theta, self._rows, cast("Batch | None", self._batch), draw)
            rule.step(Local(objective, theta, self._rows, self._needs, None, draw, self._block), state)
        # What lies outside the graph's own memory has to stay where it is.
        self._held = objective.gradient_buffer(theta), dict(state.memory), state.rate

    @classmethod
    def of(cls, *given: Any) -> _Playback | None:
        """Capture a step without taking it; None where CUDA refuses."""
        stream = torch.cuda.current_stream()
        try:
            return cls(*given)
        except RuntimeError:
            # torch leaves its generators and its stream as in a capture; one that succeeds ends that.
            with torch.cuda.graph(torch.cuda.CUDAGraph()):
                torch.empty((), device="cuda")
            torch.cuda.set_stream(stream)
            return None

    def step(self, draw: Draw) -> Local | None:
        """Take the step on the rows of a draw; None, and nothing done, where their batch is of another kind."""
        if self._batch is not None:
            batch = self._objective.batch(draw.rows, draw)
            if any(_kind(own) != _kind(new) for own, new in zip(self._batch, batch, strict=True)):
                return None
            for own, new in zip(self._batch, batch, strict=True):
                if own is not None and new is not None:
                    own.copy_(new)
        self._rows.copy_(draw.rows)
        self._graph.replay()
        self._meter.work += self._work
        return Local(self._objective, self._theta, draw.rows, self._needs, None, draw, self._block)


def _block(objective: Objective, theta: Tensor, rows: Tensor, batch: Batch | None, draw: Draw) -> Block:
    """The predictor on a batch, or on the rows themselves where nothing transforms them."""
    batch = batch or objective.batch(rows, None)
    return objective.block_of(theta, batch, rows, len(rows), draw)


def _kind(tensor: Tensor | None) -> tuple[torch.Size, torch.dtype] | None:
    return None if tensor is None else (tensor.shape, tensor.dtype)


def keep_rate(rule: Rule, theta: Tensor, state: State) -> None:
    """Write the learning rate of this step to the device, where the fused kernels read it; in single precision alone.

    Steps that are to have the same bytes all call this, captured or not: as a number of the processor's the rate has
    more digits.
    """
    lr = getattr(rule, LR, None)
    if not theta.is_cuda or theta.dtype != torch.float32 or not isinstance(lr, (int, float, Schedule)):
        return
    rate = lr.at(state.step, state.steps) if isinstance(lr, Schedule) else lr
    if isinstance(rate, Tensor):
        return
    if state.rate is None:
        state.rate = theta.new_empty(())
    elif not isinstance(lr, Schedule):
        return
    state.rate.fill_(rate)


class _Seen:
    """Passes on what is asked of something, and keeps the names of what was read."""

    def __init__(self, of: Any) -> None:
        object.__setattr__(self, "_of", of)
        object.__setattr__(self, "read", set())

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._of, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._of, name, value)


def _same_tensors(before: Mapping[str, Any], after: Mapping[str, Any], device: torch.device) -> bool:
    """Whether a memory is made of the tensors it was made of, all on the device."""
    return before.keys() == after.keys() and all(
        isinstance(value, Tensor) and value is before[name] and value.device == device for name, value in after.items()
    )


@contextmanager
def _waiting() -> Iterator[list[str]]:
    """Gathers what CUDA says whenever the processor waits for it."""
    waits: list[str] = []
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            waits.extend(str(w.message) for w in said if "called a synchronizing" in str(w.message))
