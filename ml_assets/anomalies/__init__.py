"""Anomalies of daily and weekly series: features, detection, events with severity and an explanation."""
