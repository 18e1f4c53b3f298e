"""Which assets belong to the models' own job, and which checks the night leaves to it."""

from dagster import AssetKey, AssetSelection

from orchestration.defs.dbt.assets import warehouse_models

ML_ASSETS = AssetSelection.groups("ml")

ML_MODELS: tuple[AssetKey, ...] = tuple(
    key
    for key, group in warehouse_models.group_names_by_key.items()
    if group == "marts_ml" or key.path[-1].startswith("stg_ml__")
)
"""The dbt models that read database `ml`: views, so the night keeps them in place and only their tests wait."""
