"""The dbt project as assets: staging, core and report marts, with dbt tests as asset checks."""
