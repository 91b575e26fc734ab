"""Which model to use, and why: sentences whose every number stands elsewhere in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from likeliest.calibration import Identity
from likeliest.interfaces import VerdictKind
from likeliest.study.candidate import Candidate

if TYPE_CHECKING:
    from likeliest.report.schema import Certificate, Conclusion, Data, Race
    from likeliest.report.schema import Model as ModelJson
    from likeliest.report.schema.application import BaseRate

_BY_SIMPLICITY = ("linear", "linear_unpenalised", "net")
_FEW_TEST_ROWS = 200
_NO_PLACE_TO_END = (VerdictKind.SEPARATED, VerdictKind.BOUNDARY, VerdictKind.DIVERGED, VerdictKind.NON_FINITE)


def recommend(candidates: list[Candidate]) -> tuple[Candidate, str]:
    """The simplest model that is no more than one standard error worse than the best, and why it is that one.

    Held-out NLLs are compared row by row, which pairs them, and with the calibrators that the models are used with,
    each fitted to other rows: a net that is too sure of itself is not a worse model for it. A model whose θ is an
    accident of where its fit stopped is never recommended. The linear model with a chosen penalty counts as simpler
    than the one without, which is less stable, and both as simpler than the net.

    Source: Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, section 3.4.3.
    """
    eligible = [c for c in candidates if c.verdict.kind not in _NO_PLACE_TO_END] or candidates
    best = min(eligible, key=lambda c: c.nll_judged)
    for candidate in sorted(eligible, key=lambda c: _BY_SIMPLICITY.index(c.name)):
        if candidate is best:
            break
        worse = best.judged - candidate.judged
        if np.isfinite(worse).all() and worse.mean() <= worse.std(ddof=1) / len(worse) ** 0.5:
            return candidate, (
                f"it is the simplest model whose validation NLL{_as_used(eligible)}, {candidate.nll_judged:.4f} nats a "
                f"row, lies within one standard error of the least, {best.nll_judged:.4f} by the {best.title}"
            )
    return (
        best,
        f"of the models with an optimum it has the least validation NLL{_as_used(eligible)}, {best.nll_judged:.4f} "
        "nats a row",
    )


def _as_used(candidates: list[Candidate]) -> str:
    """Whether that is another NLL than the one without calibrators."""
    changed = any(not isinstance(c.model.calibrator, Identity) for c in candidates)
    return " with its calibrator, cross-validated" if changed else ""


def conclusion(
    chosen: Candidate,
    why: str,
    models: list[ModelJson],
    base: BaseRate,
    certificates: list[Certificate],
    race: Race,
    data: Data,
) -> Conclusion:
    """The report's seventh chapter."""
    by_name = {m["name"]: m for m in models}
    own = by_name[chosen.name]
    others = [m for m in models if m["name"] != chosen.name]
    sentence = (
        f"Use the {chosen.title}: {why}; on test rows it has {_number(own['nll_test'])}, where the base rate has "
        f"{_number(base['nll_test'])}; {_score(own)}."
    )
    cautions = [*_no_use(own, base), *_cautions(own, models, data)]
    reasons = [_against(m) for m in others]
    reasons.append(_held_out(data))
    reasons.append(_certified(certificates))
    reasons.append(race["conclusion"])
    return {"model": chosen.name, "sentence": sentence, "reasons": reasons, "cautions": cautions}


def _held_out(data: Data) -> str:
    """What the validation rows were used for."""
    if "pictures" in data:
        return (
            "Validation NLLs are those before calibration. Validation rows chose the calibrator and the model; "
            "test rows chose nothing."
        )
    if data["target"]["kind"] == "texts":
        return (
            "Validation rows chose the model and how its frames are read, and taught it how sure of each word to be; "
            "the net then learnt again from training and validation rows, and this is the one that was tested. Test "
            "rows chose nothing."
        )
    if "sounds" in data:
        return (
            "Validation NLLs are those before calibration, while the validation rows were held out. They chose the "
            "calibrator and the model; the net then learnt again from training and validation rows, and this is the "
            "one that was tested. Test rows chose nothing."
        )
    return (
        "Validation NLLs were taken while the validation rows were held out; the linear model with a penalty and the "
        "net then learnt again from training and validation rows, and these are the models that were tested."
    )


