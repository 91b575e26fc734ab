"""Chapters 6 to 8: held-out results, conclusion, provenance."""

from __future__ import annotations

import json
from typing import Any

from likeliest.report.blocks import Block, figure, heading, listing, note, prose, table
from likeliest.report.chapters import pictures, sounds
from likeliest.report.chapters.theory import sentence_case
from likeliest.report.formatting import number, percent, percent_span, plural, setting, short, span, tail
from likeliest.report.kinds import AnyReport
from likeliest.report.schema import Application, Calibration, Cell, Edits, Model, Report, Surprise


def application(report: Report) -> list[Block]:
    """The models on held-out rows, then the recommended one from near."""
    blocks = [
        prose(
            "What counts is how a model does on rows it has never seen. The NLL judges the probabilities themselves:",
            "exp(−NLL) is the typical probability (or density) that the model gave to what then happened.",
            "Less NLL is better. The base rate knows nothing but the training targets, and a model that does not beat",
            "it has learnt nothing of use.",
        ),
        _scores(report),
        *_ends(report),
        *pictures.training(report),
    ]
    if "application" not in report:
        return blocks
    page = report["application"]
    model = next(m for m in report["models"] if m["name"] == page["model"])
    return [
        *blocks,
        *_calibration(report, model),
        *pictures.calibrated(report),
        *_errors(page, model),
        *pictures.classes(report),
        *_surprises(report, page),
        *pictures.surprises(report),
        *sounds.surprises(report),
        *pictures.looks(report),
        *sounds.listening(report),
        *sounds.reading(report),
        *sounds.speakers(report),
        *sounds.sizes(report),
    ]


def _scores(report: Report) -> Block:
    names = _score_names(report)
    head = ["model", "parameters", "NLL train", "NLL validation", "NLL test", *names]
    rows = [_score(model) for model in report["models"]]
    if "application" in report:
        base = report["application"]["base_rate"]
        share = percent(base.get("accuracy_test", base.get("wer_test")))
        score = number(base["rmse_test"]) if "rmse_test" in base else share
        further = [""] * (len(names) - 1)
        rows.append(["base rate (knows no inputs)", "", "", "", number(base["nll_test"]), score, *further])
    strong = next((i for i, m in enumerate(report["models"]) if m["name"] == report["conclusion"]["model"]), -1)
    test = plural(report["data"]["split"]["test"], "test row")
    return table(
        head, rows, f"NLL in nats a row; held-out numbers from {test}. The recommended model in bold.", strong=strong
    )


def _score_names(report: Report) -> list[str]:
    if report["data"]["target"]["kind"] == "texts":
        return ["word errors", "95 % interval", "character errors"]
    return ["RMSE test" if report["data"]["target"]["classes"] is None else "accuracy test", "95 % interval"]


def _score(model: Model) -> list[str]:
    interval = span(model["rmse_interval"]) if "rmse_interval" in model else ""
    interval = percent_span(model["accuracy_interval"]) if "accuracy_interval" in model else interval
    score = number(model["rmse_test"]) if "rmse_test" in model else percent(model.get("accuracy_test"))
    losses = [number(model["nll_train"]), number(model["nll_validation"]), number(model["nll_test"])]
    if "wer_test" in model:
        ends = model.get("wer_interval")
        errors = [percent(model["wer_test"]), percent_span(ends) if ends else "", percent(model.get("cer_test"))]
        return [model["title"], number(model["parameters"]), *losses, *errors]
    return [model["title"], number(model["parameters"]), *losses, score, interval]


def _ends(report: Report) -> list[Block]:
    return [heading("How the fits ended"), listing(map(_end, report["models"]))]


def _end(model: Model) -> str:
    verdict, work = model["verdict"], plural(setting(model["work"]), "pass", "passes")
    return f"{sentence_case(model['title'])}: {verdict['kind']} after {work} with {model['rule']}. {verdict['message']}"


