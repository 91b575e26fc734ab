"""Why: each cause is an experiment on the evaluation that failed, and the first that comes out decides.

    =====================  =========================================================================================
    cause                  decided by
    =====================  =========================================================================================
    start                  θ held a number that is not finite before the first step
    input, target          the batch holds a number that is none, or a y that cannot occur; or numbers far outside
                           all others; and without those rows the steps since the last good point are finite
    precision              something was in half precision, and the same steps in single stay finite and go on
    start                  θ at the start had absurd entries, and the batch fails there already
    loss, layer            the first operation to make such a number was asked for what has no value (the log of 0,
                           0/0, a root's slope at 0) at ordinary numbers, in code of the user's own
    start                  the batch fails at the start, and not at a start drawn by the predictor itself
    loss, layer            code of the user's own overflows at ordinary numbers, with smaller steps too
    exploding_state        while θ had still its ordinary size, outputs were out of all proportion to the inputs
    learning_rate          what is left: θ has grown until something overflowed
    =====================  =========================================================================================

The order is that of what can be known: wrong data make anything fail, so they come before all that follows from a
forward pass; half precision overflows where single does not, so it comes before operations are looked at; a batch that
fails at the start was not brought there by steps, so that question comes before the growth of θ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from likeliest.autopsy.data import Suspects, suspects
from likeliest.autopsy.findings import named_rows
from likeliest.autopsy.look import Snapshot, all_finite, norm
from likeliest.autopsy.place import Failure, part_at
from likeliest.autopsy.replay import (
    Scene,
    computes_in_half,
    first_failing,
    in_single,
    replayed,
    slower,
    stays_finite,
)
from likeliest.autopsy.walk import HUGE, Finding, amplified, bad_rows, first_place, overflowed_far_from_inputs, trail
from likeliest.predictors import Columns, Predictor
from likeliest.randomness import stream

ABSURD = 1e4
"""No net starts from entries this large."""
ORDINARY = 1e3
"""η, and what goes into a layer of one's own, should do no harm up to here."""
GROWN = 3.0
"""θ with a norm so many times that of the start has left its ordinary size."""
AHEAD = 256
"""Steps past the failing one that have to be finite before half precision is to blame."""
ELSEWHERE = 8
"""Points besides the start at which a row has to fail before it is to blame."""
LOOKED_BACK = 512
"""Steps from the start, at most, that are taken again with smaller steps."""


class Ruling(NamedTuple):
    """A cause, what shows it, and where that moves the place: to the data, or to the rows that are to blame."""

    cause: str
    because: str
    rows: Tensor | None = None
    layer: str | None = None
    phase: str | None = None


def ruling(scene: Scene, failure: Failure) -> Ruling:
    """The first experiment that comes out; see the table above."""
    found = _not_finite_at_start(scene) or _data(scene, failure)
    if found is not None:
        return found
    if failure.finding.phase == "data":  # the net copes with such data: what failed comes after them
        past = first_place(scene.objective, failure.theta, failure.rows, failure.draw, past_data=True)
        failure = replace(failure, finding=past or failure.finding)
    judges: tuple[Callable[[Scene, Failure], Ruling | None], ...] = (_precision, _absurd_start, _undefined)
    for judge in judges:
        if (found := judge(scene, failure)) is not None:
            return found._replace(layer=failure.finding.layer, phase=failure.finding.phase)
    last = _fails_at_start(scene, failure) if at_start(scene, failure) else _after_steps(scene, failure)
    return last._replace(layer=failure.finding.layer, phase=failure.finding.phase)


def at_start(scene: Scene, failure: Failure) -> Finding | None:
    """Where the same batch fails at the start, if it does."""
    return first_place(scene.objective, scene.look.start, failure.rows, failure.draw, past_data=True)


def back_to(scene: Scene, failure: Failure) -> Snapshot:
    """Where to replay from: the last good point, or the start."""
    return scene.look.good if failure.step > scene.look.good.step else scene.at_start


