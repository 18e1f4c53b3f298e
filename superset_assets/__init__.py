"""Superset's side of this project: dashboards as code, who may see what in them, and how they leave Superset."""
