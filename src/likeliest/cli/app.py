"""The verbs. Nothing heavy is imported before a verb runs, so that help comes at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from likeliest.cli.ending import Verbs

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV, TSV or Parquet file; prices with their dates; a folder of pictures, one folder for each class; a "
        "folder of recordings with transcripts.csv, or one folder for each word; or the name of a data set (see "
        "`likeliest data`).",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="The column to predict; by default the one called target, label, class, outcome or y. "
        "Of prices, the asset."
    ),
]
Family = Annotated[str | None, typer.Option(help="Probability function in place of the one that the target calls for.")]
Unit = Annotated[str | None, typer.Option(help="What texts are read in: character or word; by default as fits them.")]
Sentences = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A text file, a sentence a line, to learn words and their order from as well."),
]
DataKind = Annotated[
    str | None, typer.Option("--kind", help="prices: read a table as prices, where it does not look like them.")
]
BudgetName = Annotated[
    str,
    typer.Option(help="How much work to spend: quick, standard or thorough, or so many minutes' worth, such as 5."),
]
Device = Annotated[str, typer.Option(help="Where a net of pictures or recordings is trained: cpu or cuda.")]
Seed = Annotated[int, typer.Option(help="Root of all randomness.")]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable results.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file written by `likeliest fit`.")]

WELCOME = """likeliest: maximum-likelihood learning that you can see, check and trust. Three commands to try:

  likeliest study digits                     fit, certify, race and report on a data set that is already here
  likeliest study YOUR.csv --target COLUMN   the same on a table, prices, or a FOLDER of pictures or recordings of yours
  likeliest --help                           all commands
"""


@app.callback(invoke_without_command=True)
def welcome(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Maximum-likelihood learning that you can see, check and trust."""
    if version:
        from likeliest._version import __version__

        print(__version__)
    elif ctx.invoked_subcommand is None:
        print(WELCOME, end="")


