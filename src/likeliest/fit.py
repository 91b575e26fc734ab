"""`fit`: check that rule and objective go together, run the course in standardised units, and judge where it ended.

A rule moves θ and never measures itself; the driver measures and never moves θ. Work is counted in passes, that is
row-gradient evaluations over n, so that a fit with the same seed and budget repeats on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from likeliest.autopsy import Autopsy, told
from likeliest.checkpoint import Checkpoint
from likeliest.course import MEASURED_ROWS, Budget, Course
from likeliest.diagnose import diagnose
from likeliest.ending import verdicts
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.interfaces import State, Trace, Verdict, VerdictKind
from likeliest.objective import Objective
from likeliest.progress import Callback, Progress
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.rules import rule as rule_by_name
from likeliest.rules.base import peak
from likeliest.scaling import Scaling
from likeliest.threads import threads_for

_DENORMAL = 1e-40


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit leaves behind.

    Attributes:
        theta: the best θ found, (P,) or (R, P), in the user's units; where the objective's data are.
        trace: what was measured on the way.
        verdicts: why it ended, one a run.
        work: passes over the data that were spent.
        seconds: time in the rule alone, without measuring.
        autopsies: of a single run, one for each time that something was no longer finite.
    """

    theta: Tensor
    trace: Trace
    verdicts: tuple[Verdict, ...]
    work: float
    seconds: float
    state: State = field(repr=False)
    autopsies: tuple[Autopsy, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Why a fit of a single run ended."""
        if len(self.verdicts) != 1:
            raise ShapeError(f"this fit has {len(self.verdicts)} runs; read `verdicts`, one a run")
        return self.verdicts[0]

    @property
    def autopsy(self) -> Autopsy | None:
        """The latest autopsy; None where all was finite, and for runs in lockstep, which are not taken apart."""
        return self.autopsies[-1] if self.autopsies else None


def fit(
    objective: Objective,
    rule: Rule | str,
    *,
    theta: Tensor | None = None,
    batch_size: int | None = None,
    budget: Budget | float | None = None,
    seed: int = 0,
    validation: Objective | None = None,
    patience: int | None = None,
    tolerance: float = 1e-8,
    measure_every: float | Sequence[int] = 1.0,
    measured_rows: int = MEASURED_ROWS,
    standardise: bool = False,
    callbacks: Sequence[Callback] = (),
    average: float | None = None,
    checkpoint: Checkpoint | None = None,
    on_non_finite: Literal["stop", "continue"] = "stop",
) -> Fit:
    """Minimise an objective by a learning rule, on the device where its data are.

    The same seed gives the same bytes again. Between processors and accelerators, and between kinds of these, products
    are rounded in other orders: there θ agrees as far as that lets it, while batches and random numbers are the same.

    Args:
        objective: what to minimise.
        rule: a rule, or the name of one with its defaults.
        theta: where to start, (P,) or (R, P); None draws it from the predictor, the same for all runs of a per-run
            rate.
        batch_size: rows to a step; None is all of them.
        budget: a `Budget`, or a number of passes. The default is 100 passes in mini-batches and 1,000 steps in full
            batches.
        seed: names the initial θ and the order of rows.
        validation: an objective on held-out rows; the θ that is best on it is returned.
        patience: with validation, stop after so many measurements without a new best.
        tolerance: converged when every entry of the gradient, per unit of weight, is at most this.
        measure_every: passes between two measurements of a mini-batch fit, or the steps to measure at, besides the
            last.
        measured_rows: a mini-batch fit measures its training objective on at most so many rows, always the same ones.
        standardise: centre and scale the columns of x inside; the penalty, the optimum and θ stay in the user's units.
        callbacks: called with a `Progress` at each measurement, outside the clock; one that returns True stops the
            fit.
        average: decay of an exponential moving average of θ, such as 0.999; where it is given, the average is what is
            measured and returned.
        checkpoint: where a mini-batch fit keeps itself while it runs. A fit that finds the file goes on from it, and
            its θ has the same bytes as that of a fit never cut short.
        on_non_finite: what a single run does when something is NaN or infinite, once an `Autopsy` has said where and
            why: "stop" at a θ that can be used, or "continue" from the last good point, with the learning rate halved,
            the rows to blame left out, or single precision in place of half, where one of these is the remedy.

    Returns:
        A `Fit`; Ctrl-C also returns one, with the verdict ``interrupted``.

    Raises:
        NotOnOfferError: before the first step, when the rule needs what the objective cannot give.
        ShapeError: θ has the wrong shape.
        SpecificationError: averages and checkpoints are for mini-batches; another ``on_non_finite``.
        CheckpointError: the file belongs to another fit, or is damaged.

    Example:
        >>> import likeliest as lk, torch
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0], [3.0]]).double(), torch.tensor([0.0, 1.0, 0.0, 1.0])
        >>> lk.fit(lk.Objective(lk.family("bernoulli"), lk.Linear(1), x, y), "newton").verdict.kind
        <VerdictKind.CONVERGED: 'converged'>
    """
    rule = rule_by_name(rule) if isinstance(rule, str) else rule
    check_on_offer(objective, rule, batch_size)
    _check_for_mini_batches(batch_size, average, checkpoint)
    if on_non_finite not in ("stop", "continue"):
        raise SpecificationError(f'on_non_finite is "stop" or "continue", found {on_non_finite!r}')
    scaling = Scaling.of(objective) if standardise else None
    inner = scaling.apply(objective) if scaling else objective
    inner_validation = scaling.apply(validation) if scaling and validation else validation
    start = _start(objective, rule, theta, seed)
    course = Course(
        inner,
        rule,
        scaling.from_user(start) if scaling else start,
        inner_validation,
        patience,
        tolerance,
        _budget(budget, batch_size),
        [_in_users_units(callback, scaling) for callback in callbacks] if scaling else callbacks,
        average,
        checkpoint,
        on_non_finite == "continue",
        objective,
    )
    runs = start.shape[0] if start.ndim == 2 else 1
    threads = threads_for(objective.predictor, runs * (batch_size or objective.n))
    with torch.no_grad(), threads, _denormals_flushed(start.dtype), _plain_convolutions(objective.device):
        ending = course.run(batch_size, seed, measure_every, measured_rows)
        found = course.standing.best
        reasons = verdicts(ending, course.standing, course.state, course.trace, tolerance)
        if len(reasons) == 1:
            lost = reasons[0].kind is VerdictKind.NON_FINITE
            reasons = (told(reasons[0], course.autopsies, course.remedies, lost),)
        cut_short = reasons[0].kind in (VerdictKind.NON_FINITE, VerdictKind.INTERRUPTED)
        if batch_size is None and found.ndim == 1 and not cut_short:
            here = inner if inner.device.type == "cpu" else inner.replaced(device="cpu")
            reasons = (diagnose(here, found.cpu()) or reasons[0],)
    return Fit(
        scaling.to_user(found) if scaling else found,
        course.trace,
        reasons,
        course.meter.work / objective.n,
        course.seconds,
        course.state,
        tuple(course.autopsies),
    )


def _in_users_units(callback: Callback, scaling: Scaling) -> Callback:
    """The callback of a fit in standardised units: it sees θ as the user will."""

    def moved(progress: Progress) -> bool | None:
        return callback(progress.replaced(theta=scaling.to_user(progress.theta)))

    return moved


def check_on_offer(objective: Objective, rule: Rule, batch_size: int | None) -> None:
    """Refuse, before the first step, what cannot work.

    Raises:
        NotOnOfferError: a need that is not on offer, or a full-batch rule with mini-batches.
        SpecificationError: a batch size below 1.
    """
    if missing := rule.needs - objective.offers:
        needs = ", ".join(sorted(n.upper() for n in missing))
        predictor = type(objective.predictor).__name__
        raise NotOnOfferError(
            f"{rule.name} needs {needs}; {objective.family.name} on {predictor} does not offer it; "
            "use a rule that asks for less, such as lbfgs or adam"
        )
    if objective.predictor.unit == "series" and batch_size is not None:
        raise NotOnOfferError("the rows are one series, which no batch may cut; leave batch_size out")
    if rule.full_batch and batch_size is not None:
        raise NotOnOfferError(f"{rule.name} needs all rows at every step; leave batch_size out")
    if batch_size is not None and batch_size < 1:
        raise SpecificationError(f"batch_size must be at least 1, found {batch_size}")


def _check_for_mini_batches(batch_size: int | None, average: float | None, checkpoint: Checkpoint | None) -> None:
    """Refuse what only a fit in mini-batches has."""
    if average is not None and not 0 < average < 1:
        raise SpecificationError(f"average is a decay between 0 and 1, such as 0.999; found {average}")
    if batch_size is None and (average is not None or checkpoint is not None):
        raise SpecificationError("averages and checkpoints are for fits in mini-batches; give a batch_size")


def _start(objective: Objective, rule: Rule, theta: Tensor | None, seed: int) -> Tensor:
    """The initial θ, a copy that the fit owns; a rule with one rate a run starts all its runs at the same point."""
    size = objective.predictor.size
    if theta is None:
        theta = objective.predictor.init([stream(seed, "init")], objective.dtype)[0]
    if theta.shape[-1] != size or theta.ndim > 2:
        raise ShapeError(f"θ needs the shape ({size},) or (runs, {size}), found {tuple(theta.shape)}")
    if objective.runs is not None and theta.ndim == 1:
        theta = theta.expand(objective.runs, size)
    rate = peak(rule.lr) if hasattr(rule, "lr") else None
    if isinstance(rate, Tensor) and theta.ndim == 1:
        theta = theta.expand(len(rate), size)
    return theta.detach().to(objective.device, copy=True)


def _budget(budget: Budget | float | None, batch_size: int | None) -> Budget:
    if isinstance(budget, Budget):
        if batch_size is not None and min(budget.passes, budget.steps) == math.inf:
            raise SpecificationError("a fit in mini-batches needs an end: give its budget passes or steps")
        return budget
    if budget is not None:
        return Budget(passes=float(budget))
    return Budget(steps=1_000) if batch_size is None else Budget(passes=100)


def _plain_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """On CUDA, cuDNN's kernels that add up in a fixed order, and float32 without TF32's shorter factors."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    found: AbstractContextManager[None] = cudnn.flags(enabled=cudnn.enabled, deterministic=True, allow_tf32=False)
    return found


@contextmanager
def _denormals_flushed(dtype: torch.dtype) -> Iterator[None]:
    """Flush denormals in single precision, where the moments of dead units make a step many times slower."""
    already = float(torch.full((), _DENORMAL) * 1) == 0.0
    if dtype != torch.float32 or already:
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
