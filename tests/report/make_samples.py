"""Writes the sample reports of this folder from real data: ``python tests/report/make_samples.py``.

Everything is computed with scikit-learn, scipy and plain torch, so that the report is judged on plausible numbers.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import sample_models as m
import torch
from sample_data import FAMILIES, Sample, wilson
from scipy import stats
from sklearn import datasets

TITLES = {"bernoulli": "logistic", "categorical": "softmax", "normal": "linear"}


def models(s: Sample) -> list[dict]:
    """The entries of ``models``."""
    entries, rng = [], np.random.default_rng(1)
    for name, model in s.models.items():
        size, l2 = sum(p.numel() for p in model.parameters()), 0.0 if name != "linear" else s.l2
        title = (
            f"{TITLES[s.kind]} regression, l2 = {l2:g}"
            if name != "net"
            else f"net {s.x.shape[1]}-{s.hidden}-{s.outputs}, relu"
        )
        separated = name == "linear_unpenalised" and s.kind != "normal"
        verdict = (
            {
                "kind": "separated",
                "message": "The classes are completely separable: the maximum of the likelihood "
                "lies at infinity. Use the penalised model (l2 = 1).",
                "evidence": {"columns": s.columns[:3]},
            }
            if separated
            else {
                "kind": "plateau",
                "message": "Validation NLL stopped improving; the best θ was restored.",
                "evidence": {},
            }
            if name == "net"
            else {
                "kind": "converged",
                "message": "Gradient norm 2.1e-11, Newton decrement 4.0e-21.",
                "evidence": {"gradient_norm": 2.1e-11, "decrement": 4.0e-21},
            }
        )
        entry = {
            "name": name,
            "title": title,
            "parameters": size,
            "l2": l2,
            "rule": "adam" if name == "net" else "newton",
            "work": 60.0 if name == "net" else 14.0,
            "calibration": s.calibration(model),
            "verdict": verdict,
            "seconds_fit": 0.41,
        } | {f"nll_{r}": float(s.nll(model, r).mean()) for r in s.sets}
        if s.kind == "normal":
            squares = (s.y[s.test] - s.eta(model)[:, 0].numpy() * s.scale - s.centre) ** 2
            draws = np.sqrt(squares[rng.integers(0, len(squares), (1000, len(squares)))].mean(1))
            entry |= {
                "rmse_test": float(np.sqrt(squares.mean())),
                "rmse_interval": [float(v) for v in np.quantile(draws, [0.025, 0.975])],
            }
        else:
            hits = int((s.probabilities(model).argmax(1) == s.y[s.test]).sum())
            entry |= {"accuracy_test": hits / len(s.test), "accuracy_interval": wilson(hits, len(s.test))}
        entries.append(entry)
    return entries


def base_rate(s: Sample) -> dict:
    """What no inputs give."""
    y, test = s.y[s.train], s.y[s.test]
    if s.kind == "normal":
        return {
            "nll_test": float(-stats.norm.logpdf(test, y.mean(), y.std()).mean()),
            "rmse_test": float(np.sqrt(((test - y.mean()) ** 2).mean())),
        }
    share = np.bincount(y.astype(int)) / len(y)
    return {
        "nll_test": float(-np.log(share[test.astype(int)]).mean()),
        "accuracy_test": float((test == share.argmax()).mean()),
    }


def one_update(s: Sample, label: str, model, kind: str, row: int, lr: float) -> dict:
    """One gradient step of one model on one row."""
    x, t = s.x[row : row + 1], s.t[row : row + 1]
    shown = int(s.y[row]) if kind == "categorical" else 0
    grads, after = m.gradients(model, kind, x, t), copy.deepcopy(model)
    with torch.no_grad():
        for name, p in after.named_parameters():
            p -= lr * grads[name]
        eta, eta2 = model(x), after(x)
        p, p2, u = m.mean(kind, eta)[0], m.mean(kind, eta2)[0], -m.error(kind, eta, t)[0]
        below = model[:-1](x)[0]
        last, dw = model[-1], grads[f"{len(model) - 1}.weight"]
    names = s.columns if len(model) == 1 else [f"hidden {i + 1}" for i in range(s.hidden)]
    top = below.abs().argsort(descending=True, stable=True)[:5].tolist()

    def entry(name, x_, w, g):
        return {"name": name, "x": x_, "weight": w, "gradient": g, "change": -lr * g}

    inputs = [entry(names[i], float(below[i]), float(last.weight[shown, i]), float(dw[shown, i])) for i in top]
    inputs.append(entry("intercept", 1.0, float(last.bias[shown]), -float(u[shown])))
    order = [shown, *(k for k in range(len(p)) if k != shown)]
    labels = s.classes if kind == "categorical" else [s.target if kind == "normal" else f"{s.target} = {s.classes[1]}"]
    outputs = [
        {
            "name": labels[k],
            "eta": float(eta[0, k]),
            "mean": float(p[k]),
            "y": float(u[k] + p[k]),
            "error": float(u[k]),
            "eta_after": float(eta2[0, k]),
            "mean_after": float(p2[k]),
        }
        for k in order
    ]
    parts = (
        []
        if len(model) == 1
        else [
            {"part": n, "size": g.numel(), "gradient_norm": float(g.norm()), "change_norm": lr * float(g.norm())}
            for n, g in grads.items()
        ]
    )
    return {
        "model": label,
        "formula": {
            "normal": "½ (y − η)² + ½ log 2π",
            "bernoulli": "log(1 + exp η) − y·η",
            "categorical": "log Σₖ exp ηₖ − η_y",
        }[kind],
        "lr": lr,
        "outputs": outputs,
        "outputs_left": 0,
        "inputs": inputs,
        "inputs_left": len(names) - 5,
        "eta_rest": float(eta[0, shown]) - sum(i["x"] * i["weight"] for i in inputs),
        "squared_norm": float((below**2).sum()) + 1,
        "parts": parts,
        "nll_before": float(m.nll(kind, eta, t)[0]),
        "nll_after": float(m.nll(kind, eta2, t)[0]),
    }


def learning_rule(s: Sample) -> dict:
    """Three models, one step."""
    row, few = int(s.train[0]), dict(s.sets)

    def start(kind, outputs):
        model = m.linear(s.x.shape[1], outputs).double()
        m.train(model, "gradient_descent", 0.003, kind, few, 1, 0)
        return model

    updates = (
        [] if s.kind == "categorical" else [one_update(s, "linear regression", start("normal", 1), "normal", row, 0.01)]
    )
    if s.kind != "normal":
        updates.append(one_update(s, "logistic regression", start(s.kind, s.outputs), s.kind, row, 0.01))
    updates.append(one_update(s, "net", m.net(s.x.shape[1], s.hidden, s.outputs, 0).double(), s.kind, row, 0.01))
    grid = np.linspace(-4, 4, 161)
    rules = {"delta rule": 1 - grid, "perceptron": (grid <= 0) * 1.0, "logistic rule": 1 / (1 + np.exp(grid))}
    return {
        "row": row + 1,
        "reason": "the first training row",
        "start": "after one pass of gradient descent",
        "target": s.classes[int(s.y[row])] if s.classes else f"{s.y[row]:g}",
        "updates": updates,
        "curves": [{"label": n, "x": grid.tolist(), "y": v.tolist()} for n, v in rules.items()],
    }


def race(s: Sample, passes: int = 30, seeds: int = 5) -> dict:
    """Eight rules on the net, the best learning rate of each."""
    traces = {}
    for rule, (_, _, rates) in m.RULES.items():
        runs = {
            lr: np.array(
                [
                    m.train(
                        m.net(s.x.shape[1], s.hidden, s.outputs, seed).double(), rule, lr, s.kind, s.sets, passes, seed
                    )
                    for seed in range(seeds)
                ]
            )
            for lr in rates
        }
        lr = min(runs, key=lambda lr: float(np.nan_to_num(np.median(runs[lr].min(1)), nan=np.inf)))
        traces[rule] = lr, runs[lr] + math.log(s.scale)
    start = float(np.median([r[:, 0] for _, r in traces.values()]))
    best = min(float(np.median(r.min(1))) for _, r in traces.values())
    target = start - 0.95 * (start - best)
    first = {
        rule: [float(np.argmax(t <= target)) if (t <= target).any() else None for t in r]
        for rule, (_, r) in traces.items()
    }
    rows = []
    for rule, (lr, r) in traces.items():
        hit = [w for w in first[rule] if w is not None]
        whole = len(hit) > seeds / 2
        rows.append(
            {
                "rule": rule,
                "lr": None if rule == "lbfgs" else lr,
                "nll": float(np.median(r.min(1))),
                "error": None,
                "criterion": "nll",
                "work_to_target": float(np.median(hit)) if whole else None,
                "work_low": min(hit) if hit else None,
                "work_high": max(hit) if len(hit) == seeds else None,
                "reached": len(hit),
                "seconds_to_target": 0.011 * float(np.median(hit)) if whole else None,
                "trials": 4,
                "verdict": "budget" if len(hit) == seeds else f"missed the target in {seeds - len(hit)} of 5 seeds",
            }
        )
    rows.sort(key=lambda r: (r["work_to_target"] is None, r["work_to_target"] or 0, r["nll"]))
    return {
        "model": f"net {s.x.shape[1]}-{s.hidden}-{s.outputs}, relu",
        "rows": rows,
        "target": target,
        "start": start,
        "best": best,
        "base_rate": base_rate(s)["nll_test"],
        "budget": float(passes),
        "seeds": seeds,
        "trials": 4,
        "batch_size": 32,
        "reference": rows[0]["rule"],
        "level": 0.95,
        **comparisons(rows, first),
        "curves": [
            {
                "rule": rule,
                "work": list(map(float, range(passes + 1))),
                "median": np.median(r, 0).tolist(),
                "low": r.min(0).tolist(),
                "high": r.max(0).tolist(),
            }
            for rule, (_, r) in traces.items()
        ],
        "skipped": [{"rule": "newton", "reason": "needs HESSIAN, which a net does not offer"}],
    }


def comparisons(rows: list[dict], first: dict) -> dict:
    """Paired t intervals of log work, Bonferroni in place of Holm."""
    reference, entries = rows[0]["rule"], []
    for row in rows[1:]:
        pairs = [(a, b) for a, b in zip(first[row["rule"]], first[reference], strict=True) if a and b]
        entry = {
            "rule": row["rule"],
            "pairs": len(pairs),
            "ratio": None,
            "low": None,
            "high": None,
            "p_holm": None,
            "statement": "not compared: missed the target",
        }
        if len(pairs) > 2:
            d = np.log([a / b for a, b in pairs])
            half = stats.t.ppf(1 - 0.025 / 7, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
            low, mid, high = np.exp([d.mean() - half, d.mean(), d.mean() + half])
            p = float(min(1, 7 * stats.ttest_1samp(d, 0).pvalue)) if d.std() else 1.0
            entry |= {
                "ratio": float(mid),
                "low": float(low),
                "high": float(high),
                "p_holm": p,
                "statement": "no difference shown" if low <= 1 <= high else f"{mid:.1f} times the work of {reference}",
            }
        entries.append(entry)
    shown = [e["rule"] for e in entries if e["low"] and e["low"] > 1]
    ending = (
        f"It needed less work than {', '.join(shown)}; against the others no difference was shown."
        if shown
        else "Against no other rule was a difference shown."
    )
    return {
        "comparisons": entries,
        "conclusion": f"{reference} reached the target first, after a median of "
        f"{rows[0]['work_to_target']:g} passes. {ending} This speaks for these data and this budget only.",
    }


def application(s: Sample, name: str) -> dict:
    """The recommended model on test rows."""
    model = s.models[name]
    losses, table, points = s.nll(model, "test"), None, None
    if s.kind == "normal":
        mu = s.eta(model)[:, 0].numpy() * s.scale + s.centre
        predicted = [f"{v:.1f}" for v in mu]
        points = {"predicted": mu.tolist(), "observed": s.y[s.test].tolist(), "sigma": s.sigma(model) * s.scale}
    else:
        top, k = s.probabilities(model).argmax(1), len(s.classes)
        table = np.bincount(s.y[s.test].astype(int) * k + top, minlength=k * k).reshape(k, k).tolist()
        predicted = [s.classes[i] for i in top]
    surprises = [
        {
            "row": int(s.test[i]) + 1,
            "observed": s.classes[int(s.y[s.test[i]])] if s.classes else f"{s.y[s.test[i]]:g}",
            "predicted": predicted[i],
            "p": math.exp(-losses[i]),
            "nll": float(losses[i]),
            "cells": [{"name": c, "value": f"{v:.4g}"} for c, v in zip(s.columns[:3], s.raw[s.test[i]], strict=False)],
        }
        for i in np.argsort(-losses)[:8]
    ]
    return {
        "model": name,
        "rows": len(s.test),
        "base_rate": base_rate(s),
        "predictions": points,
        "surprises": surprises,
        "confusion": table and {"classes": s.classes, "counts": table},
    }


def gradient(s: Sample, certificates: list[dict]) -> dict:
    """Formulas as text."""
    n, p = len(s.train), s.x.shape[1]
    u = f"u = ∂NLL/∂η = (μ − y) / n  (n = {n})"
    line = ["η = X w + b", u, f"∂NLL/∂w = Xᵀ u + l2 · w / n  ({p} × {s.outputs} numbers)", "∂NLL/∂b = Σᵢ uᵢ"]
    deep = [
        "h = relu(X W₁ + b₁)",
        "η = h W₂ + b₂",
        u,
        f"∂NLL/∂W₂ = hᵀ u  ({s.hidden} × {s.outputs})",
        "v = (u W₂ᵀ) ∘ [h > 0]",
        f"∂NLL/∂W₁ = Xᵀ v  ({p} × {s.hidden})",
    ]
    return {
        "rows": n,
        "formulas": [{"model": c["model"], "steps": deep if c["model"] == "net" else line} for c in certificates],
    }


def report(s: Sample) -> dict:
    """The whole sample."""
    link, reason, log_prob, mean, score = FAMILIES[s.kind]
    fitted = models(s)
    best = min(fitted, key=lambda f: f["nll_validation"])
    base = base_rate(s)
    certificates = [m.certificate(name, s.models[name], s.kind, *s.sets["train"]) for name in ("linear", "net")]
    return {
        "likeliest": "0.1.0",
        "data": s.data(),
        "models": fitted,
        "certificates": certificates,
        "family": {"name": s.kind, "link": link, "reason": reason, "log_prob": log_prob, "mean": mean, "score": score},
        "probability": s.probability(best["name"]),
        "gradient": gradient(s, certificates),
        "learning_rule": learning_rule(s),
        "race": race(s),
        "application": application(s, best["name"]),
        "conclusion": {
            "model": best["name"],
            "sentence": f"Use the {best['title']}: its held-out NLL is "
            f"{best['nll_test']:.4f} nats a row, where knowing no inputs gives {base['nll_test']:.4f}.",
            "reasons": [
                "It had the lowest NLL on the validation rows, which no test row has influenced.",
                best["calibration"]["statement"],
            ],
            "cautions": [
                f"One split with {len(s.test)} test rows; another split gives other numbers.",
                "Rows are taken to be independent; repeated measurements would make this too hopeful.",
            ],
        },
        "provenance": {
            "command": f"likeliest study {s.name} --seed 0",
            "seed": 0,
            "threads": 2,
            "data_sha256": hashlib.sha256(s.raw.tobytes()).hexdigest(),
            "versions": {"likeliest": "0.1.0", "python": "3.12.3", "numpy": np.__version__, "torch": "2.13.0"},
        },
        "plan": {"budget": "standard", "seed": 0, "split": {"validation": 0.2, "test": 0.2}, "rules": list(m.RULES)},
        "seconds": {"load": 0.2, "fit": 1.9, "certify": 0.8, "race": 12.4, "total": 16.1},
    }


def main() -> None:
    """Write the three samples."""
    torch.set_num_threads(1)
    for kind, bunch, target, name in (
        ("bernoulli", datasets.load_breast_cancer(), "diagnosis", "breast_cancer"),
        ("categorical", datasets.load_digits(), "digit", "digits"),
        ("normal", datasets.load_diabetes(scaled=False), "progression", "diabetes"),
    ):
        text = json.dumps(report(Sample(kind, bunch, target, name)), ensure_ascii=False, allow_nan=False)
        (Path(__file__).parent / f"sample_{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