def _calibration(report: Report, model: Model) -> list[Block]:
    page = model["calibration"]
    if report["data"]["target"]["kind"] == "texts":
        meaning = "Of all words read with 90 % confidence, 90 % should have been said: so it is in a calibrated model."
    elif report["data"]["target"]["classes"] is None:
        meaning = "If the predicted distribution is true, 10 % of the rows lie below its 10 % quantile, and so on."
    else:
        meaning = "Of all predictions made with 90 % confidence, 90 % should be right: so it is in a calibrated model."
    return [
        heading("Are the probabilities true?"),
        prose(meaning, _calibration_error(page)),
        figure(
            "calibration", f"Calibration ({model['title']}), with 95 % intervals. Dashed: a perfectly calibrated model."
        ),
        note(page["statement"], good=page["ece"] <= page["ece_interval"][1]),
    ]


def _calibration_error(page: Calibration) -> str:
    return (
        f"The mean gap (expected calibration error) is {number(page['ece'], 3)}. Chance alone gives a perfectly"
        f" calibrated model {number(page['ece_expected'], 3)} on so many rows,"
        f" and in 95 of 100 cases {span(page['ece_interval'], 3)}."
    )


def _errors(page: Application, model: Model) -> list[Block]:
    blocks: list[Block] = []
    if page["confusion"] is not None:
        counts = page["confusion"]["counts"]
        wrong = sum(map(sum, counts)) - sum(row[i] for i, row in enumerate(counts))
        caption = f"{plural(page['rows'], 'test row')}, {number(wrong)} of them predicted wrongly ({model['title']})."
        blocks += [heading("What is taken for what"), figure("confusion", caption)]
    if "edits" in model:
        blocks += [heading("What goes wrong"), prose(_edits(model["edits"]))]
    if page["predictions"] is not None:
        sigma = page["predictions"]["sigma"]
        width = "" if sigma is None else f" The model's own standard deviation is {number(sigma)}."
        count = plural(len(page["predictions"]["predicted"]), "test row")
        blocks += [
            heading("Predicted and observed"),
            figure("predictions", f"{count}; dashed: a perfect prediction.{width}"),
        ]
    return blocks


def _edits(page: Edits) -> str:
    wrong = plural(page["substitutions"], "was taken for another", "were taken for others")
    missed = plural(page["deletions"], "was missed", "were missed")
    added = plural(page["insertions"], "word was added", "words were added")
    return f"Of {plural(page['words'], 'word')} in the test recordings {wrong} and {missed}; {added} that nobody said."


def _surprises(report: Report, page: Application) -> list[Block]:
    if not page["surprises"]:
        return []
    said = "file" if not report["data"]["columns"] else "some of its values"
    head = ["row", "observed", "predicted", said, "p", "NLL"]
    caption = "Test rows that the model held for least likely: look here for wrong labels and for cases of a new kind."
    return [
        heading("The most surprising rows"),
        table(head, map(_surprise, page["surprises"]), caption, text=4, wide=3),
    ]


def _surprise(row: Surprise) -> list[str]:
    cells = ", ".join(map(_cell, row["cells"]))
    return [
        number(row["row"]),
        short(row["observed"]),
        short(row["predicted"]),
        cells,
        number(row["p"], 3),
        number(row["nll"], 3),
    ]


def _cell(cell: Cell) -> str:
    if cell["name"] == "file":
        return tail(cell["value"], 40)
    return f"{short(cell['name'], 24)} {short(cell['value'], 24)}"


def conclusion(report: Report) -> list[Block]:
    """Which model to use, why, and what the study does not show."""
    page = report["conclusion"]
    blocks = [note(page["sentence"], good=True)]
    blocks += [listing(page["reasons"])] if page["reasons"] else []
    blocks += [heading("What this does not show"), listing(page["cautions"])] if page["cautions"] else []
    return blocks


def provenance(report: AnyReport) -> list[Block]:
    """All that is needed to repeat the study."""
    page = report["provenance"]
    facts = [["command", page["command"]], ["seed", str(page["seed"])], ["SHA-256 of the data", page["data_sha256"]]]
    facts += [["threads", str(page["threads"])]] if "threads" in page else []
    facts += [[f"version of {name}", version] for name, version in page["versions"].items()]
    facts += [[f"plan: {name}", short(_plain(value), 160)] for name, value in report["plan"].items()]
    times = [[f"seconds: {name}", number(value, 3)] for name, value in report["seconds"].items()]
    return [
        prose("The same command on the same data and versions writes the same report.json, timings aside."),
        table(["what", "value"], [*facts, *times], f"Written by likeliest {report['likeliest']}.", text=2),
    ]


def _plain(value: Any) -> str:
    """A value of the plan as a reader would write it."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
