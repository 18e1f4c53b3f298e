"""Sales forecasts: candidate models, their backtest, their combination, intervals and reconciliation."""
