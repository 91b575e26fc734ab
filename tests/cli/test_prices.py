"""Prices through the verbs: study, fit, predict, evaluate, race, check; and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.finance.markets import series

from .conftest import Cli, files

N = 520


def table(n: int = N, seed: int = 0) -> pl.DataFrame:
    found = series(n - 1, seed, ranges=True)
    return pl.DataFrame({"Date": found.dates, **{name.title(): values for name, values in found.columns().items()}})


def closes(n: int = N) -> pl.DataFrame:
    return table(n).select("Date", "Close").with_columns(pl.col("Date").cast(pl.String))


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prices") / "index.csv"
    table().write_csv(path)
    return path


@pytest.fixture(scope="module")
def model(prices: Path) -> Path:
    from likeliest.cli import main

    early, path = prices.with_name("early.csv"), prices.with_name("early.likeliest")
    table()[:450].write_csv(early)
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(early), "--model", "garch", "-o", str(path)])
    assert not ended.value.code
    return path


@pytest.fixture(scope="module")
def studied(prices: Path) -> dict:
    from likeliest.cli import main

    out = prices.with_name("study")
    with pytest.raises(SystemExit) as ended:
        main(["study", str(prices), "--out", str(out), "--budget", "quick", "--every", "100", "--horizon", "2"])
    assert not ended.value.code
    return json.loads((out / "report.json").read_text())


def test_a_study_walks_forward_and_writes_its_report(prices: Path, studied: dict) -> None:
    assert studied["kind"] == "prices"
    assert {path.name for path in prices.with_name("study").iterdir()} == {"report.json", "report.html", "report.pdf"}
    protocol = studied["protocol"]
    assert (protocol["days"], protocol["horizon"], protocol["every"]) == (N - 1 - 300, 2, 100)
    assert [model["name"] for model in studied["models"][:5]] == ["base_rate", "random_walk", "ewma", "garch", "har"]
    assert all(one["passed"] for one in studied["lookahead"])
    assert all(one["passed"] for one in studied["certificates"])


def test_a_study_says_what_it_found_and_what_not(studied: dict) -> None:
    conclusion = studied["conclusion"]
    assert "no investment advice" in conclusion["disclaimer"]
    assert "no detectable edge over the base rate" in conclusion["direction"]
    assert "interval" in conclusion["direction"]
    assert len(conclusion["risk"]) == 3
    assert all("exceed" in sentence or "calibrated" in sentence for sentence in conclusion["risk"])
    assert conclusion["cautions"]


def test_numbers_of_a_study_agree_with_one_another(studied: dict) -> None:
    for one in studied["models"]:
        for found in one["coverage"]:
            assert found["share"] == found["exceedances"] / studied["protocol"]["days"]
    chosen = next(one for one in studied["models"] if one["name"] == studied["conclusion"]["model"])
    returns = np.array(studied["exceedances"]["returns"])
    below = returns < np.array(studied["exceedances"]["quantiles"]["0.05"])
    assert int(below.sum()) == next(c["exceedances"] for c in chosen["coverage"] if c["level"] == 0.05)
    assert studied["tomorrow"]["after"] == studied["data"]["last"]


def test_the_command_in_the_report_repeats_it(prices: Path, studied: dict, cli: Cli, tmp_path: Path) -> None:
    words = studied["provenance"]["command"].split()
    assert words[:2] == ["likeliest", "study"]
    assert cli(*words[1:], "--out", tmp_path / "again").code == 0
    again = json.loads((tmp_path / "again" / "report.json").read_text())

    def timeless(value):
        if isinstance(value, dict):
            return {key: timeless(item) for key, item in value.items() if not key.startswith("seconds")}
        return [timeless(item) for item in value] if isinstance(value, list) else value

    assert timeless(again) == timeless(studied)


def test_fit_names_the_model_its_parameters_and_where_it_is(prices: Path, cli: Cli, tmp_path: Path) -> None:
    ran = cli("fit", prices, "--model", "gjr", "--family", "normal", "-o", tmp_path / "m.likeliest")
    assert ran.code == 0
    assert "GJR(1,1,1), normal" in ran.out
    assert all(name in ran.out for name in ("omega", "gamma[1]", "beta[1]", "standard error"))
    assert (tmp_path / "m.likeliest").is_file()


def test_predict_tells_tomorrow(model: Path, cli: Cli) -> None:
    ran = cli("predict", model)
    assert ran.code == 0
    assert all(word in ran.out for word in ("Mean", "Sigma", "Quantiles", "VaR", "ES", "No investment advice"))
    found = json.loads(cli("predict", model, "--json").out)
    assert found["after"] == str(table()["Date"][449])[:10]
    assert found["risk"][0]["var"] == pytest.approx(-dict(found["quantiles"])[0.01])
    assert sorted({row["days"] for row in found["risk"]}) == [1, 5, 10, 20]


def test_predict_goes_on_from_later_prices(prices: Path, model: Path, cli: Cli, tmp_path: Path) -> None:
    early, late = (json.loads(cli("predict", model, *more, "--json").out) for more in ((), (prices,)))
    assert late["after"] == str(table()["Date"][-1])[:10]
    assert late["sigma"] != early["sigma"]
    few = tmp_path / "few.csv"
    table()[445:].write_csv(few)
    assert json.loads(cli("predict", model, few, "--json").out)["sigma"] == pytest.approx(late["sigma"], rel=1e-12)


def test_predict_writes_a_table(model: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("predict", model, "-o", tmp_path / "risk.csv").code == 0
    found = pl.read_csv(tmp_path / "risk.csv")
    assert found.height == 12
    assert {"after", "mean", "sigma", "q05", "days", "level", "var", "es"} <= set(found.columns)


def test_evaluate_judges_days_that_the_model_has_not_seen(prices: Path, model: Path, cli: Cli) -> None:
    found = json.loads(cli("evaluate", model, prices, "--json").out)
    assert found["rows"] == N - 450
    assert found["first"] == str(table()["Date"][450])[:10]
    assert "Kupiec" in cli("evaluate", model, prices).out
    ran = cli("evaluate", model, prices.with_name("early.csv"))
    assert ran.code == 2
    assert "at least 20 days after" in ran.err


def test_check_certifies_a_model_of_prices(prices: Path, model: Path, cli: Cli) -> None:
    assert cli("check", model).code == 0
    assert json.loads(cli("check", model, "--data", prices, "--json").out)["passed"]


def test_check_finds_features_that_look_ahead(prices: Path, cli: Cli, tmp_path: Path) -> None:
    code = tmp_path / "features.py"
    code.write_text(
        "import polars as pl\n"
        "def honest(days):\n    return days.select(calm=pl.col('close').rolling_std(10))\n"
        "def target(days):\n    return days.select(up=pl.col('close').shift(-1) > pl.col('close'))\n"
    )
    assert cli("check", f"{code}:honest", "--data", prices).code == 0
    ran = cli("check", f"{code}:target", "--data", prices)
    assert ran.code == 1
    assert "looks ahead: up of" in ran.out
    ran = cli("study", prices, "--features", f"{code}:target", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "looks ahead" in ran.err
    ran = cli("check", f"{code}:nothing", "--data", prices)
    assert (ran.code, "did you mean" in ran.err or "it has" in ran.err) == (2, True)


def test_race_races_rules_on_the_direction_in_time(prices: Path, cli: Cli) -> None:
    ran = cli("race", prices, "--rules", "newton,adam", "--budget", "quick", "--json")
    assert ran.code == 0
    assert {row["rule"] for row in json.loads(ran.out)["rows"]} == {"newton", "adam"}


# --- what is wrong with prices ----------------------------------------------------------------------------------------


def text(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """A file of closes whose lines, the header first, were changed."""

    def write(path: Path) -> None:
        path.write_text("\n".join(change(closes().write_csv().strip().split("\n"))) + "\n")

    return write


def cell(row: int, value: str) -> Callable[[Path], None]:
    return text(lambda lines: [*lines[:row], f"{lines[row].split(',')[0]},{value}", *lines[row + 1 :]])


def day(row: int, value: str) -> Callable[[Path], None]:
    return text(lambda lines: [*lines[:row], f"{value},{lines[row].split(',')[1]}", *lines[row + 1 :]])


def money(lines: list[str]) -> list[str]:
    dates, values = zip(*(line.split(",") for line in lines[1:]), strict=True)
    return [lines[0], *(f'{d},"{1000 * float(v):,.2f} $"' for d, v in zip(dates, values, strict=True))]


def split(lines: list[str]) -> list[str]:
    halved = [f"{line.split(',')[0]},{float(line.split(',')[1]) / 2}" for line in lines[300:]]
    return [*lines[:300], *halved]


def zoned(lines: list[str]) -> list[str]:
    return [lines[0], *(line.replace(",", "T16:00:00-05:00,") for line in lines[1:])]


def constant(lines: list[str]) -> list[str]:
    return [lines[0], *(f"{line.split(',')[0]},7.0" for line in lines[1:])]


def several(path: Path) -> None:
    own = closes()
    wide = own.rename({"Close": "A"}).with_columns(B=pl.when(pl.int_range(N) > 200).then(pl.col("A") * 2))
    wide.write_csv(path)


READ = {
    "unsorted": (text(lambda lines: [lines[0], *reversed(lines[1:])]), "turned round"),
    "repeated rows": (text(lambda lines: [*lines, lines[-1]]), "left out"),
    "a time zone": (text(zoned), ""),
    "weekends": (text(lambda lines: [*lines, f"2012-01-07,{lines[-1].split(',')[1]}"]), "Saturdays"),
    "a hole": (text(lambda lines: [*lines[:200], *lines[260:]]), "hole in the dates"),
    "money": (text(money), ""),
    "a split": (text(split), "2:1 split without adjustment"),
    "a gap in the middle": (cell(200, "NaN"), "without a price"),
}  # fmt: skip
REFUSED = {
    "two prices a day": (text(lambda lines: [*lines, f"{lines[-1].split(',')[0]},55.5"]), "one price"),
    "dates of two forms": (day(100, "31/05/2010"), "row 100"),
    "a price of zero": (cell(50, "0"), "row 50"),
    "a negative price": (cell(50, "-3.5"), "row 50"),
    "one row": (text(lambda lines: lines[:2]), "found 1"),
    "thirty rows": (text(lambda lines: lines[:31]), "found 30"),
    "constant prices": (text(constant), "all"),
    "several assets": (several, "name it with --target A"),
    "no prices": (cell(50, "soon"), "row 50"),
}  # fmt: skip


@pytest.mark.parametrize("what", READ)
def test_what_can_be_read_is_read_and_told(what: str, cli: Cli, tmp_path: Path) -> None:
    write, told = READ[what]
    write(tmp_path / "p.csv")
    ran = cli("fit", tmp_path / "p.csv", "--kind", "prices", "--model", "random_walk", "-o", tmp_path / "m.likeliest")
    assert ran.code == 0, ran.err
    assert told in ran.out


@pytest.mark.parametrize("verb", ["fit", "study"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_in_one_way_alone_is_refused(what: str, verb: str, cli: Cli, tmp_path: Path) -> None:
    write, told = REFUSED[what]
    write(tmp_path / "p.csv")
    before = files(tmp_path)
    output = ["-o", tmp_path / "m.likeliest"] if verb == "fit" else ["--out", tmp_path / "out", "--budget", "quick"]
    ran = cli(verb, tmp_path / "p.csv", "--kind", "prices", *output)
    assert ran.code == 2
    assert "p.csv" in ran.err
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert {name: held for name, held in files(tmp_path).items() if name in before} == before


def test_a_column_that_is_named_like_a_price_and_is_none(cli: Cli, tmp_path: Path) -> None:
    rooms = pl.DataFrame({"rooms": [2, 3, 4] * 20, "price": [100.0, 150.0, 190.0] * 20})
    rooms.write_csv(tmp_path / "flats.csv")
    ran = cli("study", tmp_path / "flats.csv", "--kind", "prices", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "date" in ran.err


def test_assets_of_different_length_are_told_apart(cli: Cli, tmp_path: Path) -> None:
    several(tmp_path / "p.csv")
    asked = ("--kind", "prices", "--target", "B", "--model", "random_walk")
    ran = cli("fit", tmp_path / "p.csv", *asked, "-o", tmp_path / "m.likeliest")
    assert ran.code == 0, ran.err
    assert f"B, {N - 202} returns" in ran.out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--every", "0"), "--every"),
        (("--horizon", "0"), "--horizon"),
        (("--window", "50"), "--window"),
        (("--cost", "5"), "--cost"),
        (("--cost", "0.3"), "of which nothing can be learnt"),
        (("--kind", "shares"), "no kind 'shares'"),
        (("--target", "Nasdaq", "--kind", "prices"), "Nasdaq"),
        (("--features", "nowhere.py:f"), "nowhere.py"),
    ],
)
def test_options_that_cannot_be_say_why(
    given: tuple[str, ...], told: str, prices: Path, cli: Cli, tmp_path: Path
) -> None:
    ran = cli("study", prices, "--out", tmp_path / "out", "--budget", "quick", *given)
    assert ran.code == 2
    assert told in ran.err


def test_a_model_of_prices_that_is_not_there(prices: Path, cli: Cli, tmp_path: Path) -> None:
    ran = cli("fit", prices, "--model", "crystal", "-o", tmp_path / "m")
    assert (ran.code, "no model 'crystal' of prices; there are auto, base_rate" in ran.err) == (2, True)
    ran = cli("fit", prices, "--model", "garch", "--family", "poisson", "-o", tmp_path / "m")
    assert (ran.code, "no distribution 'poisson' of returns" in ran.err) == (2, True)


def test_other_models_need_data_to_predict(people_csv: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("fit", people_csv, "--target", "smoker", "--model", "linear", "-o", tmp_path / "m.likeliest").code == 0
    ran = cli("predict", tmp_path / "m.likeliest")
    assert (ran.code, "expected DATA to predict" in ran.err) == (2, True)


def test_a_long_horizon_needs_a_longer_history(cli: Cli, tmp_path: Path) -> None:
    table(420).write_csv(tmp_path / "p.csv")
    ran = cli("study", tmp_path / "p.csv", "--horizon", "50", "--out", tmp_path / "out", "--budget", "quick")
    assert (ran.code, "expected more than 442 prices" in ran.err) == (2, True)


def test_models_say_what_they_need_and_do_not_take(cli: Cli, tmp_path: Path) -> None:
    table(200).write_csv(tmp_path / "p.csv")
    ran = cli("fit", tmp_path / "p.csv", "--model", "net", "-o", tmp_path / "m")
    assert (ran.code, "take a model of returns" in ran.err or "a longer history" in ran.err) == (2, True)
    ran = cli(
        "fit", tmp_path / "p.csv", "--model", "random_walk", "--family", "standardised_student_t", "-o", tmp_path / "m"
    )
    assert (ran.code, "has no other distribution" in ran.err) == (2, True)


def test_features_of_ones_own_with_gaps_are_refused(prices: Path, cli: Cli, tmp_path: Path) -> None:
    code = tmp_path / "features.py"
    code.write_text("import polars as pl\ndef late(days):\n    return days.select(a=pl.col('close').shift(300))\n")
    ran = cli("study", prices, "--features", f"{code}:late", "--out", tmp_path / "out", "--budget", "quick")
    assert (ran.code, "first 300 rows of a" in ran.err) == (2, True)