# θ at the start.


def _not_finite_at_start(scene: Scene) -> Ruling | None:
    start = scene.look.start
    if all_finite(start):
        return None
    wrong = (~torch.isfinite(start)).nonzero()
    where = part_at(scene, int(wrong[0]))
    count = "1 number that is" if len(wrong) == 1 else f"{len(wrong)} numbers that are"
    return Ruling("start", f"θ held {count} not finite before the first step, in {where} first.")


def _absurd_start(scene: Scene, failure: Failure) -> Ruling | None:
    size = float(scene.look.start.abs().max()) if len(scene.look.start) else 0.0
    if size <= ABSURD or at_start(scene, failure) is None:
        return None
    return Ruling("start", f"θ had entries up to {size:.3g} before the first step, and this batch fails there already.")


# Data.


def _data(scene: Scene, failure: Failure) -> Ruling | None:
    data = scene.objective if failure.held_out else scene.given
    if failure.held_out:
        return _held_out_data(scene, failure)
    here = suspects(data, failure.rows)
    certain = sorted((s for s in here if s.certain), key=lambda s: s.layer != failure.finding.layer)
    doubtful = [s for s in suspects(data, _window(scene, failure)) if not s.certain]
    for suspect in (*certain, *doubtful):
        if _helps(scene, failure, suspect.rows):
            return _by_rows(failure, suspect)
    everything = torch.cat([s.rows for s in (*certain, *doubtful)]).unique() if certain or doubtful else None
    if everything is not None and len(certain) + len(doubtful) > 1 and _helps(scene, failure, everything):
        return _by_rows(failure, (*certain, *doubtful)[0])
    return None


def _by_rows(failure: Failure, suspect: Suspects) -> Ruling:
    in_batch = suspect.rows[torch.isin(suspect.rows, failure.rows)]
    because = f"In the data {suspect.what}; without such rows the same steps are finite."
    return Ruling(suspect.cause, because, in_batch if len(in_batch) else suspect.rows, suspect.layer, "data")


def _held_out_data(scene: Scene, failure: Failure) -> Ruling | None:
    assert scene.validation is not None
    for suspect in suspects(scene.validation, failure.rows):
        if suspect.certain:
            what = f"Of the held-out rows, {suspect.what}; every step of the training was finite."
            return Ruling(suspect.cause, what, None, suspect.layer, "data")
    return None


def _window(scene: Scene, failure: Failure) -> Tensor:
    """The rows of the batches since the last good point."""
    begin = back_to(scene, failure)
    if failure.draw is None or failure.measured or scene.step == 0:
        return failure.rows
    draws = islice(scene.draws(begin.step), failure.step - begin.step)
    rows: Tensor = torch.cat([scene.rows_of(draw) for draw in draws]).unique()
    return rows


def _helps(scene: Scene, failure: Failure, rows: Tensor) -> bool:
    """Whether what failed is finite without some rows."""
    kept = failure.rows[~torch.isin(failure.rows, rows)]
    draw = failure.draw and replace(failure.draw, rows=kept)
    if failure.measured or scene.step == 0:
        return len(kept) == 0 or first_place(scene.objective, failure.theta, kept, draw, past_data=True) is None
    return stays_finite(scene, back_to(scene, failure), failure.step, without=rows)


# Precision.


def _precision(scene: Scene, failure: Failure) -> Ruling | None:
    ours = computes_in_half(scene.objective.predictor)
    if not (ours or failure.finding.halves):
        return None
    until = failure.step + AHEAD if scene.steps is None else min(failure.step + AHEAD, max(scene.steps, failure.step))
    objective = in_single(scene.objective) if ours else None
    if not stays_finite(scene, back_to(scene, failure), until, single=True, objective=objective):
        return None
    return Ruling("precision", f"{_birth(failure)}; the same steps in single precision are finite, and go on.")


# Code of the user's own.


