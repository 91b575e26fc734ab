"""The main job: data in; models fitted, gradients certified, rules raced, probabilities judged; report out."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from likeliest._version import __version__
from likeliest.data.images import ImageEncoder
from likeliest.data.sounds import SoundEncoder
from likeliest.files import atomic_write, require_writable
from likeliest.progress import Callback
from likeliest.race import race
from likeliest.randomness import stream
from likeliest.report import render
from likeliest.sequences import rows_of
from likeliest.study.application import application, model_json
from likeliest.study.candidate import Candidate
from likeliest.study.candidates import fit_candidates
from likeliest.study.certifying import certify
from likeliest.study.classes import calibrated_json, class_reports
from likeliest.study.clock import Clock
from likeliest.study.conclusion import conclusion, recommend
from likeliest.study.gallery import picture_pages
from likeliest.study.ground import Ground
from likeliest.study.learning import learning_rule
from likeliest.study.listening import word_pages
from likeliest.study.pages import family_json, gradient, probability, provenance, training_json
from likeliest.study.plan import Plan
from likeliest.study.prices import AS_USUAL, PriceStudy, Walk, are_prices, study_prices
from likeliest.study.text_pages import pages_of_texts
from likeliest.tasks import AS_FITS, Kind, Reading, Source, task_for

if TYPE_CHECKING:
    from likeliest.report.schema import Certificate
    from likeliest.report.schema import Race as RaceJson


CONVOLUTIONAL_RACE = (3, 3, 500)
"""Seeds, learning rates and rows of a race on a convolutional net, at most."""
RACE_OF_TEXTS = (3, 3, 60)
"""As `CONVOLUTIONAL_RACE`, where each row has hundreds of frames."""


@dataclass(frozen=True)
class Study:
    """What a study leaves behind.

    Attributes:
        report: all of ``report.json``.
        models: the fitted models by name; ``models[recommended]`` is the one to use.
        recommended: its name.
        out: the folder with ``report.html``, ``report.pdf`` and ``report.json``.
    """

    report: Mapping[str, Any]
    models: Mapping[str, Candidate]
    recommended: str
    out: Path


def study(
    data: Source,
    target: str | None = None,
    out: str | Path = "study",
    *,
    family: str | None = None,
    reading: Reading = AS_FITS,
    kind: str | None = None,
    walk: Walk = AS_USUAL,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda words: None,
    on_progress: Callback = lambda seen: None,
) -> Study | PriceStudy:
    """Study how a model learns a data set, and write the report.

    Args:
        data: a CSV, TSV or Parquet file, a folder of pictures or recordings, prices with their dates, or the name of a
            catalogued data set.
        target: the column to predict; None takes the one called target, label, class, outcome or y. Folders of pictures
            have none, and transcripts go by their usual names. Of prices it is the asset.
        out: the folder for the report.
        family: a family's name in place of the one that the target calls for.
        reading: which labels texts are read in, and a file of sentences that tell what is likely to be said.
        kind: "prices" for a table that does not look like prices and is to be read as such.
        walk: how a study of prices walks through time.
        plan: what to do and how much work to spend; None is ``Plan.of("standard")``.
        device: "cpu", or "cuda" for the nets of pictures and recordings to be trained there; "cuda:1" and so on.
        progress: called with a few words at each stage.
        on_progress: called with every measurement of the net's fit; see `likeliest.fit`.

    Returns:
        A `Study`, or of prices a `PriceStudy`, after ``report.json``, ``report.html`` and ``report.pdf`` were written.

    Raises:
        InputError: the data or the target cannot be used; the message names the place and the remedy.
        OutputError: the folder cannot be written; found out before any work is done.

    Example:
        >>> import likeliest as lk
        >>> lk.study("digits", out="study").recommended             # doctest: +SKIP
        'net'
    """
    plan = plan or Plan.of()
    out = Path(out)
    if are_prices(data, target, kind):
        return study_prices(data, target, out, plan=plan, walk_plan=walk, progress=progress)
    require_writable(out)
    clock = Clock(progress)
    began = time.perf_counter()
    task = task_for(data, target, family, reading)
    with clock.stage("load", "reading"):
        examples = task.load(data, target, family)
        ground = Ground(task, examples, task.split(examples, plan.seed, plan.fractions), plan, device)
        at_a_glance = task.glance(examples, ground.split, ground.raw_encoder)
    with clock.stage("fit", "fitting"):
        candidates = fit_candidates(ground, progress, on_progress)
    with clock.stage("certify", "certifying the gradients"):
        certified = [c for c in candidates if c.name != "linear_unpenalised"]
        certificates = [cast("Certificate", certify(ground, c).to_json(c.name)) for c in certified]
    with clock.stage("race", "racing the learning rules"):
        raced = race_json(ground)
    with clock.stage("evaluate", "evaluating on held-out rows"):
        models = [model_json(ground, c) for c in candidates]
        chosen, why = recommend(candidates)
        applied = application(ground, chosen)
        further = _further(ground, candidates, chosen)
    asked = target if ground.recipe is not None else examples.target.name
    command = _command(data, asked, {"--family": family, **reading.options}, plan)
    report = {
        "likeliest": __version__,
        "data": at_a_glance,
        "family": family_json(ground),
        **_at_one_eta(ground, candidates, chosen),
        "certificates": certificates,
        **_one_update(ground, candidates),
        "race": raced,
        "models": models,
        "application": applied,
        "conclusion": conclusion(chosen, why, models, applied["base_rate"], certificates, raced, at_a_glance),
        "provenance": provenance(command, plan.seed, examples.sha256),
        "plan": plan.to_json(),
        "seconds": clock.seconds,
    }
    report |= further
    progress("writing the report")
    clock.seconds["total"] = time.perf_counter() - began
    path = out / "report.json"
    atomic_write(path, (json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    render(path, out)
    return Study(report, {c.name: c for c in candidates}, chosen.name, out)


def _at_one_eta(ground: Ground, candidates: list[Candidate], chosen: Candidate) -> dict[str, Any]:
    """Pages of the probability function and the gradient, which η of a whole sequence has no place on."""
    if ground.examples.alphabet is not None:
        return {}
    shown = [c for c in candidates if c.name != "linear_unpenalised"]
    rows = min(ground.plan.certificate_rows, len(ground.split.train))
    return {"probability": probability(ground, chosen), "gradient": gradient(ground, shown, rows)}


def _one_update(ground: Ground, candidates: list[Candidate]) -> dict[str, Any]:
    """The page of one update by hand, of which the same holds."""
    return {} if ground.examples.alphabet is not None else {"learning_rule": learning_rule(ground, candidates)}


def _further(ground: Ground, candidates: list[Candidate], chosen: Candidate) -> dict[str, Any]:
    """Pages that not every study has: calibration, classes, pictures, sounds, and how a net by a recipe learnt."""
    pages: dict[str, Any] = {}
    if (calibrated := calibrated_json(ground, chosen)) is not None:
        pages |= {"calibrated": calibrated, "classes": class_reports(ground, chosen)}
    if ground.recipe is not None:
        net = next(c for c in candidates if c.name == "net")
        pages |= {"training": training_json(ground, ground.recipe, net)}
    if isinstance(ground.net_encoder, ImageEncoder):
        pages |= {"pictures": picture_pages(ground, candidates, chosen)}
    if isinstance(ground.net_encoder, SoundEncoder) and ground.examples.target.classes is not None:
        pages |= {"sounds": word_pages(ground, candidates, chosen)}
    if ground.examples.alphabet is not None:
        pages |= {"sounds": pages_of_texts(ground, chosen)}
    return pages


def race_json(ground: Ground, model: Kind = "linear") -> RaceJson:
    """Race the plan's rules on a model, by default the linear one, on which all can run; test rows take no part."""
    plan = ground.plan
    seeds, trials, most = plan.race_seeds, plan.race_trials, plan.race_rows
    if model == "net" and ground.recipe is not None:  # a step of convolutions costs hundreds of those of linear models
        seeds, trials, most = (min(*pair) for pair in zip((seeds, trials, most), CONVOLUTIONAL_RACE, strict=True))
    if ground.examples.alphabet is not None:
        seeds, trials, most = (min(*pair) for pair in zip((seeds, trials, most), RACE_OF_TEXTS, strict=True))
    rows = ground.learning_rows
    if len(rows) > most:
        rows = np.sort(stream(plan.seed, "race").choice(rows, size=most, replace=False))
    encoder = ground.net_encoder if model == "net" else ground.standard_encoder
    x = rows_of(ground.x_for(encoder), rows)
    predictor = ground.task.predictor(model, ground.family, encoder, x.shape[1:], ground.outputs, plan.hidden)
    result = race(
        x,
        ground.y[rows],
        family=ground.family,
        predictor=predictor,
        rules=plan.race_rules,
        seeds=range(plan.seed, plan.seed + seeds),
        trials=trials,
        budget=plan.race_passes,
        batch_size=plan.batch_for(len(rows)),
        l2=1.0,
    )
    return result.to_json()


def _command(data: Source, target: str | None, asked: Mapping[str, str | None], plan: Plan) -> str:
    """The command line that repeats the study, unless its plan is one's own; where its report goes is no part of it."""
    words = ["likeliest", "study", str(data), *(["--target", target] if target else []), "--seed", str(plan.seed)]
    options = {**asked, "--budget": plan.budget}
    return shlex.join([*words, *(word for name, value in options.items() if value for word in (name, value))])
