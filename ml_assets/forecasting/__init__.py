"""Sales forecasts: candidate models, their backtest, their combination, intervals and reconciliation."""

from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import ForecastResult, forecast_sales

__all__ = ["ForecastConfig", "ForecastResult", "forecast_sales"]