@app.command()
def study(
    data: Data,
    target: Target = None,
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.pdf and report.json.")] = Path("study"),
    family: Family = None,
    unit: Unit = None,
    sentences: Sentences = None,
    budget: BudgetName = "standard",
    seed: Seed = 0,
    device: Device = "cpu",
    kind: DataKind = None,
    horizon: Annotated[int, typer.Option(help="Of prices: days ahead of the direction.")] = 1,
    cost: Annotated[float, typer.Option(help="Of prices: return that a rise must exceed, such as 0.001.")] = 0.0,
    every: Annotated[int | None, typer.Option(help="Of prices: days from one refit to the next.")] = None,
    window: Annotated[int | None, typer.Option(help="Of prices: days to learn from; by default all before.")] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME", help="Of prices: features of your own, a function from the table of days to values."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit models, certify their gradients, race learning rules, judge the probabilities, and write a report."""
    from likeliest.cli.printing import print_json
    from likeliest.cli.progress import stages
    from likeliest.cli.summary import study_summary
    from likeliest.study import Plan, Walk, study
    from likeliest.tasks import Reading

    with stages() as show:
        done = study(
            data,
            target,
            out,
            family=family,
            reading=Reading(cast("Any", unit), sentences),
            kind=kind,
            walk=Walk(every, window, horizon, cost, features),
            plan=Plan.of(budget, seed=seed),
            device=device,
            progress=show.stage,
            on_progress=show.progress,
        )
    if as_json:
        print_json(done.report)
    else:
        print("\n".join(study_summary(done.report, done.out)))


@app.command()
def fit(
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the model file.")],
    target: Target = None,
    model: Annotated[
        str,
        typer.Option(
            help="auto, linear or net; auto takes the better one on validation rows. Of prices: auto, garch, gjr, "
            "egarch, skewed, har, ewma, random_walk, base_rate or net."
        ),
    ] = "auto",
    family: Family = None,
    unit: Unit = None,
    sentences: Sentences = None,
    budget: BudgetName = "standard",
    seed: Seed = 0,
    device: Device = "cpu",
    kind: DataKind = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the trace on stderr as it grows.")] = False,
    as_json: Json = False,
) -> None:
    """Fit one model and write it to a file."""
    from likeliest.cli.printing import print_json
    from likeliest.cli.progress import stages
    from likeliest.cli.summary import fit_summary
    from likeliest.interfaces import VerdictKind
    from likeliest.study import Plan
    from likeliest.study.single import fit_one
    from likeliest.tasks import Reading

    with stages(watch=watch) as show:
        fitted = fit_one(
            data,
            target,
            model,
            output,
            family=family,
            reading=Reading(cast("Any", unit), sentences),
            read_as=kind,
            plan=Plan.of(budget, seed=seed),
            device=device,
            progress=show.stage,
            on_progress=show.progress,
        )
    print_json(fitted) if as_json else print("\n".join(fit_summary(fitted)))
    if fitted["verdict"]["kind"] == VerdictKind.INTERRUPTED:
        raise KeyboardInterrupt


@app.command()
def predict(
    model: ModelFile,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="Rows, pictures or recordings; of prices, later ones than the model knows."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="CSV or Parquet file; by default CSV on stdout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict rows, pictures or recordings by a model file: class probabilities; mean, sigma, q05, q95; or texts.

    Of prices: the distribution of the next day's return, with value at risk and expected shortfall over 1 to 20 days.
    """
    from likeliest.cli.prices import forecast_summary
    from likeliest.cli.printing import print_json
    from likeliest.cli.progress import bar
    from likeliest.cli.summary import unreadable_lines
    from likeliest.study.single import predict as predict_all
    from likeliest.study.single import predict_to

    with bar() as tell:
        done = predict_all(model, data, tell) if output is None else predict_to(model, data, output, tell)
    print("".join(f"likeliest: {line}\n" for line in unreadable_lines(done.unreadable)), end="", file=sys.stderr)
    if output is None and done.forecast is not None:
        print_json(done.forecast) if as_json else print("\n".join(forecast_summary(done.forecast)))
    elif output is None:
        print_json(done.table.to_dicts()) if as_json else print(done.flat.write_csv(), end="")
    elif as_json:
        left_out = {"unreadable": dict(done.unreadable)} if done.unreadable else {}
        print_json({"rows": done.table.height, "written": str(output), **left_out})
    else:
        print(f"{done.table.height} row{'' if done.table.height == 1 else 's'} predicted in {output}")


@app.command()
def evaluate(model: ModelFile, data: Data, as_json: Json = False) -> None:
    """Judge a model file on rows with a target: NLL, accuracy, RMSE or word errors with intervals, and calibration."""
    from likeliest.cli.printing import print_json
    from likeliest.cli.summary import evaluation_summary
    from likeliest.study.single import evaluate_rows

    found = evaluate_rows(model, data)
    print_json(found) if as_json else print("\n".join(evaluation_summary(found)))


@app.command()
def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:NAME | MODEL",
            help="A function of θ in a file of yours, beside it its gradient NAME_grad and a θ NAME_theta; a torch "
            "module with loss and batch beside it; features of prices, with DATA beside; or a model file.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Rows to check a model file on, by default drawn from the model; or prices on which features of yours "
            "are tested for look-ahead.",
        ),
    ] = None,
    order: Annotated[
        int,
        typer.Option(
            min=1,
            max=2,
            help="2 certifies second-order products too: NAME_hessian and NAME_fisher, functions of (θ, v) in the "
            "file; a module's double backward; a model's Fisher and Hessian products.",
        ),
    ] = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Certify a gradient, or say where it is wrong and why; test features of prices for look-ahead.

    Exit code 1 where the gradient is wrong or the features look ahead.
    """
    from likeliest.cli.printing import print_json
    from likeliest.study.check import check

    found = check(what, data, seed=seed, order=order)
    print_json(found.to_json(what)) if as_json else print(found)
    if not found.passed:
        raise typer.Exit(1)


@app.command()
def race(
    data: Data,
    target: Target = None,
    rules: Annotated[
        str | None, typer.Option(help="Comma-separated names (see `likeliest rules`); by default all.")
    ] = None,
    model: Annotated[str, typer.Option(help="linear or net.")] = "linear",
    family: Family = None,
    budget: BudgetName = "standard",
    seed: Seed = 0,
    kind: DataKind = None,
    as_json: Json = False,
) -> None:
    """Race learning rules on a data set under one protocol, with a statistical conclusion."""
    from likeliest.cli.printing import print_json
    from likeliest.cli.progress import stages
    from likeliest.cli.summary import race_summary
    from likeliest.study import Plan
    from likeliest.study.single import race_rules

    names = tuple(name.strip() for name in rules.split(",") if name.strip()) if rules else None
    with stages() as show:
        result = race_rules(
            data,
            target,
            names,
            model,
            family=family,
            read_as=kind,
            plan=Plan.of(budget, seed=seed),
            progress=show.stage,
        )
    print_json(result) if as_json else print("\n".join(race_summary(result)))


@app.command()
def rules(as_json: Json = False) -> None:
    """List the learning rules."""
    from likeliest.cli.printing import print_table
    from likeliest.rules import rules

    columns = ("name", "formula", "needs", "criterion", "source")
    _list(
        [[r.name, r.formula, ", ".join(sorted(r.needs)), r.criterion, r.source] for r in rules()],
        columns,
        as_json,
        print_table,
    )


@app.command()
def families(as_json: Json = False) -> None:
    """List the probability functions."""
    from likeliest.cli.printing import print_table
    from likeliest.families import families

    columns = ("name", "link", "p(y|η)", "score", "Fisher information", "support")
    rows = [
        [f.name, f.link, f.formula, f.score_formula, "closed form" if f.has_fisher else "no closed form", f.support]
        for f in families()
    ]
    _list(rows, columns, as_json, print_table)


@app.command()
def data(as_json: Json = False) -> None:
    """List the named data sets, what is installed, and how to get the rest."""
    from likeliest.cli.printing import print_table
    from likeliest.data import catalogue

    columns = ("name", "kind", "rows", "columns", "predicts", "licence", "installed")
    rows = [
        [e.name, e.kind, e.rows, e.columns, e.task, e.licence, "yes" if e.installed else f"no: {e.how_to_get}"]
        for e in catalogue()
    ]
    _list(rows, columns, as_json, print_table)


def _list(rows: list[list[Any]], columns: tuple[str, ...], as_json: bool, print_table: Any) -> None:
    from likeliest.cli.printing import print_json

    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)
