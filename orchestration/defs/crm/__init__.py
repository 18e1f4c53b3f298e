"""The CRM's replicas: one asset per canonical table, and the checks of what was extracted."""
