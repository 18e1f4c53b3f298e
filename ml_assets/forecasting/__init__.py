"""Sales forecasts: candidate models, their backtest, their combination, intervals and reconciliation."""

from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import ForecastResult, forecast_sales
from ml_assets.forecasting.quarter import QuarterResult, forecast_quarter

__all__ = ["ForecastConfig", "ForecastResult", "QuarterResult", "forecast_quarter", "forecast_sales"]