def _undefined(scene: Scene, failure: Failure) -> Ruling | None:
    birth = failure.finding.birth
    if birth is None or not birth.undefined or birth.largest > HUGE or not _own(scene, failure):
        return None
    if failure.finding.phase == "likelihood" and _eta(failure) > HUGE:
        return None
    cause = "loss" if failure.finding.phase == "likelihood" else "layer"
    met = "numbers" if cause == "layer" else "η"
    because = f"It takes {birth} at finite {met}{_spread(failure)}."
    return Ruling(cause, because, _to_blame(scene, failure))


def _overflows_at_ordinary(scene: Scene, failure: Failure) -> bool:
    """Whether code of the user's own overflows where nothing is large yet."""
    birth, finding = failure.finding.birth, failure.finding
    if birth is None or not _own(scene, failure) or amplified(finding.trail[:-1]):
        return False
    return (_eta(failure) if finding.phase == "likelihood" else birth.largest) <= ORDINARY


def _overflow(scene: Scene, failure: Failure) -> Ruling:
    cause = "loss" if failure.finding.phase == "likelihood" else "layer"
    return Ruling(cause, f"{_birth(failure)}{_spread(failure)}.", _to_blame(scene, failure))


def _own(scene: Scene, failure: Failure) -> bool:
    """Whether the failing place is code of the user's own."""
    layer, phase = failure.finding.layer, failure.finding.phase
    if phase == "likelihood":
        return _foreign(scene.objective.family)
    return phase in ("forward", "backward") and any(map(_foreign, _components(scene.objective.predictor, layer)))


def _foreign(thing: object) -> bool:
    return not type(thing).__module__.startswith("likeliest.") or hasattr(thing, "module")


def _components(predictor: Predictor, layer: str) -> list[Predictor]:
    """The predictor that a layer is in, going down through columns; η is of all of them."""
    if not isinstance(predictor, Columns):
        return [predictor]
    name, _, rest = layer.partition(".")
    inside = [predictor.components[name]] if name in predictor.components else list(predictor.components.values())
    return [found for p in inside for found in _components(p, rest)]


def _to_blame(scene: Scene, failure: Failure) -> Tensor | None:
    """The rows of the batch that fail by themselves, at any θ; None where that is none or all of them."""
    own = fail_anywhere(scene, failure.rows)
    return own if 0 < len(own) < len(failure.rows) else None


def fail_anywhere(scene: Scene, rows: Tensor) -> Tensor:
    """Of some rows, those that fail in evaluation at the start and wherever else they are asked."""
    for theta in (scene.look.start, *_elsewhere(scene)):
        rows = bad_rows(scene.objective, theta, rows, None)
    return rows


def _elsewhere(scene: Scene) -> Iterator[Tensor]:
    """Points around the start, as far from it as its entries are from 0."""
    start, predictor = scene.look.start, scene.objective.predictor
    learnt = torch.zeros_like(start)
    for part in predictor.parts.values():
        learnt[part.slice] = float(part.learnt)
    scale = float(start.square().mean().sqrt()) or 0.1
    for k in range(ELSEWHERE):
        noise = torch.from_numpy(stream(scene.seed, "autopsy", k).normal(0.0, scale, len(start)))
        yield start + learnt * noise.to(start)


# What the start or the steps have done.


def _fails_at_start(scene: Scene, failure: Failure) -> Ruling:
    drawn = scene.objective.predictor.init([stream(scene.seed, "init")], scene.look.start.dtype)[0]
    drawn = drawn.to(scene.look.start.device)
    fresh = not torch.equal(drawn, scene.look.start)
    if fresh and first_place(scene.objective, drawn, failure.rows, failure.draw, past_data=True) is None:
        return Ruling("start", f"{_birth(failure)} at the θ given; at one drawn by the net itself nothing does.")
    if _overflows_at_ordinary(scene, failure):
        return _overflow(scene, failure)
    if overflowed_far_from_inputs(failure.finding) or failure.finding.phase == "backward":
        return Ruling("exploding_state", _explosion(failure.finding.trail, scene.look.start, failure))
    because = f"{_birth(failure)} before any step: at this start the batch is out of reach of log p."
    return Ruling("start", because + " Standardise the inputs.")


