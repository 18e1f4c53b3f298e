"""What runs inside Superset, in Superset's own environment (.venv-superset): its settings, its security, its sign-on.

Nothing here is imported by code that runs in .venv, which has neither Flask nor Superset.
"""
