"""Customers about to leave, leads and deals by their chance: snapshots, models, calibration, reasons."""
