"""The main job: `study` takes data to a report; `Plan` says what it will do."""

from likeliest.study.plan import BUDGETS, Plan
from likeliest.study.prices import PriceStudy, Walk
from likeliest.study.run import Study, study

__all__ = ["BUDGETS", "Plan", "PriceStudy", "Study", "Walk", "study"]
