"""The analyst's commands: dbt in a private development schema, with everything else taken from production.

`commands` builds dbt's arguments and touches nothing, `workplace` opens the warehouse and prepares the folders,
`difference` compares two tables, `business_calendar` writes a seed, `__main__` is the command line. SQL of models
belongs in `dbt_project/`.
"""
