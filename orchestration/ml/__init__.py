"""Between marts and `ml_assets`: reads frames of a tenant, computes in processes of their own, writes database `ml`.

Models and figures belong in `ml_assets`, assets and checks in `orchestration.defs.ml`.
"""