def _score(model: ModelJson) -> str:
    if "accuracy_test" in model:
        low, high = model["accuracy_interval"]
        interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
        return f"it names {100 * model['accuracy_test']:.1f} % of test rows rightly ({interval})"
    if "wer_test" in model:
        return f"it reads {_percent(model['wer_test'])} of the words of test rows wrongly{_ends(model['wer_interval'])}"
    low, high = model["rmse_interval"]
    return f"its root mean squared error is {model['rmse_test']:.4g} (95 % interval {low:.4g} to {high:.4g})"


def _against(model: ModelJson) -> str:
    return (
        f"The {model['title']} has {_number(model['nll_validation'])} on validation{_calibrated(model)} and "
        f"{_number(model['nll_test'])} on test rows; its fit ended {model['verdict']['kind']}."
    )


def _calibrated(model: ModelJson) -> str:
    own = model.get("nll_judged", model["nll_validation"])
    return "" if own == model["nll_validation"] else f" ({_number(own)} with its calibrator)"


def _certified(certificates: list[Certificate]) -> str:
    if all(c["passed"] for c in certificates):
        worst = max(c["worst"] for c in certificates)
        return f"All gradients were checked part by part: the worst relative error is {worst:.1e}."
    failed = ", ".join(c["model"] for c in certificates if not c["passed"])
    return f"The gradient of {failed} failed its certificate: do not use it before that is understood."


def _no_use(own: ModelJson, base: BaseRate) -> list[str]:
    """The caution that outweighs all others: on rows that it has not seen the model tells nothing."""
    if base["nll_test"] is None or (own["nll_test"] is not None and own["nll_test"] < base["nll_test"]):
        return []
    return [
        f"On test rows it is no better than the base rate ({_number(own['nll_test'])} against "
        f"{_number(base['nll_test'])} nats a row): the columns tell nothing of the target, or the rows are too few."
    ]


def _cautions(own: ModelJson, models: list[ModelJson], data: Data) -> list[str]:
    cautions = []
    if (separated := next((m for m in models if m["verdict"]["kind"] == "separated"), None)) is not None:
        cautions.append(
            f"The {separated['title']} has no finite optimum, for the training rows are separable: the size of its "
            "weights and the certainty of its probabilities are an accident of when the fit stopped."
        )
    if data["duplicates"]["count"]:
        cautions.append(
            f"{data['duplicates']['count']} held-out rows are copies of earlier rows: scores on them flatter."
        )
    low, high = own["calibration"]["ece_interval"]
    if own["calibration"]["ece"] > high:
        cautions.append(
            f"Its probabilities are off by {own['calibration']['ece']:.3f} on average, more than the {low:.3f} to "
            f"{high:.3f} that chance explains."
        )
    if data["split"]["test"] < _FEW_TEST_ROWS:
        cautions.append(
            f"{data['split']['test']} test rows leave wide intervals: another split can change the order of models."
        )
    if "pictures" in data:
        cautions += _of_pictures(data)
    elif "sounds" in data:
        cautions += _of_sounds(data)
    else:
        cautions.append(
            "The split is at random: if your rows have an order in time or belong to groups, the scores may flatter."
        )
    return cautions


def _of_pictures(data: Data) -> list[str]:
    near = data["pictures"]["near_count"] - data["duplicates"]["count"]
    copies = [f"{near} held-out pictures are all but copies of earlier ones: scores on them flatter."] if near else []
    return [
        *copies,
        "Only copies were looked for: pictures of one thing, person or place on both sides of the split flatter too.",
    ]


def _of_sounds(data: Data) -> list[str]:
    sounds = data["sounds"]
    if sounds["speakers"] is None:
        return [
            "No speakers are known: if the same people speak in training and in test recordings, the scores flatter. "
            "Add a column speaker to the table."
        ]
    if not sounds["strangers"]:
        return ["Speakers of test recordings were learnt from too: to strangers it listens less well than this."]
    tested = sum(speaker["test"] > 0 for speaker in sounds["speakers"])
    return [
        f"Test recordings are of {tested} speaker{'s' if tested > 1 else ''}, from whom nothing was learnt: intervals "
        "count recordings, and speakers differ by more than that."
    ]


def _percent(rate: float | None) -> str:
    return "an unknown share" if rate is None else f"{100 * rate:.1f} %"


def _ends(interval: list[float] | None) -> str:
    if interval is None:
        return ""
    return f" (95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %)"


def _number(value: Any) -> str:
    return "an infinite NLL" if value is None else f"{value:.4f}"