def _after_steps(scene: Scene, failure: Failure) -> Ruling:
    ordinary = _last_ordinary(scene, failure)
    if ordinary is not None:
        sizes = tuple(trail(scene.objective, ordinary.theta, ordinary.rows, ordinary.draw))
        if amplified(sizes):
            return Ruling("exploding_state", _explosion(sizes, ordinary.theta, failure))
    grew = _growth(scene, failure.theta)
    if _overflows_at_ordinary(scene, failure) and (grew <= GROWN or not _smaller_steps_help(scene, failure, 8.0, 8)):
        return _overflow(scene, failure)
    by = f"grew {grew:.3g}-fold" if math.isfinite(grew) else f"grew to a norm of {_double_norm(failure.theta):.3g}"
    because = f"{_birth(failure)}: θ {by} since the start"
    if _smaller_steps_help(scene, failure, 10.0, 1):
        because += "; with a tenth of the learning rate the same steps are finite"
    return Ruling("learning_rate", because + ".")


def _last_ordinary(scene: Scene, failure: Failure) -> Failure | None:
    """The last step up to the failing one at which θ had still its ordinary size."""
    if failure.measured:
        return failure if _growth(scene, failure.theta) <= GROWN else None
    begin, found = back_to(scene, failure), None
    for step in islice(replayed(scene, begin), failure.step - begin.step):
        if _growth(scene, step.before) <= GROWN:
            found = replace(failure, theta=step.before, rows=scene.rows_of(step.draw), draw=step.draw)
    return found


def _smaller_steps_help(scene: Scene, failure: Failure, by: float, times: int) -> bool:
    """Whether steps that are smaller by a factor, so many times as many of them, stay finite from the start."""
    rule = slower(scene.rule, by)
    if rule is None or failure.step > LOOKED_BACK:
        return False
    start = scene.at_start
    return first_failing(scene, start, failure.step * times, rule=rule) is None


def _growth(scene: Scene, theta: Tensor) -> float:
    start, now = _double_norm(scene.look.start), _double_norm(theta)
    return now / start if start > 0 else math.inf if now > 0 else 1.0


def _double_norm(theta: Tensor) -> float:
    return norm(theta.double())


# Words.


def _eta(failure: Failure) -> float:
    """The largest entry of η, by magnitude."""
    return next((size for name, size in reversed(failure.finding.trail) if name == "eta"), 0.0)


def _birth(failure: Failure) -> str:
    birth = failure.finding.birth
    if birth is None:
        made = (
            "What the rule made of a finite gradient" if failure.finding.phase == "update" else "What is computed there"
        )
        return f"{made} is not finite"
    return f"It takes {birth}" if birth.undefined else f"The operation {birth}"


def _spread(failure: Failure) -> str:
    rows = failure.finding.rows
    of = "rows measured" if failure.measured else "rows of the batch"
    return f", in {len(rows)} of {len(failure.rows)} {of} ({named_rows(rows)})" if rows else ""


def _explosion(sizes: tuple[tuple[str, float], ...], theta: Tensor, failure: Failure) -> str:
    inputs = next((size for name, size in sizes if name == "x"), 1.0)
    name, size = max(((n, s) for n, s in sizes if n != "x"), key=lambda item: item[1], default=("eta", 0.0))
    birth = failure.finding.birth
    if birth is not None and birth.largest > size:
        name, size = failure.finding.layer, birth.largest
    grew = f"numbers of {size:.3g}" if math.isfinite(size) else "numbers that overflow"
    return (
        f"Inputs up to {inputs:.3g} become {grew} in {name}, with no entry of θ beyond {float(theta.abs().max()):.3g}."
    )
