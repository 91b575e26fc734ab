"""Chapter 4: one update, to be recomputed by hand."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, formula, heading, prose, table
from likeliest.report.chapters import pictures
from likeliest.report.chapters.theory import sentence_case
from likeliest.report.formatting import number, plural, setting, short
from likeliest.report.schema import LearningRule, OneUpdate, Report

DIGITS = 6
"""Digits of whatever a reader may want to recompute."""


def blocks(report: Report) -> list[Block]:
    """One row, three models, one step; then three historic rules."""
    if "learning_rule" not in report:
        return []
    page = report["learning_rule"]
    updates = page["updates"]
    return [
        prose(
            "A learning rule turns a gradient into the next weights. The simplest is a step downhill:",
            "weight ← weight − learning rate × gradient. Here it is on one row of this data,",
            f"row {number(page['row'])}, whose target is {short(page['target'], 60)} ({page['reason']}).",
            f"The step starts {page['start']}." if "start" in page else "",
        ),
        *([_side_by_side(updates)] if updates else []),
        *(block for update in updates for block in _by_hand(update)),
        *(_rules(page) if page["curves"] else []),
        *pictures.weights(report),
    ]


def _side_by_side(updates: list[OneUpdate]) -> Block:
    """One column a model, for the output that is shown."""
    first = [update["outputs"][0] for update in updates]
    rows = [
        ["output", *(short(o["name"], 28) for o in first)],
        ["learning rate", *(setting(u["lr"]) for u in updates)],
        ["η", *(exact(o["eta"]) for o in first)],
        ["p (or μ)", *(exact(o["mean"]) for o in first)],
        ["y", *(exact(o["y"]) for o in first)],
        ["error y − p", *(exact(o["error"]) for o in first)],
        ["η after", *(exact(o["eta_after"]) for o in first)],
        ["p after", *(exact(o["mean_after"]) for o in first)],
        ["NLL before", *(exact(u["nll_before"]) for u in updates)],
        ["NLL after", *(exact(u["nll_after"]) for u in updates)],
    ]
    head = ["one update", *(update["model"] for update in updates)]
    return table(head, rows, "The same row, the same step, on each model. NLL falls because the step went downhill.")


def _by_hand(update: OneUpdate) -> list[Block]:
    """The arithmetic of one model, ready for a pocket calculator."""
    head = ["input", "x", "w", "gradient", "Δw", "w after"]
    rows = [
        [
            short(i["name"], 28),
            *map(exact, (i["x"], i["weight"], i["gradient"], i["change"], i["weight"] + i["change"])),
        ]
        for i in update["inputs"]
    ]
    left = (
        f"; {plural(update['inputs_left'], 'more input')} add {exact(update['eta_rest'])} to η"
        if update["inputs_left"]
        else ""
    )
    blocks = [
        heading(sentence_case(update["model"])),
        formula(_arithmetic(update)),
        table(head, rows, f"Inputs of largest size and their weights, {update['model']}{left}."),
    ]
    if len(update["outputs"]) > 1:
        blocks.append(_outputs(update))
    if update["parts"]:
        blocks.append(_parts(update))
    return blocks


def _arithmetic(update: OneUpdate) -> list[str]:
    out, first, lr = update["outputs"][0], update["inputs"][0], setting(update["lr"])
    canonical = "score" not in out
    score = bracket(out.get("score", out["error"]))
    sign = "(y − p)" if canonical else "u"
    slope = f"−{score} · {bracket(first['x'])} = {exact(first['gradient'])}"
    lines = [
        f"NLL = {update['formula']} = {exact(update['nll_before'])}",
        f"y − p = {exact(out['y'])} − {bracket(out['mean'])} = {exact(out['error'])}",
        *([] if canonical else [f"u = ∂ log p/∂η = {exact(out['score'])}"]),
        f"For {short(first['name'], 28)}: gradient = −{sign} · x = {slope}",
        f"Δw = −{lr} · {bracket(first['gradient'])} = {exact(first['change'])}",
    ]
    if not update["parts"]:
        norm = exact(update["squared_norm"])
        moved = f"{exact(out['eta'])} + {lr} · {score} · {norm} = {exact(out['eta_after'])}"
        lines.append(f"η after = η + {lr} · {sign} · Σx² = {moved}")
    return [*lines, f"NLL after = {exact(update['nll_after'])}"]


def exact(value: float) -> str:
    """Print a number with all the digits that recomputing takes."""
    return number(value, DIGITS)


def bracket(value: float) -> str:
    """Print a number so that it can follow a sign."""
    return f"({exact(value)})" if value < 0 else exact(value)


def _outputs(update: OneUpdate) -> Block:
    rows = [
        [short(o["name"], 28), *map(exact, (o["eta"], o["mean"], o["y"], o["error"], o["eta_after"], o["mean_after"]))]
        for o in update["outputs"]
    ]
    left = f" {plural(update['outputs_left'], 'class')} more are not listed." if update["outputs_left"] else ""
    head = ["class", "η", "p", "y", "y − p", "η after", "p after"]
    return table(head, rows, f"All classes move at once: the true one up, the others down, {update['model']}.{left}")


def _parts(update: OneUpdate) -> Block:
    rows = [[p["part"], number(p["size"]), exact(p["gradient_norm"]), exact(p["change_norm"])] for p in update["parts"]]
    head = ["part", "size", "length of gradient", "length of step"]
    return table(head, rows, "Backpropagation moves every layer of the net in the same step.")


def _rules(page: LearningRule) -> list[Block]:
    names = ", ".join(curve["label"] for curve in page["curves"])
    return [
        heading("Three rules, one error"),
        prose(
            "Rosenblatt's perceptron (1958) moves by whole steps and only when it is wrong. The delta rule of",
            "Widrow and Hoff (1960) moves in proportion to the distance and so pushes back rows that are right by more",
            "than 1. The logistic rule moves by the probability it gave to the wrong answer: never more than 1, never",
            "quite nothing, and it alone is the gradient of a likelihood of classes.",
        ),
        figure("updates", f"Update against η for a row with y = 1: {names}."),
    ]
