"""The logs in database `ops` that dbt reads, as assets, so that lineage shows where a model gets them from.

They are written by the extraction while it works; whatever is materialized in Dagster belongs elsewhere.
"""

from dagster import AssetSpec

loads = AssetSpec(
    ["ops", "extraction_state"],
    description="Finished loads of the replicas: how far each has come.",
    group_name="ops",
    owners=["team:data"],
)
rule_outcomes = AssetSpec(
    ["ops", "rule_outcomes"],
    description="What each examination of the landed tables said of each rule, tenant by tenant.",
    group_name="ops",
    owners=["team:data"],
)
repairs = AssetSpec(
    ["ops", "reconciliation"],
    description="Comparisons of the replicas with the CRM, and what they repaired.",
    group_name="ops",
    owners=["team:data"],
)
