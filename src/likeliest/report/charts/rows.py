"""Every figure of a study of rows."""

from __future__ import annotations

from likeliest.report.charts.common import Chart
from likeliest.report.charts.pictures import training
from likeliest.report.charts.race import race, work
from likeliest.report.charts.result import calibration, confusion, predictions
from likeliest.report.charts.sounds import durations, sizes, speakers
from likeliest.report.charts.spectrograms import listening, surprising_words, utterance
from likeliest.report.charts.theory import ladder, probability, target, updates
from likeliest.report.schema import Application, Report, SoundPages


def figures(report: Report) -> dict[str, Chart]:
    """Return every figure that this report has the numbers for, by name."""
    texts = report["data"]["target"]["kind"] == "texts"
    charts: dict[str, Chart] = {} if texts else {"target": target(report["data"]["target"])}
    if "probability" in report:
        charts["probability"] = probability(report["probability"])
    charts |= {f"ladder_{c['model']}": ladder(c) for c in report["certificates"] if c.get("curves")}
    if "learning_rule" in report and report["learning_rule"]["curves"]:
        charts["updates"] = updates(report["learning_rule"])
    if "race" in report and report["race"]["curves"]:
        charts["race"] = race(report["race"])
    if "race" in report and report["race"]["rows"]:
        charts["work"] = work(report["race"])
    if "training" in report:
        charts["training"] = training(report["training"])
    if "application" in report:
        charts |= _application(report, report["application"])
    if "sounds" in report["data"]:
        charts["durations"] = durations(report["data"]["sounds"]["durations"])
    if "sounds" in report:
        charts |= _sounds(report["sounds"])
    return charts


def _sounds(page: SoundPages) -> dict[str, Chart]:
    """Surprises, what the net listens to, errors by speaker, and what more data would bring."""
    charts: dict[str, Chart] = {}
    texts = [heard for heard in page["surprises"] if heard["frames"] is not None]
    words = [heard for heard in page["surprises"] if heard["frames"] is None]
    charts |= {f"utterance_{place}": utterance(heard) for place, heard in enumerate(texts, 1)}
    if words:
        charts["surprising_words"] = surprising_words(words)
    if page["listening"]:
        charts["listening"] = listening(page["listening"])
    if page["speakers"] is not None:
        charts["speakers"] = speakers(page["speakers"])
    if page["sizes"] is not None:
        charts["sizes"] = sizes(page["sizes"])
    return charts


def _application(report: Report, page: Application) -> dict[str, Chart]:
    """Calibration, and confusion or predictions."""
    model = next(m for m in report["models"] if m["name"] == page["model"])
    is_number = report["data"]["target"]["kind"] == "number"
    charts: dict[str, Chart] = {"calibration": calibration(model["calibration"], is_number)}
    if page["confusion"] is not None:
        charts["confusion"] = confusion(page["confusion"])
    if page["predictions"] is not None:
        charts["predictions"] = predictions(page["predictions"])
    return charts
