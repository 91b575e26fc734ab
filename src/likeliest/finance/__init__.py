"""Forecasts of returns that know nothing of their future, and judgements of them that hold in short samples.

::

    features        what is known at each close, each with its lag        ─┐
    days            days of one asset as models see them                   │
    walk_forward    the only split: learn before, forecast after           ├─ what a forecast stands on
    lookahead       does anything know its future?  ← futures             ─┘
    fitting         maximum likelihood for a series                       ─┐
    forecast        predictive distributions of days                       │
    distributions   models of tomorrow's return                            ├─ forecasts
    trend           models of its direction                                │
    walking         every model through every fold                         │
    risk            value at risk and expected shortfall over days        ─┘
    scores          what a forecast loses by what happened                ─┐
    backtests       is it true, is it better?                              ├─ judgements
    judging         all models of a walk by all tests                     ─┘
    encoder         prices to x, for the model file

Nothing is imported here: take what you need from its module.
"""
