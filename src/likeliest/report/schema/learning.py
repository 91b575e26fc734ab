"""Chapters 4 and 5: one update by hand, and the race of learning rules."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from likeliest.report.schema.common import Curve


class Weighted(TypedDict):
    """One input of the last layer with its weight, before and after the update, for the output that is shown."""

    name: str
    """Column name, "intercept" (its x is 1), or "hidden 17" for a net."""
    x: float
    """The input as the model sees it (standardised), or the hidden unit's activation."""
    weight: float
    """w before the update."""
    gradient: float
    """∂NLL/∂w = −(y − p)·x."""
    change: float
    """Δw = −lr · gradient."""


class Output(TypedDict):
    """One column of η for the row: one for two classes or a number, one a class otherwise."""

    name: str
    """Class name, or the target's name."""
    eta: float
    """η before the update."""
    mean: float
    """p (or μ) before the update."""
    y: float
    """1 or 0 for a class, the (standardised) target for a number."""
    error: float
    """y − p."""
    score: NotRequired[float]
    """∂ log p/∂η of this column, where it is not y − p: without a canonical link, or with a dispersion."""
    eta_after: float
    """η after the update, all parameters moved."""
    mean_after: float
    """p (or μ) after the update."""


class UpdatedPart(TypedDict):
    """One part of θ in the update of a net."""

    part: str
    """Name of the slice."""
    size: int
    """Number of parameters."""
    gradient_norm: float
    """Euclidean norm of the part's gradient."""
    change_norm: float
    """Euclidean norm of the part's Δθ."""


class OneUpdate(TypedDict):
    """One gradient step on one row for one model; every number can be recomputed from the others by hand."""

    model: str
    """One of "linear regression", "logistic regression", "net"."""
    formula: str
    """The NLL of one row as one line of text, so that ``nll_before`` can be recomputed."""
    lr: float
    """Learning rate."""
    outputs: list[Output]
    """η's columns, the shown one first; at most ten."""
    outputs_left: int
    """Columns of η not listed."""
    inputs: list[Weighted]
    """Inputs of the shown output: the few of largest |x|, and the intercept last."""
    inputs_left: int
    """Inputs not listed."""
    eta_rest: float
    """Σ w·x of the inputs not listed: Σ over ``inputs`` of weight·x + eta_rest = outputs[0].eta."""
    squared_norm: float
    """Σ x² over all inputs of the last layer, the intercept's 1 included: for a model linear in θ,
    eta_after = eta + lr · score · squared_norm, the score being the error where none is given."""
    parts: list[UpdatedPart]
    """Part by part; empty for models linear in θ."""
    nll_before: float
    """NLL of the row before the update."""
    nll_after: float
    """NLL of the row after it."""


class LearningRule(TypedDict):
    """One row, one update, three models; and what three historic rules make of an error."""

    row: int
    """The row's number in the file (first data row = 1)."""
    reason: str
    """Why this row: "the first training row that the untrained net gets wrong", …"""
    target: str
    """The row's target as text."""
    start: NotRequired[str]
    """Where the update starts: "at the weights fitted so far", "at zero", …"""
    updates: list[OneUpdate]
    """Linear regression, logistic (softmax, Poisson) regression and net; for a number, linear regression and net."""
    curves: list[Curve]
    """Update (the factor of x in Δw/lr) against η for a row with y = 1: "delta rule" 1 − η, "perceptron" 1 − [η > 0],
    "logistic rule" 1 − σ(η), on one grid of η."""


class RaceRow(TypedDict):
    """One rule's result at its chosen learning rate; medians over seeds."""

    rule: str
    """Name of the rule."""
    lr: float | None
    """The learning rate chosen on validation rows; ``None`` where the rule has none."""
    nll: float | None
    """Median best validation NLL; ``None`` where it is not finite, or where the criterion is another."""
    error: float | None
    """Median held-out error: share of rows classified wrongly, or RMSE. Ranks rules whose criterion is not the NLL."""
    criterion: str
    """Either "nll", or what the rule really minimises."""
    work_to_target: float | None
    """Median work to the target, in passes; ``None`` where half of the seeds or more missed it."""
    work_low: float | None
    """Smallest work to target over seeds that reached it."""
    work_high: float | None
    """Largest work to target over seeds; ``None`` where some seed missed it (censored)."""
    reached: int
    """Seeds that reached the target."""
    seconds_to_target: float | None
    """Median wall time to the target, chosen setting run alone."""
    trials: int
    """Learning rates tried."""
    verdict: str
    """Kind of the commonest verdict, or a short phrase: "converged", "missed the target in 2 of 5 seeds"."""


class RaceCurve(TypedDict):
    """Validation NLL against work, over seeds."""

    rule: str
    """Name of the rule."""
    work: list[float]
    """(points,) passes over the training rows, rising, at most about 100."""
    median: list[float | None]
    """(points,) median over seeds; ``None``, here and below, where it is not finite."""
    low: list[float | None]
    """(points,) smallest over seeds."""
    high: list[float | None]
    """(points,) largest over seeds."""


class Comparison(TypedDict):
    """A rule against the reference, paired over seeds."""

    rule: str
    """Name of the rule."""
    ratio: float | None
    """exp of the mean paired difference of log work-to-target: 2 means twice the reference's work."""
    low: float | None
    """Lower end of the Holm-adjusted paired t interval of the ratio."""
    high: float | None
    """Upper end."""
    p_holm: float | None
    """Holm-adjusted p-value."""
    pairs: int
    """Seeds in which both reached the target."""
    statement: str
    """A phrase: "3.1 times the work of newton", "no difference shown", "not compared: missed the target"."""


class Skipped(TypedDict):
    """A rule that did not run."""

    rule: str
    """Name of the rule."""
    reason: str
    """A phrase: "needs HESSIAN", …"""


class Race(TypedDict):
    """Rules side by side under one protocol."""

    model: str
    """Title of the model that was trained, such as "net 64-32-10, 2,410 parameters"."""
    rows: list[RaceRow]
    """Results, the best first; may be empty."""
    curves: list[RaceCurve]
    """One a rule whose criterion is the NLL."""
    target: float | None
    """Validation NLL to reach: start − 0.95·(start − best)."""
    start: float | None
    """Median validation NLL at the initial θ."""
    best: float | None
    """Best median validation NLL of all rules."""
    base_rate: NotRequired[float]
    """Validation NLL of the base rate, for the plot."""
    budget: float
    """Work a run may spend, in passes over the training rows."""
    seeds: int
    """Number of seeds; each has its own split, initial θ and batch order."""
    trials: int
    """Learning rates tried per rule."""
    batch_size: NotRequired[int | None]
    """Rows in a mini-batch of the rules that use them."""
    reference: str | None
    """The rule that others are compared with: the one of least median work."""
    level: float
    """Family-wise confidence of the intervals: 0.95."""
    comparisons: list[Comparison]
    """One a rule other than the reference."""
    skipped: list[Skipped]
    """Rules that did not run, with reasons."""
    conclusion: str
    """The sentence or sentences that the race ends in."""
