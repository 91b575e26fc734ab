"""Tables joined, bars resampled, gaps filled, prices adjusted."""

from __future__ import annotations

import pandas as pd
import polars as pl

from .cases import Cases
from .tools import column

CASES = Cases()


@CASES.leaky("midnight in Berlin is the day before in UTC: Monday to Thursday get the rate of the next day")
def rate_stamped_in_utc(table):
    midnight = pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin")
    macro = table.select(
        midnight.dt.convert_time_zone("UTC").dt.date().alias("date"), pl.col("rate").alias("published")
    )
    joined = table.select("date").join_asof(macro, on="date", strategy="backward")
    return joined.select(pl.col("published") - pl.col("published").ewm_mean(span=20)).to_series()


@CASES.leaky("the rows before the first report are filled backward with it")
def earnings_filled_both_ways(table):
    earnings = pd.Series(column(table, "earnings"))
    return (earnings.ffill().bfill() / column(table, "close")).to_numpy()


@CASES.leaky("each day is joined with the bar of its own week, which closes on Friday")
def within_the_bar_of_the_week(table):
    bars = table.group_by_dynamic("date", every="1w").agg(
        week_high=pl.col("high").max(), week_low=pl.col("low").min(), week_close=pl.col("close").last()
    )
    joined = table.join_asof(bars, on="date", strategy="backward")
    return joined.select(
        place=(pl.col("close") - pl.col("week_low")) / (pl.col("week_high") - pl.col("week_low")),
        trend=pl.col("week_close") / pl.col("close") - 1,
    )


@CASES.leaky("the price of t is lowered by every payout after t, so that its level tells of them", extra=True)
def prices_adjusted_backward(table):
    kept = 1 - 0.5 * pl.col("earnings").clip(lower_bound=0).fill_null(0) / pl.col("close").shift(1)
    later = kept.cum_prod(reverse=True).shift(-1, fill_value=1.0)
    return table.select((pl.col("close") * later).log()).to_series()


@CASES.clean("the last report is carried forward, with its age in days")
def earnings_filled_forward(table):
    report = pl.when(pl.col("earnings").is_not_null())
    return table.select(
        earnings=pl.col("earnings").fill_null(strategy="forward"),
        age=(pl.col("date") - report.then(pl.col("date")).fill_null(strategy="forward")).dt.total_days(),
        growth=report.then(pl.col("earnings") - pl.col("earnings").fill_null(strategy="forward").shift(1)).fill_null(
            strategy="forward"
        ),
    )


@CASES.clean("the bars are shifted by a week before the join, so that even a cut week changes nothing", extra=True)
def within_the_bar_of_last_week(table):
    bars = table.group_by_dynamic("date", every="1w").agg(
        week_high=pl.col("high").max(), week_low=pl.col("low").min(), week_close=pl.col("close").last()
    )
    last = bars.with_columns(pl.all().exclude("date").shift(1))
    joined = table.join_asof(last, on="date", strategy="backward")
    return joined.select(
        place=(pl.col("close") - pl.col("week_low")) / (pl.col("week_high") - pl.col("week_low")),
        trend=pl.col("close") / pl.col("week_close") - 1,
    )


@CASES.clean("the rate is published two days later, and used on that day", lag=2, extra=True)
def rate_two_days_late(table):
    published = pl.col("rate").shift(2)
    return table.select(
        level=published, change=published.diff(5), unusual=published - published.rolling_mean(20, min_samples=5)
    )
