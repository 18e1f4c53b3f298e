"""Forecasts, anomalies, churn and win probability: a pure library over data frames.

Nothing here knows the scheduler, the warehouse or a reader: frames go in, frames and figures come out. Reading marts
and writing the `ml` database belong in `orchestration.defs.ml`.
"""
