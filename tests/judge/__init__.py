"""The judge: the five reports recomputed in plain SQL from the CRM's source tables, and the comparison with the marts.

The SQL follows docs/metrics.md alone; nothing here may read or import the dbt models or the extraction.
"""
