"""Anomalies of daily and weekly measures: the expected, the odd, events told once, explanations in two languages."""

from ml_assets.anomalies.config import AnomalyConfig, GrainConfig
from ml_assets.anomalies.detect import ANOMALY_COLUMNS, EVENT_COLUMNS, RUN_COLUMNS, AnomalyResult, detect_anomalies

__all__ = [
    "ANOMALY_COLUMNS",
    "EVENT_COLUMNS",
    "RUN_COLUMNS",
    "AnomalyConfig",
    "AnomalyResult",
    "GrainConfig",
    "detect_anomalies",
]
