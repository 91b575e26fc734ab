"""The distribution of tomorrow's return: scores of all models, volatility, and the models themselves."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, formula, heading, note, prose, table
from likeliest.report.chapters.prices.words import difference, place_of, sentence, title_of, yes
from likeliest.report.chapters.theory import sentence_case
from likeliest.report.formatting import NOTHING, basis_points, number, plural, span
from likeliest.report.schema import ParameterJson, PriceModel, PriceReport

SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "df": "ν", "eta": "η", "lam": "λ", "lambda": "λ", "mean": "μ",
    "measure": "c", "mu": "μ", "nu": "ν", "omega": "ω", "scale": "σ", "sigma": "σ", "sigma2": "σ²",
}  # fmt: skip
"""Parameters by the names that their field spells out, as formulas write them."""


def blocks(report: PriceReport) -> list[Block]:
    """Scores, the race of scores through time, volatility, and model after model."""
    if not report["models"]:
        return []
    return [*_scores(report), *_base_rate(report), *_volatility(report), *_models(report)]


def _scores(report: PriceReport) -> list[Block]:
    head = ["model", "log score", "less GARCH", "95 % interval", "p", "CRPS (bp)", "may be best"]
    rows = [
        [m["title"], number(m["log_score"], 5), *difference(m["against_garch"]), basis_points(m["crps"]), _best(m)]
        for m in report["models"]
    ]
    days = plural(report["protocol"]["days"], "day")
    caption = (
        f"Forecasts of {days}, baselines first, the recommended model in bold. Log scores and their differences to "
        "GARCH(1,1) in nats a day, with Diebold and Mariano's p-value; CRPS in basis points. May be best: whether the "
        "model is in the model confidence set, which holds the best model with 90 % confidence."
    )
    return [
        prose(
            "Each model says for each day how probable every return is. When the return has come, the log score is the",
            "log of the density that the model gave to it (the density of returns as fractions): the larger, the",
            "better. It rewards a model for being sure where it may be, and punishes it for being sure and wrong. The",
            "CRPS is a second judge, more lenient with extremes: how far the whole distribution lay from what came, in",
            "the unit of returns, so that less is better.",
        ),
        table(head, rows, caption, strong=place_of(report)),
        note(report["conclusion"]["volatility"], good=True),
        *_curves(report),
    ]


def _best(model: PriceModel) -> str:
    return yes(model["in_confidence_set"])


def _curves(report: PriceReport) -> list[Block]:
    if not report["score_days"] or not report["scores"]:
        return []
    caption = (
        "Cumulative difference of log scores to GARCH(1,1), in nats. A line that rises is ahead on those days; one "
        "that falls back in a single day did not expect what happened then."
    )
    return [figure("scores", caption)]


def _base_rate(report: PriceReport) -> list[Block]:
    judged = [m for m in report["models"] if m["against_base_rate"] is not None]
    if not judged:
        return []
    names = [m["name"] for m in judged]
    best = report["conclusion"]["model"]
    rows = [[m["title"], *difference(m["against_base_rate"]), _edge(m)] for m in judged]
    caption = (
        "Log scores less that of the base rate, in nats a day. An edge: better beyond chance and beyond having tried "
        "so many models."
    )
    head = ["model", "less base rate", "95 % interval", "p", "edge"]
    strong = names.index(best) if best in names else -1
    return [
        heading("Better than knowing nothing?"),
        prose(
            "The base rate gives every day the distribution of the returns learnt from. A model that does not beat it",
            "has learnt nothing of use.",
        ),
        table(head, rows, caption, strong=strong),
    ]


def _edge(model: PriceModel) -> str:
    return "shown" if model["edge"] else "not shown"


def _volatility(report: PriceReport) -> list[Block]:
    page = report["volatility"]
    if not page["days"]:
        return []
    title = title_of(report, report["conclusion"]["model"])
    caption = (
        f"Standard deviation a day that {title} forecast at the close before (line), and what the day then showed "
        f"(bars): {page['measure']}. One day's measure is noisy, and smaller than its σ on most days."
    )
    return [heading("Volatility: forecast and seen"), figure("volatility", caption)]


def _models(report: PriceReport) -> list[Block]:
    blocks = [
        heading("The models and their parameters"),
        prose(
            "r is the return of a day, ε what its mean did not foresee, h the variance of ε given all days before.",
            "Parameters are those of the fit to all days. Standard errors stand on the curvature of the likelihood",
            "(Hessian), robust ones hold even where the distribution is another (sandwich); intervals are the",
            "robust ones.",
        ),
    ]
    for model in report["models"]:
        blocks += _model(model)
    return blocks


def _model(model: PriceModel) -> list[Block]:
    return [
        heading(sentence_case(model["title"])),
        *([formula([model["formula"]])] if model["formula"] else []),
        prose(sentence(model["source"]), _end(model)),
        *([_parameters(model)] if model["parameters"] else []),
    ]


def _end(model: PriceModel) -> str:
    verdict, failed = model["verdict"], model["failed_refits"]
    kept = f"{plural(failed, 'refit')} did not converge, and where they ended was kept." if failed else ""
    return f"The fit to all days ended as {verdict['kind']}. {sentence(verdict['message'])} {kept}".strip()


def _parameters(model: PriceModel) -> Block:
    head = ["parameter", "estimate", "standard error", "robust", "95 % interval", "at bound"]
    return table(head, map(_parameter, model["parameters"]), f"Parameters of {model['title']}.")


def _parameter(page: ParameterJson) -> list[str]:
    low, high = page["low"], page["high"]
    interval = NOTHING if low is None or high is None else span([low, high], 3)
    errors = [number(page["standard_error"], 3), number(page["robust_error"], 3)]
    return [_symbol(page["name"]), number(page["value"]), *errors, interval, "at bound" if page["at_bound"] else ""]


def _symbol(name: str) -> str:
    """The parameter as its formula writes it: "alpha[1]" is α[1]."""
    stem, bracket, rest = name.partition("[")
    return f"{SYMBOLS.get(stem, stem)}{bracket}{rest}"
