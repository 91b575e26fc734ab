"""What a report of pictures shows beyond the common pages: the pictures, how the net learnt, and what it looks at."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, note, prose, table
from likeliest.report.formatting import NOTHING, number, percent, plural, short, span
from likeliest.report.schema import Calibrated, ClassReport, Data, PictureData, ProblemCount, Report, Training

SHOWN = 20
"""Classes listed; report.json has them all."""


def at_a_glance(data: Data) -> list[Block]:
    """Sizes, samples, and what was not as expected."""
    page = data["pictures"]
    blocks = [_sizes(data, page)]
    if page["samples"]:
        blocks.append(figure("samples", "Some training pictures of each class, as the models see them."))
    if page["problems"]:
        rows = [_problem(found) for found in page["problems"]]
        blocks.append(
            table(["found", "pictures", "done", "such as"], rows, "What was not as expected.", text=4, wide=3)
        )
    return [*blocks, *_near(page)]


def _sizes(data: Data, page: PictureData) -> Block:
    kind = "grey" if page["channels"] == 1 else "in colour"
    listed = [f"{found['size']} ({number(found['count'])})" for found in page["sizes"]]
    listed += [f"other sizes ({number(page['other_sizes'])})"] if page["other_sizes"] else []
    return prose(
        f"The pictures are {kind}. In the source they measure {', '.join(listed)} pixels; the models see each as",
        f"{number(page['width'])} × {number(page['height'])} pixels, {plural(data['inputs'], 'number')} in all.",
    )


def _problem(found: ProblemCount) -> list[str]:
    names = ", ".join(short(name, 60) for name in found["names"])
    return [found["reason"], number(found["count"]), found["done"], names]


def _near(page: PictureData) -> list[Block]:
    if not page["near"]:
        return [prose("No held-out picture is all but a copy of one in an earlier part.")]
    held, limit = page["near_count"], number(page["near_limit"], 2)
    count = plural(held, "held-out picture is", "held-out pictures are")
    text = f"{count} all but a copy of an earlier one (correlation {limit} or more): that flatters held-out numbers."
    caption = "The likest pairs: on the left the held-out picture, on the right the earlier one."
    return [note(text, good=False), figure("near", caption)]


def weights(report: Report) -> list[Block]:
    """The linear model's weights, seen as pictures."""
    if "pictures" not in report or not report["pictures"]["weights"]:
        return []
    return [
        heading("What the linear model looks for"),
        prose(
            "A linear model has one weight for each pixel and class, so that its weights are pictures themselves. What",
            "lies on red raises the class's η, what lies on blue lowers it.",
        ),
        figure("weights", "Weights of the linear model, class by class, each on its own scale."),
    ]


def training(report: Report) -> list[Block]:
    """How the net learnt."""
    if "training" not in report:
        return []
    page = report["training"]
    rows = [[what, value] for what, value in page["recipe"]]
    cost = f"{number(page['flops'])} floating-point operations a row forwards, {number(page['work'], 3)} in all"
    return [
        heading("How the net learnt"),
        figure("training", _training_caption(page)),
        table(
            ["what", "how"],
            [*rows, ["work", cost]],
            "The recipe, chosen by the size of the data and the budget.",
            text=2,
        ),
    ]


def _training_caption(page: Training) -> str:
    last = page["records"][-1]
    train, validation = number(last["nll_train"]), number(last["nll_validation"])
    return (
        f"NLL against work. At the end, after {plural(number(last['passes'], 3), 'pass', 'passes')}, it is "
        f"{train} on training rows as they are and {validation} on validation rows."
    )


def calibrated(report: Report) -> list[Block]:
    """The calibrators that were tried, and what the chosen one changed."""
    if "calibrated" not in report:
        return []
    page = report["calibrated"]
    rows = [
        [t["kind"].replace("_", "–"), number(t["nll"]), number(t["gain"], 2), number(t["standard_error"], 2)]
        for t in page["trials"]
    ]
    strong = next((i for i, t in enumerate(page["trials"]) if t["kind"] == page["kind"]), -1)
    caption = f"Calibrators in cross-validation on {plural(page['rows'], 'validation row')}; the chosen one in bold."
    head = ["calibrator", "NLL", "gain", "standard error"]
    return [prose(page["statement"], _effect(page)), table(head, rows, caption, strong=strong)]


def _effect(page: Calibrated) -> str:
    if page["kind"] == "none":
        return ""
    return (
        f"On test rows it takes the NLL from {number(page['nll_before'])} to {number(page['nll_after'])} and the"
        f" calibration error from {number(page['ece_before'], 3)} to {number(page['ece_after'], 3)}."
    )


def classes(report: Report) -> list[Block]:
    """How each class fared, and whether its probabilities are true."""
    if "classes" not in report:
        return []
    found = report["classes"]
    rest = len(found) - SHOWN
    caption = "Class by class on test rows. The mean probability given to a class should be its share." + (
        f" {rest} more classes are listed in report.json." if rest > 0 else ""
    )
    head = [
        "class",
        "rows",
        "recall",
        "precision",
        "mean p",
        "share",
        "calibration error",
        "chance gives",
        "mistaken for",
    ]
    rows = [_class(one) for one in found[:SHOWN]]
    return [heading("Class by class"), table(head, rows, caption)]


def _class(one: ClassReport) -> list[str]:
    return [
        short(one["name"], 24),
        number(one["rows"]),
        percent(one["recall"]),
        percent(one["precision"]),
        percent(one["given"]),
        percent(one["share"]),
        number(one["ece"], 2),
        span(one["ece_interval"], 2),
        NOTHING if one["mistaken_for"] is None else short(one["mistaken_for"], 18),
    ]


def surprises(report: Report) -> list[Block]:
    """The pictures that go with the table of surprises."""
    if "pictures" not in report or not report["pictures"]["surprises"]:
        return []
    return [
        figure(
            "surprises",
            "The same rows as pictures: the true class, what was said, and the probabilities of both.",
        )
    ]


def looks(report: Report) -> list[Block]:
    """What the net looks at, and labels that may be wrong."""
    if "pictures" not in report:
        return []
    page = report["pictures"]
    blocks: list[Block] = []
    if page["looks"]:
        patch = number(page["patch"])
        blocks = [
            heading("What the net looks at"),
            prose(
                f"A patch of {patch} × {patch} pixels is painted over in the colour of the picture's edge,",
                "place by place, and the net is asked again. Where that lowers the log-probability of the class named,",
                "the map is red: the net relied on what was there. Where it raises it, it is blue: that spoke against.",
            ),
            figure("looks", "Test pictures, and over each what hiding a patch does to log p, in nats at the most."),
        ]
    return [*blocks, *_suspects(report)]


def _suspects(report: Report) -> list[Block]:
    page = report["pictures"]["suspects"]
    if not page["count"]:
        return []
    count = plural(page["count"], "held-out label has", "held-out labels have")
    text = f"{count} a probability below {number(page['limit'], 2)}, of {number(page['rows'])}: look at them again."
    caption = "Held-out pictures whose label the net holds for least likely: label, and what the net says instead."
    return [heading("Labels that may be wrong"), note(text, good=False), figure("suspects", caption)]
