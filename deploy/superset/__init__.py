"""Runs Superset as a process: which variables it gets, its own database, its start and its stop.

What runs inside of it is in `superset_assets.server`; this package runs in .venv and imports nothing of Superset.
"""
