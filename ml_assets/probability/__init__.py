"""Chances of yes-or-no events: what churn, leads and deals share, from snapshots to words and plots.

`snapshots` builds the rows, `classifier` learns, `calibration` corrects and checks, `quality` and `drift` measure,
`training` puts them in order, `wording` writes numbers and `plots` draws. What an event is, which features it has and
what is said about them belong in `ml_assets.churn` and `ml_assets.scoring`.
"""
